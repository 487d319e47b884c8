"""What the data appendix shows of each data set: a card of facts, its columns, its true formula.

Everything that can be computed is computed from the loaded data; the rest comes from the registry.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from IPython.display import Markdown

from mldev.datasets import (
    REGISTRY,
    Images,
    Series,
    StreamTruth,
    Table,
    Texts,
    Truth,
    load,
)


def card(name: str) -> Markdown:
    """Description, computed facts, sensitive columns, source and licence of one data set."""
    entry = REGISTRY[name]
    bundle = load(name)
    lines = [
        entry.description,
        "",
        f"- **Loaded by**: `load({name!r})`",
        f"- **Size**: {entry.size_text}{_extent(bundle)}",
    ]
    if isinstance(bundle, Table):
        lines.append(f"- **Target**: `{bundle.y.name}`: {_target(bundle)}")
        if isinstance(bundle.truth, Truth):
            lines += _truth(bundle.truth)
        if isinstance(bundle.truth, StreamTruth):
            when = ", ".join(f"{start:,}" for start, _ in bundle.truth.changes)
            lines.append(
                f"- **Truth**: the law changes at row {when} (`kind={bundle.truth.kind!r}`)"
            )
    if isinstance(bundle, (Images, Texts)):
        lines.append(f"- **Labels**: {_labels(bundle)}")
    if isinstance(bundle, Series):
        lines.append(f"- **Unit**: {bundle.unit}")
    lines.append(f"- **Sensitive columns**: {_code(entry.sensitive) or 'none'}")
    lines += [f"- **Source**: {entry.source}", f"- **Licence**: {entry.licence}"]
    return Markdown("\n".join(lines))


def columns(name: str, limit: int = 8) -> pd.DataFrame:
    """The columns of a table: what values they take, how many are missing, the first row; about `limit` at most."""
    table = load(name)
    shown = (
        table.X.iloc[:, :limit] if table.X.shape[1] > limit + 2 else table.X
    )  # "and 1 more" would save no room
    rows = {column: _describe(shown[column]) for column in shown}
    left_out = table.X.shape[1] - shown.shape[1]
    if left_out:
        rows[f"and {left_out} more"] = {"values": "", "missing": "", "first row": ""}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("column")


def coefficients(name: str) -> pd.DataFrame:
    """The true formula of a synthetic data set: term and coefficient (one column per concept of a stream)."""
    truth = load(name).truth
    if isinstance(truth, StreamTruth):
        return truth.weights.T.rename(columns="concept {}".format).rename_axis("term")
    return pd.DataFrame({"coefficient": dict(truth.coefficients)}).rename_axis("term")


def _extent(bundle: Table | Images | Texts | Series) -> str:
    """What the size leaves open: gaps in a table, first and last date of a series, length of texts."""
    if isinstance(bundle, Table):
        missing = int(bundle.X.isna().to_numpy().sum())
        words = sum(not pd.api.types.is_numeric_dtype(kind) for kind in bundle.X.dtypes)
        return f"; {words or 'none'} of them words; {missing or 'no'} missing cells"
    if isinstance(bundle, Series):
        missing = int(np.isnan(bundle.values.to_numpy()).sum())
        first, last = (
            f"{day:%Y-%m}" for day in (bundle.values.index[0], bundle.values.index[-1])
        )
        return f", {first} to {last}; {missing or 'no'} gaps"
    if isinstance(bundle, Texts):
        lengths = bundle.frame["body"].str.split().str.len()
        return f", {lengths.sum():,} words; a body has {lengths.median():.0f} words in the median"
    return ""


def _target(table: Table) -> str:
    if table.label_names:
        shares = table.y.value_counts(normalize=True)
        return ", ".join(
            f"{label} {shares[code]:.0%}"
            for code, label in enumerate(table.label_names)
        )
    if table.y.dtype == object:
        return ", ".join(
            f"{label} {share:.0%}"
            for label, share in table.y.value_counts(normalize=True).items()
        )
    return f"{table.y.min():,.4g} to {table.y.max():,.4g}, mean {table.y.mean():,.4g}"


def _labels(bundle: Images | Texts) -> str:
    counts = np.bincount(bundle.labels)
    if isinstance(bundle, Texts):
        return ", ".join(
            f"{name} {count:,}"
            for name, count in zip(bundle.label_names, counts, strict=True)
        )
    each = (
        f"{counts.min()}"
        if counts.min() == counts.max()
        else f"{counts.min()} to {counts.max()}"
    )
    return f"{len(counts):,} classes of {each} images"


def _truth(truth: Truth) -> list[str]:
    proxies = ", ".join(
        f"`{column}` follows `{cause}`" for column, cause in truth.proxies.items()
    )
    lines = [f"- **Truth**: {truth.statement}", f"- **Causes**: {_code(truth.causes)}"]
    lines += [f"- **Without effect**: {proxies}; noise: {_code(truth.noise)}"]
    lines += [
        f"- **True effect** of `{column}` for everybody: {effect:+.3f}"
        for column, effect in truth.effects.items()
    ]
    return lines


def _describe(column: pd.Series) -> dict[str, str]:
    if pd.api.types.is_numeric_dtype(column):
        show = (
            "{:d}".format if pd.api.types.is_integer_dtype(column) else "{:.4g}".format
        )
        values, first = (
            f"{show(column.min())} to {show(column.max())}",
            show(column.iloc[0]),
        )
    else:
        values, first = ", ".join(sorted(column.dropna().unique())), str(column.iloc[0])
    return {"values": values, "missing": str(column.isna().sum()), "first row": first}


def _code(names: tuple[str, ...]) -> str:
    return ", ".join(f"`{name}`" for name in names)
