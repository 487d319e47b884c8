"""What filters see, and whether a selection would come out again: experiments with known truth, and tumours."""

from collections.abc import Callable

import numpy as np
from scipy import stats
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.linear_model import LogisticRegression

from mldev import datasets
from mldev.data.features import (
    correlations,
    jaccard,
    mutual_information,
    mutual_information_numbers,
)
from mldev.data.features_noise import SELECTIONS, Select

SHAPES = ("line", "arch", "one of a pair", "noise")
NUM_KEPT = 5


def shapes(seed: int, rows: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Columns that decide a label (-1, 1) by a line, an arch, as two halves of a pair, and not at all: (rows, 5)."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(rows, 5))
    arch = X[:, 1] ** 2 - 1
    pair = 1.5 * np.sign(X[:, 2] * X[:, 3])  # neither half says anything alone
    score = 1.5 * X[:, 0] + 1.5 * arch + pair + rng.logistic(size=rows)
    return X, np.where(score > np.median(score), 1, -1)


def shapes_run(seed: int, rows: int = 400) -> list[dict]:
    """What each filter gives to each shape, and what the pair is worth together, in thirds of its columns."""
    X, y = shapes(seed, rows)
    columns = dict(zip(SHAPES, (0, 1, 2, 4), strict=True))
    straight = np.abs(correlations(X, y))
    found = [
        {"seed": seed, "shape": shape, "correlation": float(straight[j])}
        | {"information": mutual_information_numbers(X[:, j], y)}
        for shape, j in columns.items()
    ]
    cells = np.digitize(X, np.quantile(X, (1 / 3, 2 / 3)))  # 0, 1 or 2
    together = mutual_information(3 * cells[:, 2] + cells[:, 3], y)
    blank = mutual_information(3 * cells[:, 2] + cells[:, 4], y)  # with noise
    return [{**row, "pair": together, "pair with noise": blank} for row in found]


def twins(
    seed: int, copies: int, first: float = 3.0, rows: int = 200
) -> tuple[np.ndarray, np.ndarray]:
    """Five signals, each measured `copies` times with a little error, and 20 columns of noise; a label -1 or 1.

    The first signal counts `first`, the others 1.5.
    """
    if copies < 1:
        raise ValueError(f"copies {copies}: expected a number of at least 1")
    rng = np.random.default_rng([seed, copies])
    signals = rng.normal(size=(rows, 5))
    error = rng.normal(size=(rows, 5, copies))
    measured = (signals[:, :, None] + 0.2 * error).reshape(rows, -1)
    strength = np.array([first, 1.5, 1.5, 1.5, 1.5])
    score = signals @ strength + rng.logistic(size=rows)
    X = np.column_stack([measured, rng.normal(size=(rows, 20))])
    return X, np.where(score > 0, 1, -1)


def groups(X: np.ndarray, nearest: float = 0.7) -> np.ndarray:
    """Number the groups of columns that correlate above `nearest`, on average."""
    distance = 1 - np.abs(np.corrcoef(X.T))
    pairs = distance[np.triu_indices(len(distance), 1)]
    return fcluster(linkage(pairs, "average"), 1 - nearest, "distance") - 1


def one_per_group(select: Select) -> Select:
    """Let a method choose among the first columns of groups of like columns."""

    def selected(X: np.ndarray, y: np.ndarray, num_kept: int = 10) -> np.ndarray:
        _, first = np.unique(groups(X), return_index=True)
        chosen = select(X[:, first], y, min(num_kept, len(first)))
        return np.isin(np.arange(X.shape[1]), first[chosen])

    return selected


def chance_likeness(num_kept: int, columns: int) -> float:
    """The Jaccard likeness to expect of two random selections of `num_kept` columns."""
    shared = np.arange(num_kept + 1)
    law = stats.hypergeom(columns, num_kept, num_kept).pmf(shared)
    return float((law * shared / (2 * num_kept - shared)).sum())


def accuracy(chosen: np.ndarray, train: tuple, test: tuple) -> float:
    """Accuracy on new rows of a logistic regression on the chosen columns."""
    model = LogisticRegression(max_iter=1000).fit(train[0][:, chosen], train[1])
    return float(model.score(test[0][:, chosen], test[1]))


def twins_run(
    seed: int,
    copies: int,
    first: float = 3.0,
    selections: dict[str, Select] = SELECTIONS,
    wrap: Callable[[Select], Select] = lambda select: select,
) -> list[dict]:
    """Select on two independent samples: how alike are the choices, and what are they worth on a third?

    `signals` counts how many of the five signals a choice holds at least one copy of.
    """
    early, late = (twins(1000 * part + seed, copies, first) for part in (1, 2))
    new = twins(3000 + seed, copies, first, rows=2000)
    found = []
    for name, select in selections.items():
        one, two = (wrap(select)(*sample, NUM_KEPT) for sample in (early, late))
        values = [accuracy(one, early, new), accuracy(two, late, new)]
        held = [len(set(np.flatnonzero(c[: 5 * copies]) // copies)) for c in (one, two)]
        row = {"seed": seed, "method": name, "alike": jaccard(one, two)}
        row |= {"accuracy": float(np.mean(values)), "signals": float(np.mean(held))}
        found.append(row)
    return found


def tumours() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Standardised measurements of 569 tumours, -1 or 1 for their kind, and the names of the columns."""
    table = datasets.load("breast_cancer")
    X = table.X.to_numpy()
    y = np.where(table.y == 1, 1, -1)
    return (X - X.mean(axis=0)) / X.std(axis=0), y, tuple(table.X.columns)


def halves_run(
    seed: int, wrap: Callable[[Select], Select] = lambda select: select
) -> list[dict]:
    """Select five columns in each of two halves of the tumours."""
    X, y, _ = tumours()
    order = np.random.default_rng(seed).permutation(len(y))
    halves = np.array_split(order, 2)
    found = []
    for name, select in SELECTIONS.items():
        one, two = (wrap(select)(X[half], y[half], NUM_KEPT) for half in halves)
        row = {"seed": seed, "method": name, "alike": jaccard(one, two)}
        found.append({**row, "selected": one})
    return found


def likeness(selections: list[np.ndarray]) -> np.ndarray:
    """The Jaccard likeness of every two selections: (m, m)."""
    return np.array([[jaccard(a, b) for b in selections] for a in selections])
