"""k-means by hand, and the scores of a clustering: the chapter on unsupervised learning, first part.

A clustering is an array of labels 0, 1, ..., one per row. Which number a cluster has means nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Clustering:
    """What k-means found: a label per row, the centres, and how far it got."""

    labels: np.ndarray
    centres: np.ndarray
    inertia: float
    num_steps: int


def squared_distances(X: np.ndarray, Z: np.ndarray) -> np.ndarray:
    """Squared distances between rows: (n, d), (m, d) -> (n, m)."""
    lengths = (X**2).sum(axis=1)[:, None] + (Z**2).sum(axis=1)
    return np.maximum(lengths - 2 * X @ Z.T, 0)


def random_start(X: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Take k different rows as centres, all equally likely."""
    return X[rng.choice(len(X), k, replace=False)]


def plus_plus_start(X: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    """Take k rows as centres, each new one far from those before."""
    centres = X[rng.integers(len(X))][None]
    nearest = np.full(len(X), np.inf)
    while len(centres) < k:
        nearest = np.minimum(nearest, squared_distances(X, centres[-1:])[:, 0])
        new = rng.choice(len(X), p=nearest / nearest.sum())
        centres = np.vstack([centres, X[new]])
    return centres


def lloyd(X: np.ndarray, centres: np.ndarray, max_steps: int = 300) -> Clustering:
    """Assign each row to its nearest centre, move centres to means; repeat."""
    labels, num_steps = np.full(len(X), -1), 0
    while num_steps < max_steps:
        num_steps += 1
        distances = squared_distances(X, centres)  # (n, k)
        old, labels = labels, distances.argmin(axis=1)
        if np.array_equal(old, labels):
            break
        members = one_hot(labels, len(centres))  # (n, k)
        counts = members.sum(axis=0)[:, None]
        means = members.T @ X / np.maximum(counts, 1)
        centres = np.where(counts > 0, means, centres)
    inertia = ((X - centres[labels]) ** 2).sum()
    return Clustering(labels, centres, float(inertia), num_steps)


def k_means(
    X: np.ndarray,
    k: int,
    seed: int = 0,
    num_starts: int = 1,
    start: Callable[..., np.ndarray] = plus_plus_start,
) -> Clustering:
    """The clustering of lowest inertia among several starts.

    Parameters
    ----------
    X
        Rows to be clustered: (n, d).
    k
        The number of clusters.
    seed
        Seed of the starts.
    num_starts
        How many starts are tried.
    start
        A function of rows, k and a generator that returns k centres.
    """
    X = np.asarray(X, dtype=float)
    if not 1 <= k <= len(X):
        raise ValueError(f"k {k}: expected a number from 1 to the {len(X)} rows of X")
    if num_starts < 1:
        raise ValueError(f"num_starts {num_starts}: expected a positive number")
    rng = np.random.default_rng(seed)
    found = [lloyd(X, start(X, k, rng)) for _ in range(num_starts)]
    return min(found, key=lambda clustering: clustering.inertia)


def one_hot(labels: np.ndarray, num_labels: int) -> np.ndarray:
    """One column per label, 1 where a row has it: (n,) -> (n, num_labels)."""
    return (labels[:, None] == np.arange(num_labels)).astype(float)


def adjusted_rand(labels: np.ndarray, clusters: np.ndarray) -> float:
    """How far two groupings agree on pairs of rows."""
    if len(labels) != len(clusters) or len(labels) < 2:
        raise ValueError(
            "labels, clusters: expected as many of both, two at least,"
            f" got {len(labels)} and {len(clusters)}"
        )
    rows, columns = (np.unique(g, return_inverse=True)[1] for g in (labels, clusters))
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    together = pairs(table)
    in_rows, in_columns = pairs(table.sum(axis=1)), pairs(table.sum(axis=0))
    by_chance = in_rows * in_columns / pairs(table.sum())
    at_best = (in_rows + in_columns) / 2
    if at_best == by_chance:  # both put all rows together, or all apart
        return 1.0
    return float((together - by_chance) / (at_best - by_chance))


def pairs(counts: np.ndarray) -> float:
    """How many pairs lie within groups of these sizes."""
    return float(np.sum(counts * (counts - 1) / 2))


def silhouette(distances: np.ndarray, labels: np.ndarray) -> float:
    """Mean silhouette of a clustering, from the distances of all rows to all: (n, n), (n,) -> one number."""
    groups, labels = np.unique(labels, return_inverse=True)
    if not 2 <= len(groups) <= len(labels) - 1:
        raise ValueError(
            f"labels: expected 2 to {len(labels) - 1} clusters, got {len(groups)}"
        )
    members = one_hot(labels, len(groups))
    counts = members.sum(axis=0)  # (k,)
    sums = distances @ members  # (n, k): distance from each row to each cluster
    rows = np.arange(len(labels))
    own = sums[rows, labels] / np.maximum(counts[labels] - 1, 1)
    means = sums / counts
    means[rows, labels] = np.inf
    other = means.min(axis=1)
    width = (other - own) / np.maximum(np.maximum(own, other), 1e-300)
    return float(np.where(counts[labels] > 1, width, 0).mean())


def elbow(inertias: np.ndarray) -> int:
    """The k at which a curve of inertias for k = 1, 2, ... bends most: farthest below the line between its ends."""
    inertias = np.asarray(inertias, dtype=float)
    if inertias.ndim != 1 or len(inertias) < 3:
        raise ValueError(
            f"inertias: expected at least three in one dimension, got shape {inertias.shape}"
        )
    line = np.linspace(inertias[0], inertias[-1], len(inertias))
    return int(np.argmax(line - inertias)) + 1
