"""Least squares, ridge, lasso and cross-validation by hand: the small functions of the chapter on regression.

Penalties are scaled as in scikit-learn: `Ridge` adds its penalty to the *sum* of squares, `Lasso` to half their *mean*.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

INTERVALS = ("quantiles", "plain", "corrected")


@dataclass(frozen=True)
class Linear:
    """A fitted linear model: what it predicts is `intercept + X @ coef`."""

    intercept: float
    coef: np.ndarray

    def predict(self, X: np.ndarray) -> np.ndarray:
        """One prediction per row of `X`."""
        return self.intercept + X @ self.coef


def least_squares(X: np.ndarray, y: np.ndarray) -> Linear:
    """The intercept and coefficients with the least sum of squared residuals."""
    design = np.column_stack([np.ones(len(X)), X])  # (n, 1 + p)
    solution = np.linalg.lstsq(design, y, rcond=None)[0]
    return Linear(float(solution[0]), solution[1:])


def rmse(y: np.ndarray, predicted: np.ndarray) -> float:
    """Root mean squared error, in the unit of `y`."""
    return float(np.sqrt(np.mean((y - predicted) ** 2)))


def r2(y: np.ndarray, predicted: np.ndarray) -> float:
    """The share of the squared deviations from the mean of `y` that the predictions remove."""
    deviations = np.sum((y - y.mean()) ** 2)
    return float(1 - np.sum((y - predicted) ** 2) / deviations)


def folds(
    num_rows: int, num_folds: int, rng: np.random.Generator
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Shuffle the rows and deal them into folds: pairs (training rows, test rows), each row tested once."""
    if not 2 <= num_folds <= num_rows:
        raise ValueError(
            f"num_folds {num_folds}: expected a number from 2 to the {num_rows} rows"
        )
    parts = np.array_split(rng.permutation(num_rows), num_folds)
    return [
        (np.concatenate(parts[:i] + parts[i + 1 :]), part)
        for i, part in enumerate(parts)
    ]


def cross_validate(
    X: np.ndarray,
    y: np.ndarray,
    splits: Sequence[tuple[np.ndarray, np.ndarray]],
    score: Callable[[np.ndarray, np.ndarray], float],
) -> np.ndarray:
    """Fit least squares to the training rows of each split, and score it on the test rows."""
    scores = []
    for train, test in splits:
        model = least_squares(X[train], y[train])
        scores.append(score(y[test], model.predict(X[test])))
    return np.array(scores)


def fold_interval(
    scores: np.ndarray,
    kind: str = "corrected",
    level: float = 0.95,
    ratio: float | None = None,
) -> tuple[float, float]:
    """An interval made from the k scores of a cross-validation, or of k random splits.

    Parameters
    ----------
    scores
        One score per fold.
    kind
        "quantiles": of the scores themselves. "plain": mean and t quantile, as if folds were independent experiments.
        "corrected": the same, with the variance of Nadeau and Bengio, which counts the training rows that folds share.
    level
        The share of experiments whose interval should hold the true score.
    ratio
        Test rows over training rows of each split; by default that of k folds, 1 / (k - 1).
    """
    if kind not in INTERVALS:
        raise ValueError(f"kind {kind!r}: expected one of {', '.join(INTERVALS)}")
    if ratio is not None and not 0 < ratio < np.inf:
        raise ValueError(f"ratio {ratio}: expected test over training rows, above 0")
    k, tail = len(scores), (1 - level) / 2
    if kind == "quantiles":
        low, high = np.quantile(scores, [tail, 1 - tail])
        return float(low), float(high)
    ratio = 1 / (k - 1) if ratio is None else ratio  # test rows / training rows
    shared = ratio if kind == "corrected" else 0.0
    error = scores.std(ddof=1) * np.sqrt(1 / k + shared)
    half = stats.t.ppf(1 - tail, k - 1) * error
    return float(scores.mean() - half), float(scores.mean() + half)


def ridge(X: np.ndarray, y: np.ndarray, alpha: float) -> Linear:
    """Least squares plus `alpha` times the sum of squared coefficients, in closed form."""
    X_mean, y_mean = X.mean(axis=0), y.mean()
    Z = X - X_mean  # centred, so that the intercept is not penalised
    penalty = checked_penalty(alpha) * np.eye(X.shape[1])
    coef = np.linalg.solve(Z.T @ Z + penalty, Z.T @ (y - y_mean))
    return Linear(float(y_mean - X_mean @ coef), coef)


def soft_threshold(value: float, threshold: float) -> float:
    """Move a value towards zero by the threshold, and stop at zero."""
    return np.sign(value) * max(abs(value) - threshold, 0.0)


def lasso(
    X: np.ndarray,
    y: np.ndarray,
    alpha: float,
    tolerance: float = 1e-9,
    max_sweeps: int = 100_000,
) -> Linear:
    """Half the mean squared residual plus `alpha` times the sum of absolute coefficients, by coordinate descent."""
    X_mean, y_mean = X.mean(axis=0), y.mean()
    Z, residual = X - X_mean, y - y_mean
    alpha, num_rows = checked_penalty(alpha), len(y)
    size = (Z**2).mean(axis=0)  # (p,)
    coef = np.zeros(X.shape[1])
    for _ in range(max_sweeps):
        before = coef.copy()
        for j in np.flatnonzero(size):
            pull = Z[:, j] @ residual / num_rows + size[j] * coef[j]
            new = soft_threshold(pull, alpha) / size[j]
            residual = residual + (coef[j] - new) * Z[:, j]
            coef[j] = new
        if np.abs(coef - before).max() <= tolerance * np.abs(coef).max():
            return Linear(float(y_mean - X_mean @ coef), coef)
    raise RuntimeError(f"lasso: no convergence in {max_sweeps} sweeps, alpha {alpha}")


def strongest_penalty(X: np.ndarray, y: np.ndarray) -> float:
    """The least `alpha` with which the lasso sets every coefficient to zero."""
    return float(np.abs((X - X.mean(axis=0)).T @ (y - y.mean())).max() / len(y))


def optimality_gap(X: np.ndarray, y: np.ndarray, model: Linear, alpha: float) -> float:
    """How far a lasso solution is from its optimality conditions: zero at the optimum, and nowhere else.

    The mean product of a centred column with the residuals is `alpha` with the sign of its coefficient, or, where
    the coefficient is zero, at most `alpha` in size.
    """
    pull = (X - X.mean(axis=0)).T @ (y - model.predict(X)) / len(y)  # (p,)
    inside = np.maximum(np.abs(pull) - alpha, 0)
    on_border = np.abs(pull - alpha * np.sign(model.coef))
    return float(np.where(model.coef == 0, inside, on_border).max())


def checked_penalty(alpha: float) -> float:
    """Return the penalty if it is one."""
    if not 0 <= alpha < np.inf:
        raise ValueError(f"alpha {alpha}: expected a number of at least 0")
    return alpha
