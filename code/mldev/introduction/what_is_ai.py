"""What is AI: rules and learning side by side on the same images, and one model served two ways.

Of each digit, the bench holds the images that a person may look at while writing rules;
a program that learns is trained on images of the bench, too. All others are sealed: they
are read when the recognisers are finished, to count how many each gets right.

A recogniser takes training images, test images and a seed, and returns a digit for each
test image. The seed matters only to those that draw lots.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mldev import datasets
from mldev.experiments import paired_difference
from mldev.introduction.what_is_ai_features import describe_all
from mldev.introduction.what_is_ai_rules import RULES, recognise

BENCH_PER_CLASS = 200
TEST_PER_CLASS = 100


@dataclass(frozen=True)
class Digits:
    """Images in three forms: `X` as rows of pixels, `features` as a person sees them, `y` what they mean."""

    X: np.ndarray
    features: pd.DataFrame
    y: np.ndarray

    def take(self, index: np.ndarray) -> "Digits":
        return Digits(self.X[index], self.features.iloc[index], self.y[index])


@lru_cache(maxsize=1)
def bench_and_sealed() -> tuple[Digits, Digits]:
    """All 5,000 images, divided once and for good."""
    mnist = datasets.load("mnist")
    order = np.random.default_rng(0).permutation(len(mnist.y))
    groups = [order[mnist.y[order] == digit] for digit in range(10)]
    every = Digits(mnist.X, describe_all(mnist.images), mnist.y)
    bench = np.concatenate([group[:BENCH_PER_CLASS] for group in groups])
    sealed = np.concatenate([group[BENCH_PER_CLASS:] for group in groups])
    return every.take(bench), every.take(sealed)


def draw(
    data: Digits, digits: Sequence[int], per_class: int, rng: np.random.Generator
) -> Digits:
    """Draw `per_class` images of each of these digits."""
    most = min(int((data.y == digit).sum()) for digit in digits)
    if not 1 <= per_class <= most:
        raise ValueError(f"per_class: expected 1 to {most}, got {per_class}")
    chosen = [
        rng.permutation(np.flatnonzero(data.y == digit))[:per_class] for digit in digits
    ]
    return data.take(np.concatenate(chosen))


def nearest(
    X_train: np.ndarray,
    y_train: np.ndarray,
    X: np.ndarray,
) -> np.ndarray:
    """Learn by heart; then label each image like the one most like it."""
    squared = (X_train**2).sum(axis=1) - 2 * X @ X_train.T  # (new, train)
    return y_train[squared.argmin(axis=1)]


def by_rules(train: Digits, test: Digits, seed: int = 0) -> np.ndarray:
    """Nothing is fitted: training images say only which digits may occur."""
    return recognise(test.features, np.unique(train.y))


def by_memory(train: Digits, test: Digits, seed: int = 0) -> np.ndarray:
    """Nearest neighbour on pixels."""
    return nearest(train.X, train.y, test.X)


def by_learned_weights(
    train: Digits,
    test: Digits,
    seed: int = 0,
) -> np.ndarray:
    """The features of the rules, weighed by a program."""
    logistic = LogisticRegression(max_iter=1000)
    model = make_pipeline(StandardScaler(), logistic)
    return model.fit(train.features, train.y).predict(test.features)


def by_learned_ranges(
    train: Digits,
    test: Digits,
    seed: int = 0,
) -> np.ndarray:
    """The form of the rules, with ranges that a program chooses."""
    rules = {}
    for digit in np.unique(train.y):
        seen = train.features.loc[train.y == digit, list(RULES[digit])]
        low, high = seen.quantile(0.1), seen.quantile(0.9)
        rules[digit] = {name: (low[name], high[name]) for name in seen}
    return recognise(test.features, list(rules), rules)


def network(seed: int) -> MLPClassifier:
    """Two hidden layers, of 64 and 32 units."""
    return MLPClassifier(
        (64, 32),
        max_iter=300,
        tol=1e-3,
        random_state=seed,
    )


def by_network(train: Digits, test: Digits, seed: int = 0) -> np.ndarray:
    """From pixels: features and numbers are both learned."""
    return network(seed).fit(train.X, train.y).predict(test.X)


def by_network_on_features(
    train: Digits,
    test: Digits,
    seed: int = 0,
) -> np.ndarray:
    """The same network, given the features of the rules."""
    model = make_pipeline(StandardScaler(), network(seed))
    return model.fit(train.features, train.y).predict(test.features)


RECOGNISERS: dict[str, Callable[[Digits, Digits, int], np.ndarray]] = {
    "rules": by_rules,
    "pixels, nearest": by_memory,
    "features, weighed": by_learned_weights,
}


def contest(
    seed: int,
    num_classes: int,
    per_class: int,
    recognisers: dict[str, Callable] = RECOGNISERS,
) -> dict[str, float]:
    """The share of the same test images that each recogniser gets right."""
    bench, sealed = bench_and_sealed()
    rng = np.random.default_rng([seed, num_classes])
    digits = np.sort(rng.permutation(10)[:num_classes])
    test = draw(sealed, digits, TEST_PER_CLASS, rng)
    train = draw(bench, digits, per_class, rng)
    return {
        name: float((run(train, test, seed) == test.y).mean())
        for name, run in recognisers.items()
    }


def learning_curves(
    num_classes: int, sizes: Sequence[int], num_seeds: int
) -> dict[str, np.ndarray]:
    """For each recogniser the accuracies, (seeds, sizes), by the number of training images of each class."""
    results = [
        [contest(seed, num_classes, size) for size in sizes]
        for seed in range(num_seeds)
    ]
    return {
        name: np.array([[cell[name] for cell in row] for row in results])
        for name in RECOGNISERS
    }


def first_ahead(
    learned: np.ndarray, rules: np.ndarray, sizes: Sequence[int]
) -> int | None:
    """The least size from which on the learned one is ahead, with its whole interval, at every size measured.

    Parameters
    ----------
    learned, rules
        Accuracies, (seeds, sizes), with a common seed in each row.
    """
    ahead = [
        paired_difference(learned[:, column], rules[:, column]).above(0)
        for column in range(len(sizes))
    ]
    behind = [column for column, wins in enumerate(ahead) if not wins]
    start = behind[-1] + 1 if behind else 0
    return sizes[start] if start < len(sizes) else None


def stump(values: np.ndarray, is_second: np.ndarray) -> tuple[float, float]:
    """The threshold with fewest mistakes on two digits; its accuracy."""
    thresholds = np.unique(values)
    right = [((values > at) == is_second).mean() for at in thresholds]
    best = int(np.argmax(right))
    return float(thresholds[best]), float(right[best])
