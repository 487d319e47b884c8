"""What the libraries' own finders find in the rows of the benchmark.

Chapter: data/preparation. cleanlab looks for wrong labels, skrub for slips of the pen,
scikit-learn's isolation forest for rows that lie apart.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.ensemble import IsolationForest
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mldev.data.preparation_faults import Spoilt
from mldev.data.preparation_findings import Finding
from mldev.data.preparation_rows import (
    LEAST_SKILL,
    design,
    out_of_fold,
    robust_skill,
    skill,
)
from mldev.data.preparation_tasks import Plain, Task, test_score

COUNTS = ("true", "false", "missed")
BLANK = {
    f"{who} {what}": np.nan for who in ("rival", "gated", "rows") for what in COUNTS
}
BLANK |= {"cleanlab": np.nan, "cleanlab gated": np.nan}


def rival(
    kind: str,
    spoilt: Spoilt,
    clean: Task,
    X_test: pd.DataFrame,
    findings: Sequence[Finding],
) -> dict[str, float]:
    """The counts of a library's finder, and for labels the test score without its suspects; NaN elsewhere."""
    if kind == "misspelling":
        hit = [_deduplicated(spoilt.frame[name]) for name in spoilt.columns]
        truth = [spoilt.cells[name].to_numpy() for name in spoilt.columns]
        pair = (np.concatenate(part or [[]]).astype(bool) for part in (hit, truth))
        return BLANK | counted("rival", *pair)
    if kind == "label_error":
        return BLANK | _cleanlab(spoilt, clean, X_test)
    if kind == "outlier":
        truth = spoilt.cells.to_numpy().any(axis=1)
        ours = np.zeros(len(truth), dtype=bool)
        for one in findings:
            if one.column is not None:
                ours[list(one.rows)] = True
        hit = isolated(spoilt.frame, truth.mean())
        return BLANK | counted("rival", hit, truth) | counted("rows", ours, truth)
    return BLANK


def counted(who: str, hit: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """True and false alarms, and misses."""
    counts = ((hit & truth).sum(), (hit & ~truth).sum(), (~hit & truth).sum())
    return {f"{who} {w}": float(c) for w, c in zip(COUNTS, counts, strict=True)}


def isolated(frame: pd.DataFrame, share: float) -> np.ndarray:
    """The rows that an isolation forest calls outliers, told how many there are."""
    if not 0 < share <= 0.5:
        return np.zeros(len(frame), dtype=bool)
    forest = IsolationForest(contamination=float(share), random_state=0)
    return forest.fit_predict(design(frame)) < 0


def _cleanlab(spoilt: Spoilt, clean: Task, X_test: pd.DataFrame) -> dict[str, float]:
    """cleanlab on every table, and behind the doctor's gate."""
    hit, able = cleanlab_issues(spoilt.frame, spoilt.y)
    found: dict[str, float] = {}
    gates = (
        ("rival", "cleanlab", True),
        ("gated", "cleanlab gated", able >= LEAST_SKILL),
    )
    for who, name, is_open in gates:
        suspect = hit & is_open
        kept = make_pipeline(Plain(), clean.model())
        X, y = spoilt.frame[~suspect], spoilt.y[~suspect]
        found |= counted(who, suspect, spoilt.rows)
        found[name] = test_score(clean, kept, X, y, X_test)
    return found


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


def cleanlab_issues(X: pd.DataFrame, y: pd.Series) -> tuple[np.ndarray, float]:
    """The rows that cleanlab's default finder calls wrong, and the skill of the doctor's model.

    For classes cleanlab judges the same probabilities as the doctor; for quantities it
    fits a model of the same kind on resampled rows.
    """
    table = design(X)
    if y.nunique() > 20:
        return _regression_issues(table, y.to_numpy(dtype=float))
    from cleanlab.filter import find_label_issues

    labels, probabilities, able = _judged(table, y)
    return find_label_issues(labels, probabilities, n_jobs=1), able


def label_skill(X: pd.DataFrame, y: pd.Series) -> float:
    """The skill of the doctor's model of the labels, which opens its gate or not."""
    table = design(X)
    if y.nunique() > 20:
        return _quantity_skill(table, y.to_numpy(dtype=float))
    return _judged(table, y)[2]


def _judged(table: np.ndarray, y: pd.Series) -> tuple[np.ndarray, np.ndarray, float]:
    """Numbered classes, their probabilities on rows that the model has not seen, and its skill."""
    labels = np.unique(y, return_inverse=True)[1]
    split = StratifiedKFold(5, shuffle=True, random_state=0)
    probabilities = out_of_fold(table, labels, split)
    return labels, probabilities, skill(labels, probabilities.argmax(axis=1), True)


def _quantity_skill(table: np.ndarray, y: np.ndarray) -> float:
    model = make_pipeline(StandardScaler(), Ridge())
    split = KFold(5, shuffle=True, random_state=0)
    return robust_skill(y, y - cross_val_predict(model, table, y, cv=split))


def _regression_issues(table: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    from cleanlab.regression.learn import CleanLearning

    model = make_pipeline(StandardScaler(), Ridge())
    finder = CleanLearning(model, n_boot=3, seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        issues = finder.find_label_issues(table, y)
    able = _quantity_skill(table, y)
    return issues["is_label_issue"].to_numpy(dtype=bool), able
