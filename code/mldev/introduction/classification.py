"""Neighbours that vote, and the numbers that judge a classifier: the small pieces of the chapter on classification.

A confusion matrix has a row for each true class and a column for each answer. Where there are two classes, 1 is the
positive one: what is looked for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from mldev.experiments import Interval


def nearest_rows(X: np.ndarray, X_new: np.ndarray, k: int) -> np.ndarray:
    """Positions of the `k` rows of `X` nearest to each new row.

    Of rows that are equally near, the earlier one counts as nearer.
    """
    if not 1 <= k <= len(X):
        raise ValueError(f"k={k}: expected 1 to n_samples = {len(X)}")
    squared = np.array([((X - row) ** 2).sum(axis=1) for row in X_new])
    return squared.argsort(axis=1, kind="stable")[:, :k]


class Neighbours(ClassifierMixin, BaseEstimator):
    """Answer with the vote of the k nearest training examples."""

    def __init__(self, k: int = 5) -> None:
        self.k = k

    def fit(self, X: ArrayLike, y: ArrayLike) -> Neighbours:
        """Remember the examples: there is nothing else to learn."""
        X, y = validate_data(self, X, y, dtype=float)
        check_classification_targets(y)
        self.classes_, self.labels_ = np.unique(y, return_inverse=True)
        self.X_ = X
        return self

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """The share of the vote that each class gets: (rows, classes)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=float, reset=False)
        votes = self.labels_[nearest_rows(self.X_, X, self.k)]  # (rows, k)
        numbers = np.arange(len(self.classes_))
        return (votes[:, :, None] == numbers).mean(axis=1)

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The class with most votes; of a tie, the one that sorts first."""
        shares = self.predict_proba(X)
        return self.classes_[shares.argmax(axis=1)]


def confusion_matrix(
    y: np.ndarray, predicted: np.ndarray, num_classes: int = 2
) -> np.ndarray:
    """Count the examples of each true class (row) by their answer (column)."""
    if np.shape(y) != np.shape(predicted):
        raise ValueError(
            f"predicted: expected the shape of y, {np.shape(y)}, "
            f"got {np.shape(predicted)}"
        )
    matrix = np.zeros((num_classes, num_classes), dtype=int)
    np.add.at(matrix, (y, predicted), 1)
    return matrix


def accuracy(matrix: np.ndarray) -> float:
    """The share of all answers that are right."""
    return matrix.trace() / matrix.sum()


def precision(matrix: np.ndarray, positive: int = 1) -> float:
    """Of those called positive, the share that are; 0 when none is called so."""
    return share(matrix[positive, positive], matrix[:, positive].sum())


def recall(matrix: np.ndarray, positive: int = 1) -> float:
    """Of those that are positive, the share found; 0 when there are none."""
    return share(matrix[positive, positive], matrix[positive].sum())


def f_score(matrix: np.ndarray, beta: float = 1, positive: int = 1) -> float:
    """The weighted harmonic mean of precision and recall."""
    p, r = precision(matrix, positive), recall(matrix, positive)
    return share((1 + beta**2) * p * r, beta**2 * p + r)


def share(part: float, whole: float) -> float:
    """A quotient, with 0 for an empty whole, as scikit-learn has it."""
    return float(part / whole) if whole else 0.0


def roc_curve(
    y: np.ndarray, scores: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Recall and false alarms at every threshold, from the strictest on.

    Returns
    -------
    false_alarms, found, thresholds
        Shares of the negatives and of the positives with a score of at least
        the threshold. The first threshold is infinite: nothing is flagged.
    """
    thresholds = np.append(np.inf, np.unique(scores)[::-1])
    flagged = scores >= thresholds[:, None]  # (thresholds, examples)
    false_alarms, found = (flagged[:, y == c].mean(axis=1) for c in (0, 1))
    return false_alarms, found, thresholds


def auc(y: np.ndarray, scores: np.ndarray) -> float:
    """How often a random positive scores above a random negative.

    A tie counts as half.
    """
    positives, negatives = scores[y == 1], scores[y == 0]
    if not (len(positives) and len(negatives)):
        raise ValueError("y: expected both classes, got one class only")
    difference = positives[:, None] - negatives  # every pair
    return float(np.mean(difference > 0) + np.mean(difference == 0) / 2)


def cost_per_case(matrix: np.ndarray, miss: float, alarm: float) -> float:
    """The mean cost of an answer, when each miss and each false alarm has its price."""
    return (miss * matrix[1, 0] + alarm * matrix[0, 1]) / matrix.sum()


def cost_threshold(miss: float, alarm: float) -> float:
    """The probability from which flagging is cheaper than not flagging."""
    if not (miss >= 0 and alarm >= 0 and miss + alarm > 0):
        raise ValueError(f"miss={miss}, alarm={alarm}: expected costs, not both 0")
    return alarm / (alarm + miss)


def corrected_interval(
    differences: ArrayLike, num_train: int, num_test: int, level: float = 0.95
) -> Interval:
    """The interval of a mean difference over splits that share their rows.

    Scores of overlapping training sets are alike, so their spread says too
    little. The correction adds the ratio of test to training rows.
    """
    values = np.asarray(differences, dtype=float)
    if values.ndim != 1 or len(values) < 2:
        raise ValueError(f"differences: expected two or more, got {values.shape}")
    n = len(values)
    error = np.sqrt((1 / n + num_test / num_train) * values.var(ddof=1))
    margin = float(stats.t.ppf((1 + level) / 2, n - 1) * error)
    mean = float(values.mean())
    return Interval(mean, mean - margin, mean + margin, n, level)
