"""The checks of the data doctor that look at whole rows, and at the target.

Chapter: data/preparation. Confident learning follows Northcutt, Jiang and Chuang (2021).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mldev.data.preparation_checks import places, severity
from mldev.data.preparation_findings import Case, Finding
from mldev.data.preparation_fixes import Drop, fill_value
from mldev.data.preparation_values import plain_word, robust_scores

BY_CHANCE = 3.0  # repeated pairs, relative to what independent columns would give
HUGE = 1e100  # larger numbers are as good as this one, and their squares overflow
NEAR = 0.05  # of the median distance to the nearest other row
FAR = 6.0  # spreads: a residual that a quantity should not have
LEAST_SKILL = 0.35  # labels are judged by a model with at least this skill
KNOWS = 0.8  # the skill of a column that is looked at closely
LEFT = 0.5  # of the error of all other columns together: what a leak leaves


def design(frame: pd.DataFrame, max_levels: int = 10) -> np.ndarray:
    """A table as numbers without gaps: medians where empty, one column for each frequent level."""
    parts = []
    for _, column in frame.items():
        if pd.api.types.is_datetime64_any_dtype(column.dtype):
            column = column.astype("int64").where(column.notna()).astype(float)
        if pd.api.types.is_numeric_dtype(column.dtype):
            values = column.astype(float).replace([np.inf, -np.inf], np.nan)
            filled = values.clip(-HUGE, HUGE).fillna(fill_value(values, "median"))
            parts.append(filled.to_numpy().clip(-HUGE, HUGE))
        else:
            words = column.map(lambda v: plain_word(v) if isinstance(v, str) else v)
            levels = words.value_counts().index[:max_levels]
            parts += [(words == level).to_numpy(dtype=float) for level in levels]
    return np.column_stack(parts) if parts else np.zeros((len(frame), 1))


def duplicates(case: Case) -> Iterator[Finding]:
    """Rows that repeat an earlier one, target included, more often than chance would have it."""
    frame = case.frame if case.y is None else case.frame.assign(**{"_target": case.y})
    hit = frame.duplicated().to_numpy()
    if not hit.any():
        return
    groups = frame.groupby(list(frame.columns), dropna=False, sort=False)
    pairs = _pairs(groups.size())
    num_pairs = len(frame) * (len(frame) - 1) / 2
    alike = [
        _pairs(column.value_counts(dropna=False)) / num_pairs
        for _, column in frame.items()
    ]
    expected = num_pairs * float(np.prod(alike))
    if pairs > BY_CHANCE * expected + 1 or expected < 0.05:
        yield Finding(
            "duplicate",
            None,
            places(hit),
            f"{pairs:.0f} pairs of equal rows; independent columns would give {expected:.2g}",
            severity(hit.mean()),
        )


def _pairs(counts: pd.Series) -> float:
    """How many pairs of equal things there are, given how often each occurs."""
    return float((counts * (counts - 1) / 2).sum())


def near_duplicates(case: Case) -> Iterator[Finding]:
    """Rows far nearer to another row than rows of this table usually are."""
    if len(case.frame) < 20:
        return
    X = design(case.frame)
    spread = X.std(axis=0)
    X = (X - X.mean(axis=0)) / np.where(spread > 0, spread, 1)
    _, first, inverse = np.unique(X, axis=0, return_index=True, return_inverse=True)
    if len(first) < 0.5 * len(X):
        return  # rows of a few coarse columns are alike without any fault
    near = NearestNeighbors(n_neighbors=2).fit(X[first])
    distance, other = near.kneighbors(X[first])
    close = distance[:, 1] < NEAR * np.median(distance[:, 1])
    later = first > first[other[:, 1]]
    unlike = case.frame.iloc[first].duplicated().to_numpy()
    spelt = (
        ~case.frame.duplicated().to_numpy()
        & pd.Series(inverse.ravel()).duplicated().to_numpy()
    )
    hit = spelt.copy()
    hit[first[close & later & ~unlike]] = True
    if hit.any():
        yield Finding(
            "near_duplicate",
            None,
            places(hit),
            f"nearer to an earlier row than {NEAR:.0%} of the usual distance",
            severity(hit.mean()),
        )


def folds(case: Case) -> StratifiedKFold | KFold | None:
    """Five folds; None where the target is too short, or a class too small."""
    if case.y is None or len(case.y) < 50:
        return None
    if not case.classification:
        return KFold(5, shuffle=True, random_state=case.seed)
    counts = np.unique(case.y, return_counts=True)[1]
    if len(counts) < 2 or counts.min() < 10:
        return None
    return StratifiedKFold(5, shuffle=True, random_state=case.seed)


def skill(y: np.ndarray, predicted: np.ndarray, classification: bool) -> float:
    """1 for perfect predictions, 0 for knowing nothing: rescaled balanced accuracy, or R2."""
    if classification:
        return float(balanced_accuracy_score(y, predicted, adjusted=True))
    return float(r2_score(y, predicted))


def leaks(case: Case) -> Iterator[Finding]:
    """A column that alone predicts the target far better than all the others together."""
    split = folds(case)
    if split is None or (not case.classification and np.ptp(case.y) == 0):
        return
    if case.classification:
        tree, model = DecisionTreeClassifier, LogisticRegression(max_iter=300)
    else:
        tree, model = DecisionTreeRegressor, Ridge()
    small = tree(max_depth=7, min_samples_leaf=5, random_state=0)
    for name in case.frame:
        X = design(case.frame[[name]])
        seen = skill(case.y, small.fit(X, case.y).predict(X), case.classification)
        if seen < KNOWS or case.frame.shape[1] < 2:
            continue  # on rows that it has not seen it can hardly do better
        unseen = cross_val_predict(small, X, case.y, cv=split)
        alone = skill(case.y, unseen, case.classification)
        if alone < KNOWS:
            continue
        others = make_pipeline(StandardScaler(), model)
        rest = design(case.frame.drop(columns=name))
        together = skill(
            case.y,
            cross_val_predict(others, rest, case.y, cv=split),
            case.classification,
        )
        if 1 - alone < LEFT * (1 - max(together, 0)):
            yield Finding(
                "leakage",
                name,
                tuple(range(len(case.y))),
                f"alone it predicts with skill {alone:.2f}, all others together with {together:.2f}",
                "high",
                Drop(name),
            )


def confident_joint(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Count rows by given label and by the label that the model is confident of: (K, K).

    A model is confident of class k where its probability reaches the mean probability
    of k among the rows labelled k; of several such classes the most probable counts.
    """
    given, sure = confident_classes(labels, probabilities)
    joint = np.zeros((probabilities.shape[1],) * 2, dtype=int)
    np.add.at(joint, (given[sure >= 0], sure[sure >= 0]), 1)
    return joint


def confident_classes(
    labels: np.ndarray, probabilities: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The given label of each row, and the class that the model is confident of, or -1."""
    num_classes = probabilities.shape[1]
    thresholds = np.array(
        [probabilities[labels == k, k].mean() for k in range(num_classes)]
    )
    enough = probabilities >= thresholds - 1e-6
    best = np.where(enough, probabilities, -1.0).argmax(axis=1)
    return labels, np.where(enough.any(axis=1), best, -1)


def label_errors(case: Case) -> Iterator[Finding]:
    """Classes that a model, tested on rows it has not seen, is confident are others; far residuals."""
    split = folds(case)
    if split is None:
        return
    X = design(case.frame)
    if case.classification:
        hit, why = _wrong_classes(X, case, split)
    else:
        hit, why = _far_targets(X, case, split)
    if hit.any():
        yield Finding("label_error", None, places(hit), why, severity(hit.mean(), 0.5))


def out_of_fold(X: np.ndarray, y: np.ndarray, split: object) -> np.ndarray:
    """Probabilities of the classes for rows that the model has not seen: (rows, K)."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300))
    return cross_val_predict(model, X, y, cv=split, method="predict_proba")


def _wrong_classes(X: np.ndarray, case: Case, split: object) -> tuple[np.ndarray, str]:
    classes, labels = np.unique(case.y, return_inverse=True)
    probabilities = out_of_fold(X, labels, split)
    able = skill(labels, probabilities.argmax(axis=1), True)
    if able < LEAST_SKILL:
        return np.zeros(len(labels), dtype=bool), ""
    given, sure = confident_classes(labels, probabilities)
    hit = (sure >= 0) & (sure != given)
    return hit, f"a model with skill {able:.2f} is confident of another class"


def _far_targets(X: np.ndarray, case: Case, split: object) -> tuple[np.ndarray, str]:
    model = make_pipeline(StandardScaler(), Ridge())
    y = case.y.astype(float)
    left = y - cross_val_predict(model, X, y, cv=split)
    hit = robust_scores(left) > FAR
    return hit, f"residuals over {FAR:g} spreads from the median one"


ROW_CHECKS = (duplicates, near_duplicates, leaks, label_errors)
