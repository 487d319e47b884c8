"""The data of the book: one registry, nothing downloaded.

`load(name)` returns a bundle (`Table`, `Images`, `Series` or `Texts`); `REGISTRY[name]` says what the data set is,
where it comes from, under which licence, how large it is and which of its columns are sensitive. Data come from three
places: inside the pinned packages, drawn or read from what those packages install (glyphs, docstrings), or made by a
known formula where a chapter needs the truth (named as synthetic). The data appendix of the book is made from this
registry.
"""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from typing import Any

import pandas as pd

from mldev import (
    datasets_classics,
    datasets_docstrings,
    datasets_glyphs,
    datasets_people,
    datasets_series,
    datasets_streams,
    datasets_synthetic,
)
from mldev.datasets_types import (
    BadArgument,
    Dataset,
    Images,
    Series,
    StreamTruth,
    Table,
    Texts,
    Truth,
    UnknownDataset,
)

__all__ = [
    "REGISTRY",
    "BadArgument",
    "Dataset",
    "Images",
    "Series",
    "StreamTruth",
    "Table",
    "Texts",
    "Truth",
    "UnknownDataset",
    "load",
    "overview",
]

REGISTRY: dict[str, Dataset] = {
    entry.name: entry
    for module in (
        datasets_classics,
        datasets_people,
        datasets_series,
        datasets_glyphs,
        datasets_docstrings,
        datasets_synthetic,
        datasets_streams,
    )
    for entry in module.ENTRIES
}


def load(name: str, **kwargs: Any) -> Table | Images | Texts | Series:
    """Load a data set.

    Parameters
    ----------
    name : str
        A key of `REGISTRY`.
    **kwargs
        Arguments of that data set's loader (`REGISTRY[name].load`); most real data sets take none.

    Returns
    -------
    Table, Images, Texts or Series
        As `REGISTRY[name].kind` says. Each call returns data of its own, safe to change.

    Raises
    ------
    UnknownDataset
        When there is no such data set.
    BadArgument
        When the loader has no such argument, or the value is not allowed.
    """
    if name not in REGISTRY:
        raise UnknownDataset(_unknown(name))
    loader = REGISTRY[name].load
    known = list(inspect.signature(loader).parameters)
    for argument, value in kwargs.items():
        if argument not in known:
            allowed = ", ".join(known) if known else "no argument at all"
            raise BadArgument(
                f"{name}: unknown argument {argument!r} (came with {value!r}); allowed: {allowed}"
            )
    try:
        return loader(**kwargs)
    except BadArgument as error:
        raise BadArgument(f"{name}: {error}") from None


def overview() -> pd.DataFrame:
    """One row per data set: title, kind, task, size, sensitive columns, synthetic or not."""
    rows = [
        {
            "name": entry.name,
            "title": entry.title,
            "kind": entry.kind,
            "task": entry.task,
            "size": entry.size_text,
            "sensitive columns": ", ".join(entry.sensitive),
            "synthetic": entry.synthetic,
        }
        for entry in REGISTRY.values()
    ]
    return pd.DataFrame(rows).set_index("name")


def _unknown(name: object) -> str:
    """One line for a name that is not in the registry."""
    near = get_close_matches(
        str(name).lower().replace("-", "_").replace(" ", "_"), REGISTRY, n=3, cutoff=0.5
    )
    hint = (
        f"did you mean {' or '.join(near)}?"
        if near
        else f"there are {', '.join(sorted(REGISTRY))}"
    )
    return f"no data set is called {name!r}; {hint}"
