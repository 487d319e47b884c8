"""The fault-injection benchmark: who finds the faults, and what mending them is worth.

Chapter: data/preparation. The thresholds of the doctor were chosen on the tables in
`CHOSEN_ON`; all rows of the benchmark come from the tables in `MEASURED_ON`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mldev import datasets
from mldev.data.preparation import Doctor, diagnose, drop_rows
from mldev.data.preparation_faults import (
    CELL_FAULTS,
    ROW_FAULTS,
    Spoilt,
    inject,
    with_words_and_dates,
)
from mldev.data.preparation_findings import Finding
from mldev.data.preparation_rows import design, out_of_fold
from mldev.studies import Study

CHOSEN_ON = ("penguins", "wine", "iris", "churn", "credit", "housing")
MEASURED_ON = ("arrests", "actg175", "breast_cancer", "diabetes")
KINDS = (*CELL_FAULTS, *ROW_FAULTS)
NUM_SEEDS = 5
MOST_TRAINING, MOST_TEST = 1000, 2000
COLUMNS = (
    *("clean", "plain", "drop rows", "skrub", "doctor", "told", "cleanlab"),
    *("true", "false", "missed", "seen", "spoilt", "others"),
    *("rival true", "rival false", "rival missed"),
)
METHODS = ("plain", "drop rows", "skrub", "doctor", "told")


@dataclass(frozen=True)
class Task:
    """A table split for a seed, clean."""

    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: pd.Series
    y_test: pd.Series

    @property
    def classification(self) -> bool:
        """Whether the target is a class."""
        return self.y_train.nunique() <= 20

    def model(self) -> BaseEstimator:
        """The linear model that everybody uses."""
        return LogisticRegression(max_iter=300) if self.classification else Ridge()

    def score(self, pipeline: BaseEstimator, X_test: pd.DataFrame) -> float:
        """AUC or R2 on the test rows."""
        if self.classification:
            return float(
                roc_auc_score(self.y_test, pipeline.predict_proba(X_test)[:, 1])
            )
        return float(r2_score(self.y_test, pipeline.predict(X_test)))


@cache
def _table(name: str) -> tuple[pd.DataFrame, pd.Series]:
    table = datasets.load(name)
    frame = with_words_and_dates(table.X.reset_index(drop=True))
    return frame, table.y.reset_index(drop=True)


def task(table: str, seed: int) -> Task:
    """Half of the rows to train on, the others to test on, both up to a limit."""
    X, y = _table(table)
    classes = y if y.nunique() <= 20 else None
    train, test = train_test_split(
        np.arange(len(y)), test_size=0.5, random_state=seed, stratify=classes
    )
    train, test = train[:MOST_TRAINING], test[:MOST_TEST]
    parts = [
        part.reset_index(drop=True)
        for part in (X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test])
    ]
    return Task(*parts)


class Plain(TransformerMixin, BaseEstimator):
    """What everybody writes: fill numbers with medians and scale them, fill and encode words."""

    def fit(self, X: pd.DataFrame, y: object = None) -> Plain:
        """Decide by the types of the training table."""
        self.words_ = [name for name in X if X[name].dtype == object]
        self.numbers_ = [name for name in X if X[name].dtype != object]
        self.fill_ = SimpleImputer(strategy="median", keep_empty_features=True)
        self.scale_ = StandardScaler().fit(self.fill_.fit_transform(self._matrix(X)))
        self.encode_ = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        self.encode_.fit(self._texts(X))
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Numbers, then one column for each word."""
        numbers = self.scale_.transform(self.fill_.transform(self._matrix(X)))
        return np.hstack([numbers, self.encode_.transform(self._texts(X))])

    def _matrix(self, X: pd.DataFrame) -> np.ndarray:
        columns = []
        for name in self.numbers_:
            column = X[name]
            if types.is_datetime64_any_dtype(column.dtype):
                column = column.astype("int64").where(column.notna()) / 86_400e9
            columns.append(pd.to_numeric(column, errors="coerce").to_numpy(dtype=float))
        return np.column_stack(columns)

    def _texts(self, X: pd.DataFrame) -> np.ndarray:
        return (
            X[self.words_]
            .astype(object)
            .where(X[self.words_].notna(), "")
            .astype(str)
            .to_numpy()
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


def scores(
    clean: Task,
    spoilt: Spoilt,
    X_test: pd.DataFrame,
    cells_test: pd.DataFrame,
    findings: Sequence[Finding],
) -> dict[str, float]:
    """The test score of every way to go on, from the same spoilt table."""
    from skrub import tabular_pipeline

    X, y = spoilt.frame, spoilt.y
    plain = make_pipeline(Plain(), clean.model())
    whole = X.notna().all(axis=1).to_numpy()
    X_kept, y_kept = drop_rows(X, y, findings)
    doctored = make_pipeline(Doctor(), Plain(), clean.model())
    gone = list(spoilt.columns) if spoilt.cells.all().any() else []
    told = X.mask(spoilt.cells).drop(columns=gone)[~spoilt.rows]
    told_test = X_test.mask(cells_test).drop(columns=gone)
    fits = {
        "plain": (plain, X, y, X_test),
        "drop rows": (plain, X[whole], y[whole], X_test),
        "skrub": (tabular_pipeline(clean.model()), X, y, X_test),
        "doctor": (doctored, X_kept, y_kept, X_test),
        "told": (plain, typed(told, clean), y[~spoilt.rows], typed(told_test, clean)),
    }
    return {name: _score(clean, *fit) for name, fit in fits.items()}


def typed(frame: pd.DataFrame, clean: Task) -> pd.DataFrame:
    """What is left after spoilt cells were emptied, in the types of the clean table."""
    return pd.DataFrame(
        {
            name: pd.to_datetime(column)
            if types.is_datetime64_any_dtype(clean.X_train[name].dtype)
            else column.astype(clean.X_train[name].dtype)
            for name, column in frame.items()
        }
    )


def _score(
    clean: Task, pipeline: Pipeline, X: pd.DataFrame, y: pd.Series, X_test: pd.DataFrame
) -> float:
    """The test score; that of knowing nothing where too few rows are left to learn from."""
    if len(X) < 10 or y.nunique() < 2:
        return 0.5 if clean.classification else 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about types that skrub cannot read
        return clean.score(pipeline.fit(X, y), X_test)


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


def rival(
    kind: str, spoilt: Spoilt, clean: Task, X_test: pd.DataFrame
) -> dict[str, float]:
    """The libraries' own finders: cleanlab for labels, skrub for slips of the pen; NaN elsewhere."""
    found = {
        "rival true": np.nan,
        "rival false": np.nan,
        "rival missed": np.nan,
        "cleanlab": np.nan,
    }
    if kind == "misspelling":
        truth, hit = [], []
        for name in spoilt.columns:
            truth.append(spoilt.cells[name].to_numpy())
            hit.append(_deduplicated(spoilt.frame[name]))
        truth, hit = (
            np.concatenate(truth or [[]]).astype(bool),
            np.concatenate(hit or [[]]).astype(bool),
        )
    elif kind == "label_error" and clean.classification:
        hit, truth = cleanlab_issues(spoilt.frame, spoilt.y), spoilt.rows
        kept = make_pipeline(Plain(), clean.model())
        found["cleanlab"] = _score(
            clean, kept, spoilt.frame[~hit], spoilt.y[~hit], X_test
        )
    else:
        return found
    counts = {
        "true": (hit & truth).sum(),
        "false": (hit & ~truth).sum(),
        "missed": (~hit & truth).sum(),
    }
    return found | {f"rival {name}": float(count) for name, count in counts.items()}


def _deduplicated(column: pd.Series) -> np.ndarray:
    """The words that skrub would change; none where it says that they are too few to cluster."""
    from skrub import deduplicate

    words = column.fillna("missing").astype(str)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return deduplicate(words.tolist()).to_numpy() != words.to_numpy()
        except ValueError as error:
            if "Number of labels" not in str(error):
                raise
            return np.zeros(len(words), dtype=bool)


def cleanlab_issues(X: pd.DataFrame, y: pd.Series) -> np.ndarray:
    """The rows that cleanlab's default finder calls wrong, from the same probabilities as the doctor's."""
    from cleanlab.filter import find_label_issues
    from sklearn.model_selection import StratifiedKFold

    labels = np.unique(y, return_inverse=True)[1]
    split = StratifiedKFold(5, shuffle=True, random_state=0)
    return find_label_issues(labels, out_of_fold(design(X), labels, split), n_jobs=1)


def run_row(row: dict) -> dict:
    """One table, one kind of fault, one seed: what is found, and every test score."""
    result = _measured(row)
    return {name: result[name] for name in COLUMNS}


def _measured(row: dict) -> dict:
    clean, kind = task(row["table"], row["seed"]), row["kind"]
    plain = make_pipeline(Plain(), clean.model())
    result = {"clean": _score(clean, plain, clean.X_train, clean.y_train, clean.X_test)}
    if kind == "none":
        return result | _on_clean(clean)
    spoilt, X_test, cells_test = spoil(clean, kind, row["seed"])
    findings = diagnose(spoilt.frame, spoilt.y)
    everywhere = flagged(findings, [one.kind for one in findings], spoilt)
    truth = spoilt.cells.to_numpy()
    seen = (
        (everywhere[0] | everywhere[1][:, None]) & truth
        if truth.any()
        else everywhere[1] & spoilt.rows
    )
    total = truth.sum() if truth.any() else spoilt.rows.sum()
    others = sum(one.kind != kind for one in findings)
    return (
        result
        | scores(clean, spoilt, X_test, cells_test, findings)
        | hits(kind, findings, spoilt)
        | {"seen": int(seen.sum()), "spoilt": int(total), "others": others}
        | rival(kind, spoilt, clean, X_test)
    )


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
    counts = dict.fromkeys(("true", "missed", "seen", "spoilt"), 0)
    cells, rows = flagged(findings, [one.kind for one in findings], nothing)
    blanks = {f"rival {name}": np.nan for name in ("true", "false", "missed")} | {
        "cleanlab": np.nan
    }
    return (
        scores(clean, nothing, clean.X_test, unmarked, findings)
        | counts
        | {"false": int(cells.sum() + rows.sum()), "others": len(findings)}
        | blanks
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
STUDIES = {"benchmark": Study("data/preparation-benchmark", run_row, grid())}
