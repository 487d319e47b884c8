"""Two ways to write a table as a product of two smaller ones: principal components and non-negative factors."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment


@dataclass(frozen=True)
class PrincipalComponents:
    """The mean of the rows, the directions (one per row), and the variance along each."""

    mean: np.ndarray
    directions: np.ndarray
    variances: np.ndarray

    def scores(self, X: np.ndarray, whiten: bool = False) -> np.ndarray:
        """Coordinates along the directions; whitened, each has variance 1."""
        scores = (X - self.mean) @ self.directions.T
        return scores / np.sqrt(self.variances) if whiten else scores


def principal_components(X: np.ndarray, num: int) -> PrincipalComponents:
    """The directions of largest variance, by singular value decomposition."""
    if not 1 <= num <= min(X.shape):
        most = min(X.shape)
        raise ValueError(f"num {num}: expected a number from 1 to {most}")
    mean = X.mean(axis=0)
    _, lengths, directions = np.linalg.svd(X - mean, full_matrices=False)
    largest = np.abs(directions).argmax(axis=1)
    signs = np.sign(directions[np.arange(len(directions)), largest])
    directions = directions * signs[:, None]  # either sign would do
    variances = lengths**2 / (len(X) - 1)
    return PrincipalComponents(mean, directions[:num], variances[:num])


def factorise(
    X: np.ndarray, W: np.ndarray, H: np.ndarray, num_steps: int
) -> tuple[np.ndarray, np.ndarray, list[float]]:
    """Improve non-negative factors W, H of X by multiplicative updates.

    Returns both factors, and the squared error before the first step and after
    each one. `X` may be a sparse matrix.
    """
    if X.min() < 0 or W.min() < 0 or H.min() < 0:
        raise ValueError("X, W, H: expected no negative number")
    errors = [squared_error(X, W, H)]
    for _ in range(num_steps):
        W = W * (X @ H.T) / np.maximum(W @ (H @ H.T), TINY)
        H = H * (X.T @ W).T / np.maximum(W.T @ W @ H, TINY)
        errors.append(squared_error(X, W, H))
    return W, H, errors


TINY = np.finfo(float).tiny


def squared_error(X: np.ndarray, W: np.ndarray, H: np.ndarray) -> float:
    """The squared difference between X and W H, summed over all cells, without forming W H."""
    squares = X.multiply(X).sum() if hasattr(X, "multiply") else (X**2).sum()
    cross = np.sum(W * (X @ H.T))
    return float(squares - 2 * cross + np.sum((W.T @ W) * (H @ H.T)))


def random_factors(
    X: np.ndarray, num: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """A start for `factorise`: positive random factors whose product has about the mean of X."""
    if not 1 <= num <= min(X.shape):
        raise ValueError(f"num {num}: expected a number from 1 to {min(X.shape)}")
    scale = np.sqrt(X.mean() / num)
    W, H = (rng.random(shape) for shape in ((X.shape[0], num), (num, X.shape[1])))
    return 2 * scale * W, 2 * scale * H


def sparsity(parts: np.ndarray) -> np.ndarray:
    """Hoyer's measure for each row: 0 when all its cells are equally strong, 1 when only one is not zero."""
    root = np.sqrt(parts.shape[1])
    norms = np.sqrt((parts**2).sum(axis=1))
    return (root - np.abs(parts).sum(axis=1) / norms) / (root - 1)


def matched_similarity(parts: np.ndarray, others: np.ndarray) -> float:
    """Mean cosine between two sets of parts, each paired with its partner in the best matching."""
    units = [p / np.sqrt((p**2).sum(axis=1, keepdims=True)) for p in (parts, others)]
    cosines = np.abs(units[0] @ units[1].T)
    rows, columns = linear_sum_assignment(-cosines)
    return float(cosines[rows, columns].mean())
