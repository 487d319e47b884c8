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
HUGE = 1e30  # larger numbers are as good as this one; trees hold no more than 3e38
NEAR = 0.05  # of the median distance to the nearest other row, at most
FALSE_NEAR = 0.05  # rows of a table without repeats that may be called near, expected
SAMPLE = 5000  # rows: in longer tables neighbours are looked for along a few directions
MOST = 10_000  # rows on which leaks are judged
COARSE = 0.2  # a column in which fewer pairs are equal tells rows apart
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
    codes = [pd.factorize(column)[0] for _, column in frame.items()]
    pairs, expected, without = _repeats(codes)
    num_pairs = len(frame) * (len(frame) - 1) / 2
    told_apart = all(
        pairs > BY_CHANCE * others * alike
        for others, alike in without
        if alike < COARSE
    )
    more = pairs > BY_CHANCE * expected * num_pairs + 1 or expected * num_pairs < 0.05
    if more and told_apart:
        yield Finding(
            "duplicate",
            None,
            places(hit),
            f"{pairs:.0f} pairs of equal rows; independent columns would give "
            f"{expected * num_pairs:.2g}",
            severity(hit.mean()),
        )


def _repeats(codes: list[np.ndarray]) -> tuple[float, float, list[tuple]]:
    """Pairs of equal rows, the share that independent columns would give, and for each column:

    the pairs that are equal in all others, and the share of pairs equal in it.
    """
    rng, size = np.random.default_rng(0), len(codes[0])
    keys = [rng.integers(2**63, size=c.max() + 2)[c] for c in codes]
    whole = np.sum(keys, axis=0, dtype=np.int64)
    alike = [_pairs(code) / max(size * (size - 1) / 2, 1) for code in codes]
    others = [_pairs(whole - key) for key in keys]
    without = list(zip(others, alike, strict=True))
    return _pairs(whole), float(np.prod(alike)), without


def _pairs(values: np.ndarray) -> float:
    """How many pairs of equal values there are."""
    counts = np.unique(values, return_counts=True)[1].astype(float)
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
    nearest, other, usual = neighbours(X[first])
    share = near_share(X[first], usual)
    close = nearest < share * np.median(usual[:, 0])
    later = first > first[other]
    unlike = case.frame.iloc[first].duplicated().to_numpy()
    spelt = (
        case.frame.notna().all(axis=1).to_numpy()
        & ~case.frame.duplicated().to_numpy()
        & pd.Series(inverse.ravel()).duplicated().to_numpy()
    )
    hit = spelt.copy()
    hit[first[close & later & ~unlike]] = True
    if hit.any():
        yield Finding(
            "near_duplicate",
            None,
            places(hit),
            f"nearer to an earlier row than {share:.1%} of the usual distance",
            severity(hit.mean()),
        )


def neighbours(X: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each row the distance to its nearest other row, which that is, and for some rows the two nearest distances.

    Beyond `SAMPLE` rows only rows next to each other along three random directions are
    compared: rows that nearly repeat each other are, others may have a nearer one.
    """
    if len(X) <= SAMPLE:
        near = NearestNeighbors(n_neighbors=3).fit(X)
        distance, other = near.kneighbors(X)
        return distance[:, 1], other[:, 1], distance[:, 1:]
    rng = np.random.default_rng(0)
    best, which = np.full(len(X), np.inf), np.arange(len(X))
    for direction in rng.normal(size=(3, X.shape[1])):
        order = np.argsort(X @ direction, kind="stable")
        for step in (1, 2, 3, 4, 5):
            a, b = order[:-step], order[step:]
            away = np.sqrt(((X[a] - X[b]) ** 2).sum(axis=1))
            for one, another in ((a, b), (b, a)):
                better = away < best[one]
                best[one[better]] = away[better]
                which[one[better]] = another[better]
    some = rng.choice(len(X), 500, replace=False)
    near = NearestNeighbors(n_neighbors=3, algorithm="brute").fit(X)
    return best, which, near.kneighbors(X[some])[0][:, 1:]


def near_share(X: np.ndarray, usual: np.ndarray) -> float:
    """Which share of the usual distance is suspiciously near: at most `NEAR`, less in few dimensions.

    In d dimensions a share s is reached by chance in about n ln(2) s^d rows. The
    dimension follows from how much further the second neighbour is than the first.
    """
    rich = sum(len(np.unique(column)) > 20 for column in X.T)
    further = np.median(usual[:, 1] / np.maximum(usual[:, 0], 1e-300))
    told = np.log(2) / np.log(further) if further > 1 else np.inf
    dimension = max(min(told, rich), 0.1)
    return min(NEAR, (FALSE_NEAR / (len(X) * np.log(2))) ** (1 / dimension))


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


def _fewer(case: Case) -> Case:
    """At most `MOST` rows of a long table, drawn at random: enough to tell a leak."""
    if len(case.frame) <= MOST or case.y is None:
        return case
    some = np.random.default_rng(case.seed).choice(len(case.frame), MOST, replace=False)
    frame = case.frame.iloc[some].reset_index(drop=True)
    return Case(frame, case.y[some], None, case.bounds, case.seed)


def skill(y: np.ndarray, predicted: np.ndarray, classification: bool) -> float:
    """1 for perfect predictions, 0 for knowing nothing: rescaled balanced accuracy, or R2."""
    if classification:
        return float(balanced_accuracy_score(y, predicted, adjusted=True))
    return float(r2_score(y, predicted))


def leaks(case: Case) -> Iterator[Finding]:
    """A column that alone predicts the target far better than all the others together."""
    num_rows, case = len(case.frame), _fewer(case)
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
                tuple(range(num_rows)),
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
    able = robust_skill(y, left)
    if able < LEAST_SKILL:
        return np.zeros(len(y), dtype=bool), ""
    hit = robust_scores(left) > FAR
    return hit, f"residuals of a model with skill {able:.2f}, over {FAR:g} spreads off"


def robust_skill(y: np.ndarray, left: np.ndarray) -> float:
    """R2 with squared median distances for variances: wrong targets hardly move it."""
    usual = np.median(np.abs(y - np.median(y)))
    if not usual > 0:
        return 0.0
    return float(1 - (np.median(np.abs(left - np.median(left))) / usual) ** 2)


ROW_CHECKS = (duplicates, near_duplicates, leaks, label_errors)
