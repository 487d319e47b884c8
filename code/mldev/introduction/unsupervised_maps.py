"""t-SNE by hand: probabilities of being neighbours in the data, and a map that has nearly the same.

The steps and settings are those of scikit-learn's exact method: a start on the first two principal components, early
exaggeration for 250 steps, momentum, and a step width of its own for each coordinate.
"""

import numpy as np

from mldev.introduction.unsupervised import squared_distances
from mldev.introduction.unsupervised_factors import principal_components


def neighbour_probabilities(X: np.ndarray, perplexity: float) -> np.ndarray:
    """How likely each pair of rows is to be neighbours; all pairs sum to 1."""
    if not 1 < perplexity < len(X) - 1:
        raise ValueError(
            f"perplexity {perplexity}: expected more than 1 and less than {len(X) - 1}"
        )
    squares = squared_distances(X, X)
    np.fill_diagonal(squares, np.inf)
    nearest = squares.min(axis=1, keepdims=True)
    low, high = np.zeros((len(X), 1)), np.full((len(X), 1), np.inf)
    narrowness = np.full((len(X), 1), 1 / np.median(squares))
    for _ in range(
        60
    ):  # bisection: one narrowness per row, until all have the perplexity
        P = np.exp(-(squares - nearest) * narrowness)
        P /= P.sum(axis=1, keepdims=True)
        logs = np.log2(P, out=np.zeros_like(P), where=P > 0)
        entropy = -(P * logs).sum(axis=1, keepdims=True)
        too_wide = entropy > np.log2(perplexity)
        low = np.where(too_wide, narrowness, low)
        high = np.where(too_wide, high, narrowness)
        middle = (low + np.where(np.isinf(high), 3 * low, high)) / 2
        narrowness = middle
    return (P + P.T) / (2 * len(X))


def map_probabilities(Y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same for a map, by a distribution with a heavy tail; and its terms before they are divided by their sum."""
    closeness = 1 / (1 + squared_distances(Y, Y))  # (n, n)
    np.fill_diagonal(closeness, 0)
    return closeness / closeness.sum(), closeness


def gradient(P: np.ndarray, Y: np.ndarray) -> np.ndarray:
    """The slope of the divergence of the map's probabilities from P."""
    Q, closeness = map_probabilities(Y)
    pull = (P - Q) * closeness
    return 4 * (pull.sum(axis=1, keepdims=True) * Y - pull @ Y)


def divergence(P: np.ndarray, Y: np.ndarray) -> float:
    """How far the map is from P: the Kullback-Leibler divergence that t-SNE makes small."""
    Q, _ = map_probabilities(Y)
    some = P > 0
    return float(np.sum(P[some] * np.log(P[some] / Q[some])))


def descend(
    P: np.ndarray,
    Y: np.ndarray,
    momentum: float,
    num_steps: int,
    rate: float | None = None,
) -> np.ndarray:
    """Gradient descent with momentum, and a step width for each coordinate."""
    rate = max(len(Y) / 48, 50) if rate is None else rate
    velocity, gains = np.zeros_like(Y), np.ones_like(Y)
    for _ in range(num_steps):
        slope = gradient(P, Y)
        onward = slope * velocity < 0  # still downhill: a longer step
        gains = np.maximum(np.where(onward, gains + 0.2, gains * 0.8), 0.01)
        velocity = momentum * velocity - rate * gains * slope
        Y = Y + velocity
    return Y


def t_sne(
    X: np.ndarray,
    perplexity: float,
    start: np.ndarray | None = None,
    num_steps: int = 500,
    rate: float | None = None,
) -> np.ndarray:
    """A map of the rows in two dimensions: (n, d) -> (n, 2)."""
    if rate is not None and not rate > 0:
        raise ValueError(f"rate {rate}: expected a positive number or None")
    X = np.asarray(X, dtype=float)
    P = neighbour_probabilities(X, perplexity)
    Y = pca_start(X) if start is None else start
    # exaggerated at first, so that neighbours gather
    Y = descend(12 * P, Y, momentum=0.5, num_steps=250, rate=rate)
    return descend(P, Y, momentum=0.8, num_steps=num_steps - 250, rate=rate)


def pca_start(X: np.ndarray) -> np.ndarray:
    """The first two principal components, shrunk to almost a point."""
    scores = principal_components(X, 2).scores(X)
    return 1e-4 * scores / scores[:, 0].std()
