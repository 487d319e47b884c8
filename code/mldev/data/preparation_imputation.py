"""Filling empty cells by regressions on the other columns, round after round.

Chapter: data/preparation.
"""

from __future__ import annotations

import numpy as np


class ChainedRegressions:
    """Fill each column by a linear regression on all others, in turns.

    Parameters
    ----------
    num_rounds
        How often every column has its turn. The first round starts from means.
    """

    def __init__(self, num_rounds: int = 5) -> None:
        self.num_rounds = num_rounds

    def fit(self, X: np.ndarray) -> ChainedRegressions:
        """Learn the means and the chain of regressions from a training table."""
        missing = np.isnan(X)
        known = np.where(missing.all(axis=0), 0.0, X)
        self.means = np.nanmean(known, axis=0)
        self.chain: list[tuple[int, np.ndarray, float]] = []
        filled = np.where(missing, self.means, X)
        counts = missing.sum(axis=0)
        order = np.argsort(counts, kind="stable")  # fewest gaps first
        for _ in range(self.num_rounds):
            for column in order:
                if counts[column] == len(X):
                    continue
                known_rows = ~missing[:, column]
                others = np.delete(filled, column, axis=1)
                coef, intercept = regress(others[known_rows], X[known_rows, column])
                self.chain.append((int(column), coef, intercept))
                guess = others @ coef + intercept
                filled[:, column] = np.where(known_rows, X[:, column], guess)
        return self

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Fill a table by the same chain, row by row."""
        missing = np.isnan(X)
        filled = np.where(missing, self.means, X)
        for column, coef, intercept in self.chain:
            gaps = missing[:, column]
            if gaps.any():
                others = np.delete(filled[gaps], column, axis=1)
                filled[gaps, column] = others @ coef + intercept
        return filled


def regress(X: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """Least squares with an intercept: coefficients and intercept."""
    middle = X.mean(axis=0)
    coef = np.linalg.lstsq(X - middle, y - y.mean(), rcond=None)[0]
    return coef, float(y.mean() - middle @ coef)
