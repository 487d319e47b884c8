"""Splitting data, spoiling it on purpose, and mending it: the small functions of the chapter on kinds of data.

Everything random takes a generator. The same generator state spoils nested sets: what is wrong at a share of 10 % is
wrong at 20 %, too, so that runs with different shares can be paired.
"""

from collections.abc import Sequence

import numpy as np


def stratified_split(
    y: np.ndarray, sizes: Sequence[int], rng: np.random.Generator
) -> list[np.ndarray]:
    """Split rows into parts in which every class has its share of `y`.

    Parameters
    ----------
    y
        One label per row.
    sizes
        How many rows each part gets; together at most as many as there are.
    rng
        Draws the rows, and shuffles each part.

    Returns
    -------
    list of ndarray
        For each part the positions of its rows; no position appears twice.
    """
    if min(sizes) < 1 or sum(sizes) > len(y):
        raise ValueError(
            f"sizes {tuple(sizes)}: expected positive numbers, "
            f"in sum at most the {len(y)} rows"
        )
    classes = [np.flatnonzero(y == label) for label in np.unique(y)]
    waiting = [rng.permutation(rows) for rows in classes]
    parts = []
    for size in sizes:
        counts = fair_counts([len(rows) for rows in waiting], size)
        chosen = [rows[:n] for rows, n in zip(waiting, counts, strict=True)]
        waiting = [rows[n:] for rows, n in zip(waiting, counts, strict=True)]
        parts.append(rng.permutation(np.concatenate(chosen)))
    return parts


def fair_counts(available: Sequence[int], size: int) -> np.ndarray:
    """Divide `size` places among classes in proportion to `available`.

    Shares are rounded down; the places left over go to the largest remainders.
    """
    exact = size * np.asarray(available) / np.sum(available)
    counts = np.floor(exact).astype(int)
    by_remainder = np.argsort(counts - exact, kind="stable")
    counts[by_remainder[: size - counts.sum()]] += 1
    return counts


def look_alikes(X: np.ndarray, y: np.ndarray) -> np.ndarray:
    """For each class 0, 1, ... the other class whose mean example is nearest."""
    means = np.stack([X[y == label].mean(axis=0) for label in np.unique(y)])
    distance = ((means[:, None] - means[None]) ** 2).sum(axis=-1)  # (C, C)
    np.fill_diagonal(distance, np.inf)
    return distance.argmin(axis=1)


def wrong_labels(
    y: np.ndarray,
    share: float,
    rng: np.random.Generator,
    num_classes: int,
    partner: np.ndarray | None = None,
) -> np.ndarray:
    """Return a copy of `y` in which a share of the labels is wrong.

    A wrong label is any other class, drawn at random; or, with `partner`, always
    the look-alike of the true class.
    """
    num_wrong = round(checked_share(share) * len(y))
    rows = rng.permutation(len(y))[:num_wrong]
    spoilt = y.copy()
    if partner is None:
        spoilt[rows] += rng.integers(1, num_classes, num_wrong)
        return spoilt % num_classes
    spoilt[rows] = partner[y[rows]]
    return spoilt


def remove_cells(X: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """Return a copy of `X` in which each cell is missing (NaN) with probability `share`, whatever its value."""
    return np.where(rng.random(X.shape) < checked_share(share), np.nan, X)


def complete_rows(X: np.ndarray) -> np.ndarray:
    """Which rows lack no cell: a boolean per row."""
    return ~np.isnan(X).any(axis=1)


def fill_cells(X_train: np.ndarray, X: np.ndarray) -> np.ndarray:
    """Return a copy of `X`, its missing cells filled with the means of `X_train`."""
    if np.isnan(X_train).all(axis=0).any():
        raise ValueError(
            "X_train: a column has no value, expected at least one in each"
        )
    return np.where(np.isnan(X), np.nanmean(X_train, axis=0), X)


def measured_accuracy(accuracy: float, share: float, num_classes: int) -> float:
    """The accuracy to expect of a model when a share of the test labels is wrong at random."""
    return accuracy * (1 - share) + (1 - accuracy) * share / (num_classes - 1)


def checked_share(share: float) -> float:
    """Return the share if it is one."""
    if not 0 <= share <= 1:
        raise ValueError(f"share {share}: expected a number from 0 to 1")
    return share
