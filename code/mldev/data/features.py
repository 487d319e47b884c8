"""Selecting features by hand: mutual information, a filter, recursive elimination, and how stable a selection is.

Information is measured in nats. A selection is a vector of truths, one per column.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from scipy.special import digamma
from sklearn.base import BaseEstimator, clone
from sklearn.feature_selection import SelectorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

# --- filters -------------------------------------------------------------------------


def correlations(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The correlation of each column with the target: (p,); zero for a constant column."""
    Z, centred = X - X.mean(axis=0), y - y.mean()
    size = np.sqrt((Z**2).sum(axis=0) * (centred**2).sum())
    product = Z.T @ centred
    return np.divide(product, size, out=np.zeros(len(size)), where=size > 0)


def mutual_information(a: Sequence, b: Sequence) -> float:
    """The mutual information of two columns of categories, from their counts."""
    _, rows = np.unique(a, return_inverse=True)
    _, columns = np.unique(b, return_inverse=True)
    joint = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(joint, (rows, columns), 1 / len(rows))  # p(a, b)
    product = np.outer(joint.sum(axis=1), joint.sum(axis=0))  # p(a) p(b)
    seen = joint > 0
    return float((joint[seen] * np.log(joint[seen] / product[seen])).sum())


def neighbour_distance(x: np.ndarray, k: int) -> np.ndarray:
    """The distance from each number to its k-th nearest among the others."""
    order = np.argsort(x, kind="stable")
    far = np.full(k, np.inf)
    v = np.concatenate([-far, x[order], far])  # sorted, with nothing beyond the ends
    here, nearest = v[k : k + len(x)], np.full(len(x), np.inf)
    for i in range(k + 1):  # i neighbours to the left and k - i to the right
        left, right = (v[start : start + len(x)] for start in (k - i, 2 * k - i))
        nearest = np.minimum(nearest, np.maximum(here - left, right - here))
    distance = np.empty(len(x))
    distance[order] = nearest
    return distance


@lru_cache(maxsize=16)
def traces(num: int) -> np.ndarray:
    """Seeded noise, far smaller than a standard deviation."""
    return 1e-10 * check_random_state(0).standard_normal(num)


def without_ties(x: np.ndarray) -> np.ndarray:
    """Standardise numbers, and move each by a trace of noise, so that none are equal."""
    return (x - x.mean()) / x.std() + traces(len(x))


def mutual_information_numbers(x: np.ndarray, labels: np.ndarray, k: int = 3) -> float:
    """The mutual information of numbers and a label, from nearest neighbours.

    Around each row, reach to the k-th neighbour *of its own class* and count how
    many rows *of any class* lie within: few, if the class keeps to itself there.
    """
    if np.ptp(x) == 0:
        return 0.0  # a constant tells nothing
    x = without_ties(x)
    radius, size, reach = (np.zeros(len(x)) for _ in range(3))
    for label in np.unique(labels):
        own = labels == label
        size[own] = own.sum()
        if own.sum() > 1:  # a class of one row tells nothing
            reach[own] = min(k, own.sum() - 1)
            radius[own] = neighbour_distance(x[own], int(reach[own][0]))
    kept = size > 1
    x, size, reach = x[kept], size[kept], reach[kept]
    rounding = 2 * np.spacing(np.abs(x) + radius[kept])
    nearer = radius[kept] - rounding  # nearer than the k-th neighbour
    order = np.sort(x)
    within = np.searchsorted(order, x + nearer, "right")
    within = within - np.searchsorted(order, x - nearer, "left")
    terms = digamma(reach) - digamma(size) - digamma(np.maximum(within, 1))
    return max(0.0, float(digamma(len(x)) + terms.mean()))


class MutualInformationFilter(SelectorMixin, BaseEstimator):
    """Keep the columns of numbers that have the most mutual information with a label.

    Parameters
    ----------
    num_kept
        How many columns to keep; all, where there are fewer.
    k
        The neighbour to which the estimate reaches.
    """

    def __init__(self, num_kept: int = 10, k: int = 3) -> None:
        self.num_kept = num_kept
        self.k = k

    def fit(self, X: np.ndarray, y: np.ndarray) -> "MutualInformationFilter":
        """Score each column and remember the best."""
        for name in ("num_kept", "k"):
            if getattr(self, name) < 1:
                raise ValueError(
                    f"{name} {getattr(self, name)}: expected a number of at least 1"
                )
        X, y = validate_data(self, X, y, dtype=float, ensure_min_samples=2)
        check_classification_targets(y)
        self.scores_ = np.array([mutual_information_numbers(x, y, self.k) for x in X.T])
        return self

    def _get_support_mask(self) -> np.ndarray:
        check_is_fitted(self)
        return top(self.scores_, self.num_kept)

    def __sklearn_tags__(self) -> object:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags


def top(scores: np.ndarray, num_kept: int) -> np.ndarray:
    """Select the columns with the highest scores; of equals, the first."""
    chosen = np.zeros(len(scores), bool)
    chosen[np.argsort(-scores, kind="stable")[:num_kept]] = True
    return chosen


# --- wrapper -------------------------------------------------------------------------


def eliminate(
    model: BaseEstimator,
    X: np.ndarray,
    y: np.ndarray,
    num_kept: int,
    share: float | None = None,
) -> np.ndarray:
    """Fit, drop the columns with the smallest coefficients, and fit again.

    Parameters
    ----------
    model
        A linear model of scikit-learn. Its coefficients compare columns of one
        unit only, so standardise first.
    X, y
        The training rows.
    num_kept
        When to stop.
    share
        Drop this share of all columns in each round; one column if left out.
    """
    if not 1 <= num_kept <= X.shape[1]:
        raise ValueError(
            f"num_kept {num_kept}: expected a number from 1 to the {X.shape[1]} columns"
        )
    step = 1 if share is None else max(1, int(share * X.shape[1]))
    columns = np.arange(X.shape[1])
    while len(columns) > num_kept:
        coefficients = clone(model).fit(X[:, columns], y).coef_
        weights = (np.atleast_2d(coefficients) ** 2).sum(axis=0)
        dropped = min(step, len(columns) - num_kept)
        columns = np.delete(columns, np.argsort(weights)[:dropped])
    return np.isin(np.arange(X.shape[1]), columns)


# --- stability -----------------------------------------------------------------------


def jaccard(a: np.ndarray, b: np.ndarray) -> float:
    """Of the columns that either selection has, the share that both have."""
    return float((a & b).sum() / max((a | b).sum(), 1))


def stability(selections: np.ndarray) -> float:
    """Nogueira's index: 1 for equal selections, 0 on average for random ones.

    Parameters
    ----------
    selections
        One row per resample, one column per feature: (m, p) truths.
    """
    Z = np.asarray(selections, dtype=float)
    m, p = Z.shape
    kept = Z.sum(axis=1).mean()
    if m < 2 or not 0 < kept < p:
        raise ValueError(
            "selections: expected at least 2 rows that keep some columns,"
            f" got {m} that keep {kept:g} of {p}"
        )
    share = Z.mean(axis=0)  # how often each feature was selected
    variance = m / (m - 1) * share * (1 - share)
    return float(1 - variance.mean() / (kept / p * (1 - kept / p)))
