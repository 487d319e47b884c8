"""The fault-injection benchmark: who finds the faults, and what mending them is worth.

Chapter: data/preparation. The thresholds of the doctor were chosen on the tables in
`CHOSEN_ON`; all rows of the benchmark come from the tables in `MEASURED_ON`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.pipeline import make_pipeline

from mldev.data import preparation_heldout
from mldev.data.preparation import Doctor, diagnose, drop_rows
from mldev.data.preparation_faults import CELL_FAULTS, ROW_FAULTS, Spoilt, inject
from mldev.data.preparation_findings import KINDS as DOCTORS
from mldev.data.preparation_findings import ROW_KINDS, Finding
from mldev.data.preparation_rivals import BLANK, rival
from mldev.data.preparation_tasks import Plain, Task, task, test_score, typed
from mldev.studies import Study

CHOSEN_ON = ("penguins", "wine", "iris", "churn", "credit", "housing")
MEASURED_ON = ("arrests", "actg175", "breast_cancer", "diabetes")
KINDS = (*CELL_FAULTS, *ROW_FAULTS)
NUM_SEEDS = 5
COLUMNS = (
    *("clean", "plain", "drop rows", "skrub", "doctor", "regressions", "decided"),
    *("told", "cleanlab", "cleanlab gated"),
    *("true", "false", "missed", "seen", "spoilt", "right", "flagged", "others"),
    *("rival true", "rival false", "rival missed"),
    *("gated true", "gated false", "gated missed"),
    *("rows true", "rows false", "rows missed"),
)
METHODS = ("plain", "drop rows", "skrub", "doctor", "regressions", "decided", "told")
FIXABLE = tuple(kind for kind in DOCTORS if kind not in ROW_KINDS)
FIXES_WITHOUT_FLAGS = tuple(
    kind for kind in FIXABLE if kind not in ("missing_pattern", "leakage")
)


def spoil(
    clean: Task, kind: str, seed: int
) -> tuple[Spoilt, pd.DataFrame, pd.DataFrame]:
    """The spoilt training table, the spoilt test rows, and the mask of their spoilt cells."""
    if kind in ROW_FAULTS:
        spoilt = inject(kind, clean.X_train, clean.y_train, seed)
        test = clean.X_test
        if kind == "leakage":  # at prediction the code tells nothing
            rng = np.random.default_rng([seed, 8])
            code = rng.choice(spoilt.frame["closing code"], len(test))
            test = test.assign(**{"closing code": code})
        return spoilt, test, pd.DataFrame(False, index=test.index, columns=test.columns)
    both = pd.concat([clean.X_train, clean.X_test], ignore_index=True)
    target = pd.concat([clean.y_train, clean.y_test], ignore_index=True)
    whole, size = inject(kind, both, target, seed), len(clean.X_train)
    parts = [
        (part.iloc[:size], part.iloc[size:].reset_index(drop=True))
        for part in (whole.frame, whole.cells)
    ]
    train = Spoilt(parts[0][0], clean.y_train, parts[1][0], np.zeros(size, dtype=bool))
    return train, parts[0][1], parts[1][1]


def skrub_pipeline(clean: Task) -> object:
    """skrub's default pipeline around the same model, without the spline that it makes of dates.

    A date of these tables is a retold quantity: its day of the week means nothing.
    """
    from skrub import DatetimeEncoder, tabular_pipeline

    pipeline = tabular_pipeline(clean.model())
    return pipeline.set_params(tablevectorizer__datetime=DatetimeEncoder())


def scores(
    clean: Task,
    spoilt: Spoilt,
    X_test: pd.DataFrame,
    cells_test: pd.DataFrame,
    findings: Sequence[Finding],
) -> dict[str, float]:
    """The test score of every way to go on, from the same spoilt table."""
    X, y = spoilt.frame, spoilt.y
    plain = make_pipeline(Plain(), clean.model())
    whole = X.notna().all(axis=1).to_numpy()
    X_kept, y_kept = drop_rows(X, y, findings)
    doctors = {
        "doctor": Doctor(),
        "regressions": Doctor(fixes=FIXES_WITHOUT_FLAGS, fill="model"),
        "decided": Doctor(fixes=FIXABLE),
    }
    gone = list(spoilt.columns) if spoilt.cells.all().any() else []
    told = X.mask(spoilt.cells).drop(columns=gone)[~spoilt.rows]
    told_test = X_test.mask(cells_test).drop(columns=gone)
    fits = {
        "plain": (plain, X, y, X_test),
        "drop rows": (plain, X[whole], y[whole], X_test),
        "skrub": (skrub_pipeline(clean), X, y, X_test),
    }
    for name, doctor in doctors.items():
        pipeline = make_pipeline(doctor, Plain(), clean.model())
        fits[name] = (pipeline, X_kept, y_kept, X_test)
    fits |= {
        "told": (plain, typed(told, clean), y[~spoilt.rows], typed(told_test, clean)),
    }
    return {name: test_score(clean, *fit) for name, fit in fits.items()}


def flagged(
    findings: Sequence[Finding], kinds: Sequence[str], spoilt: Spoilt
) -> tuple[np.ndarray, np.ndarray]:
    """What the findings of some kinds point at: a mask of cells, and one of rows."""
    cells = np.zeros(spoilt.frame.shape, dtype=bool)
    rows = np.zeros(len(spoilt.frame), dtype=bool)
    for one in findings:
        if one.kind in kinds and one.column is None:
            rows[list(one.rows)] = True
        elif one.kind in kinds:
            cells[list(one.rows), spoilt.frame.columns.get_loc(one.column)] = True
    return cells, rows


def hits(kind: str, findings: Sequence[Finding], spoilt: Spoilt) -> dict[str, int]:
    """True and false alarms and misses: of columns for two kinds, of rows for three, else of cells."""
    cells, rows = flagged(findings, [kind], spoilt)
    truth = spoilt.cells.to_numpy()
    if kind in ("leakage", "missing_pattern"):
        found, truth = cells.any(axis=0), truth.any(axis=0)
    elif kind in ROW_FAULTS:
        found, truth = rows, spoilt.rows
    else:
        found = cells
    return {
        "true": int((found & truth).sum()),
        "false": int((found & ~truth).sum()),
        "missed": int((~found & truth).sum()),
    }


def run_row(row: dict) -> dict:
    """One table, one kind of fault, one seed: what is found, and every test score."""
    result = _measured(row)
    return {name: result[name] for name in COLUMNS}


def _measured(row: dict) -> dict:
    kind = row["kind"]
    clean = task(row["table"], row["seed"], dates=kind == "mixed_dates")
    plain = make_pipeline(Plain(), clean.model())
    result = {
        "clean": test_score(clean, plain, clean.X_train, clean.y_train, clean.X_test)
    }
    if kind == "none":
        return result | _on_clean(clean)
    spoilt, X_test, cells_test = spoil(clean, kind, row["seed"])
    findings = diagnose(spoilt.frame, spoilt.y)
    others = sum(one.kind != kind for one in findings)
    return (
        result
        | scores(clean, spoilt, X_test, cells_test, findings)
        | hits(kind, findings, spoilt)
        | any_kind(findings, spoilt)
        | {"others": others}
        | rival(kind, spoilt, clean, X_test, findings)
    )


def any_kind(findings: Sequence[Finding], spoilt: Spoilt) -> dict[str, int]:
    """Findings of all kinds together: how much of what is spoilt they point at, and how much of that is spoilt.

    A suspect row counts as one thing pointed at.
    """
    cells, rows = flagged(findings, [one.kind for one in findings], spoilt)
    truth, wrong = spoilt.cells.to_numpy(), spoilt.rows
    if truth.any():
        seen, total = (cells | rows[:, None]) & truth, truth.sum()
        wrong = truth.any(axis=1)
    else:
        seen, total = (rows | cells.any(axis=1)) & wrong, wrong.sum()
        truth = np.broadcast_to(wrong[:, None], cells.shape)
    right = (cells & truth).sum() + (rows & wrong).sum()
    return {
        "seen": int(seen.sum()),
        "spoilt": int(total),
        "right": int(right),
        "flagged": int(cells.sum() + rows.sum()),
    }


def _on_clean(clean: Task) -> dict:
    """Findings on the table as it came, and what treating them does to the test score."""
    nothing = Spoilt(
        clean.X_train,
        clean.y_train,
        clean.X_train.isna() & False,
        np.zeros(len(clean.y_train), bool),
    )
    findings = diagnose(clean.X_train, clean.y_train)
    unmarked = clean.X_test.isna() & False
    names = ("true", "missed", "seen", "spoilt", "right", "flagged")
    counts = dict.fromkeys(names, 0)
    cells, rows = flagged(findings, [one.kind for one in findings], nothing)
    return (
        scores(clean, nothing, clean.X_test, unmarked, findings)
        | counts
        | {"false": int(cells.sum() + rows.sum()), "others": len(findings)}
        | BLANK
    )


def grid(tables: Sequence[str] = MEASURED_ON, num_seeds: int = NUM_SEEDS) -> list[dict]:
    """Every kind of fault, and none, on every table where it fits, for every seed."""
    return [
        {"table": table, "kind": kind, "seed": seed}
        for table in tables
        for kind in ("none", *KINDS)
        if not (table == "arrests" and kind in NOT_IN_ARRESTS)
        for seed in range(num_seeds)
    ]


NOT_IN_ARRESTS = ("mixed_dates", "unit_mixup")  # no date, and no quantity with a unit
STUDIES = {
    "benchmark": Study("data/preparation-benchmark", run_row, grid())
} | preparation_heldout.STUDIES
