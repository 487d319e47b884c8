"""From a schema's matrix to what a model family wants, fitted on training rows only."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

MIN_SHARE = 0.001  # a level rarer than this among the training rows gets no column


class TypedPreprocessor(TransformerMixin, BaseEstimator):
    """Impute, scale and one-hot encode by the type of each column.

    Parameters
    ----------
    categorical
        A mask over the columns of the matrix that `Schema.encode` returns; left out,
        every column is a number.
    """

    def __init__(self, categorical: np.ndarray | None = None) -> None:
        self.categorical = categorical

    def fit(self, X: np.ndarray, y: object = None) -> TypedPreprocessor:
        """Learn medians, means, spreads and levels from the training rows."""
        X = np.asarray(X, dtype=float)
        words = self._words(X)
        numbers = X[:, ~words]
        missing = np.isnan(numbers)
        known = np.where(missing.all(axis=0), 0.0, numbers)  # a column may lack values
        self.median_ = np.nanmedian(known, axis=0) if numbers.size else np.zeros(0)
        self.indicated_ = np.flatnonzero(missing.any(axis=0))
        filled = self._filled(numbers)
        self.mean_ = filled.mean(axis=0)
        spread = filled.std(axis=0)
        self.scale_ = np.where(spread > 1e-12 * (1 + abs(self.mean_)), spread, 1.0)
        self.levels_ = [_levels(column) for column in X[:, words].T]
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Numbers standardised, one column for each missing flag and each level."""
        check_is_fitted(self)
        X = np.asarray(X, dtype=float)
        words = self._words(X)
        numbers = X[:, ~words]
        parts = [
            (self._filled(numbers) - self.mean_) / self.scale_,
            np.isnan(numbers[:, self.indicated_]).astype(float),
        ]
        for column, levels in zip(X[:, words].T, self.levels_, strict=True):
            column = np.where(
                np.isnan(column), np.inf, column
            )  # missing: its own level
            parts.append((column[:, None] == levels[None, :]).astype(float))
        return np.hstack(parts)

    def _words(self, X: np.ndarray) -> np.ndarray:
        none = np.zeros(X.shape[1], dtype=bool)
        return none if self.categorical is None else np.asarray(self.categorical)

    def _filled(self, numbers: np.ndarray) -> np.ndarray:
        return np.where(np.isnan(numbers), self.median_, numbers)


def _levels(column: np.ndarray) -> np.ndarray:
    """The levels that get a column: those seen often enough, missing among them."""
    seen = np.where(np.isnan(column), np.inf, column)
    levels, counts = np.unique(seen, return_counts=True)
    return levels[counts >= MIN_SHARE * len(column)]
