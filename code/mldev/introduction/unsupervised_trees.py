"""Hierarchical clustering by hand: merge the two nearest clusters until one is left.

Merges are rows as in SciPy's linkage matrices: the two clusters, their distance, and how many rows the new one has.
Rows of the data are the clusters 0 to n - 1; the merges make n, n + 1, and so on.
"""

import numpy as np

from mldev.introduction.unsupervised import squared_distances

LINKAGES = ("single", "complete", "average", "ward")


def agglomerate(X: np.ndarray, linkage: str) -> np.ndarray:
    """Merge the two nearest clusters, n - 1 times: (n, d) -> (n - 1, 4)."""
    if linkage not in LINKAGES:
        names = ", ".join(LINKAGES)
        raise ValueError(f"linkage {linkage!r}: expected one of {names}")
    n = len(X)
    distances = np.sqrt(squared_distances(X, X))
    np.fill_diagonal(distances, np.inf)
    names, sizes, merges = np.arange(n), np.ones(n), []
    for new in range(n, 2 * n - 1):
        i, j = np.unravel_index(distances.argmin(), distances.shape)
        height, size = distances[i, j], sizes[i] + sizes[j]
        merges.append((*sorted((names[i], names[j])), height, size))
        row = merged(distances[i], distances[j], height, sizes, i, j, linkage)
        row[[i, j]] = np.inf
        distances[i], distances[:, i] = row, row  # the new cluster takes place i
        distances[j], distances[:, j] = np.inf, np.inf
        names[i], sizes[i] = new, size
    return np.array(merges)


def merged(
    to_i: np.ndarray,
    to_j: np.ndarray,
    height: float,
    sizes: np.ndarray,
    i: int,
    j: int,
    linkage: str,
) -> np.ndarray:
    """Distances of all clusters to the union of i and j."""
    if linkage == "single":
        return np.minimum(to_i, to_j)
    if linkage == "complete":
        return np.maximum(to_i, to_j)
    if linkage == "average":
        return (sizes[i] * to_i + sizes[j] * to_j) / (sizes[i] + sizes[j])
    squares = (sizes[i] + sizes) * to_i**2 + (sizes[j] + sizes) * to_j**2
    return np.sqrt((squares - sizes * height**2) / (sizes[i] + sizes[j] + sizes))


def cut(merges: np.ndarray, k: int) -> np.ndarray:
    """Undo the last k - 1 merges: a label from 0 to k - 1 for each row."""
    n = len(merges) + 1
    if not 1 <= k <= n:
        raise ValueError(f"k {k}: expected a number from 1 to the {n} rows")
    groups = {row: [row] for row in range(n)}
    for new, (a, b, *_) in enumerate(merges[: n - k], start=n):
        groups[new] = groups.pop(int(a)) + groups.pop(int(b))
    labels = np.empty(n, dtype=int)
    for label, rows in enumerate(groups.values()):
        labels[rows] = label
    return labels
