"""Faults that the checks' lists do not name, and tables with nothing wrong that look suspicious.

Chapter: data/preparation. The benchmark injects codes, factors and formats that stand on
the lists of the checks; here are some that do not.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandas.api import types

from mldev import datasets
from mldev.data.preparation import diagnose
from mldev.data.preparation_findings import KINDS
from mldev.data.preparation_tasks import task
from mldev.studies import Study

TABLES = ("actg175", "breast_cancer", "diabetes")
RECIPES = {
    "disguised_missing": {
        "listed": ((-999.0,), ("n/a", "unknown")),
        "held out": ((-888.0, -1000.0), ("tbd", "not recorded")),
    },
    "unit_mixup": {
        "listed": (1000.0, 12.0, 2.54, 2.2046),
        "held out": (453.6, 88.4, 28.35, 18.0),
    },
    "mixed_dates": {
        "listed": ("%d.%m.%Y", "%b %d, %Y"),
        "held out": ("%d-%m-%y", "%Y%m%d"),
    },
}


def heldout_run(seed: int, kind: str, recipe: str) -> dict:
    """The share of spoilt cells that any finding about columns points at, over three tables.

    "named" is the share that a finding of this very kind points at.
    """
    if kind not in RECIPES or recipe not in RECIPES[kind]:
        allowed = ", ".join(f"{k}: {r}" for k in RECIPES for r in RECIPES[k])
        raise ValueError(f"recipe: got {kind!r}, {recipe!r}, allowed: {allowed}")
    rng = np.random.default_rng([seed, 11])
    counts = {"found": 0, "named": 0, "total": 0}
    for table in TABLES:
        frame = task(table, seed, dates=kind == "mixed_dates").X_train
        spoilt, cells = _spoilt(frame, kind, RECIPES[kind][recipe], rng)
        seen = {name: cells & False for name in ("found", "named")}
        for one in diagnose(spoilt):
            if one.column is not None and one.kind != "missing_pattern":
                seen["found"].loc[list(one.rows), one.column] = True
                if one.kind == kind:
                    seen["named"].loc[list(one.rows), one.column] = True
        for name, mask in seen.items():
            counts[name] += int((mask & cells).to_numpy().sum())
        counts["total"] += int(cells.to_numpy().sum())
    total = counts.pop("total")
    shares = {name: count / total for name, count in counts.items()}
    return {"seed": seed, "kind": kind, "recipe": recipe} | shares


def _spoilt(
    frame: pd.DataFrame, kind: str, values: tuple, rng: np.random.Generator
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A tenth of the cells of every second column that fits, each column by one recipe."""
    spoilt = frame.copy()
    cells = pd.DataFrame(False, index=frame.index, columns=frame.columns)
    fitting = [name for name in frame if _fits(frame[name], kind)]
    for name in fitting[:: 2 if len(fitting) > 1 else 1]:
        hit, column = rng.random(len(frame)) < 0.1, frame[name]
        if kind == "mixed_dates":
            format = str(rng.choice(values))
            spoilt[name] = column.dt.strftime("%Y-%m-%d").where(
                ~hit, column.dt.strftime(format)
            )
        elif kind == "unit_mixup":
            spoilt[name] = column.where(~hit, column * rng.choice(values))
        else:
            word = not types.is_numeric_dtype(column.dtype)
            spoilt[name] = column.mask(hit, rng.choice(values[int(word)]))
        cells[name] = hit
    return spoilt, cells


def _fits(column: pd.Series, kind: str) -> bool:
    dates = types.is_datetime64_any_dtype(column.dtype)
    if kind in ("mixed_dates", "disguised_missing"):
        return dates == (kind == "mixed_dates")
    rich = types.is_numeric_dtype(column.dtype) and column.nunique() > 20
    return rich and (column > 0).mean() > 0.9


def innocent(seed: int, num_rows: int = 1000) -> dict[str, tuple]:
    """Tables without a fault that a careless check would find one in."""
    rng = np.random.default_rng([seed, 12])
    names = ["Australia", "Austria", "Iran", "Iraq", "Slovenia", "Slovakia"]
    common = np.array([0.32, 0.02, 0.31, 0.02, 0.31, 0.02])
    a, noise = rng.normal(size=(num_rows, 4)), rng.normal(size=num_rows)
    strong = pd.DataFrame(a, columns=list("abcd"))
    return {
        "counts": (pd.DataFrame({"visits": rng.poisson(0.3, num_rows)}), None),
        "losses": (pd.DataFrame({"profit": rng.normal(5, 3, num_rows)}), None),
        "countries": (
            pd.DataFrame({"from": rng.choice(names, num_rows, p=common)}),
            None,
        ),
        "stages": (
            pd.DataFrame(
                {"w": rng.choice(["stage 1", "stage 2"], num_rows, p=[0.95, 0.05])}
            ),
            None,
        ),
        "one column": (pd.DataFrame({"x": rng.normal(size=num_rows)}), None),
        "strong column": (strong, 3 * strong["a"] + 0.9 * noise),
    }


def unspoilt_row(row: dict) -> dict:
    """Findings on one table that nobody spoilt: for each kind the cells or rows pointed at.

    Up to 5,000 rows of a table of the book, or one of `innocent`.
    """
    if row["table"] in INNOCENT:
        X, y = innocent(row["seed"])[row["table"]]
    else:
        table = datasets.load(row["table"])
        X, y = table.X.iloc[:5000], table.y.iloc[:5000]
    counts = dict.fromkeys(KINDS, 0)
    for one in diagnose(X, y):
        counts[one.kind] += len(one.rows)
    return {"cells": int(X.size)} | counts


def heldout_row(row: dict) -> dict:
    """`heldout_run` as a row of a study."""
    result = heldout_run(**row)
    return {name: result[name] for name in ("found", "named")}


INNOCENT = ("counts", "losses", "countries", "stages", "one column", "strong column")
BOOK = (
    *("iris", "wine", "breast_cancer", "diabetes", "penguins", "arrests", "rossi"),
    *("actg175", "randhie", "engel", "churn", "credit", "housing", "drift"),
)
STUDIES = {
    "heldout": Study(
        "data/preparation-heldout",
        heldout_row,
        [
            {"seed": seed, "kind": kind, "recipe": recipe}
            for kind, recipes in RECIPES.items()
            for recipe in recipes
            for seed in range(5)
        ],
    ),
    "unspoilt": Study(
        "data/preparation-unspoilt",
        unspoilt_row,
        [{"table": name, "seed": 0} for name in (*BOOK, *INNOCENT)],
    ),
}
