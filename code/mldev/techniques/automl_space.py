"""The space that is searched: families of models, each with its hyperparameters."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.kernel_approximation import Nystroem
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline

from mldev.techniques.automl_preprocessing import TypedPreprocessor


@dataclass(frozen=True)
class Range:
    """Numbers from low to high, drawn evenly, or evenly in their logarithm."""

    low: float
    high: float
    log: bool = True
    whole: bool = False

    def at(self, u: float) -> float:
        """The value at u, between 0 and 1, of the way from low to high."""
        if self.log:
            value = self.low * (self.high / self.low) ** u
        else:
            value = self.low + u * (self.high - self.low)
        return int(round(value)) if self.whole else float(value)

    def place(self, value: float) -> float:
        """Where a value lies: the inverse of `at`."""
        if self.log:
            return float(np.log(value / self.low) / np.log(self.high / self.low))
        return (value - self.low) / (self.high - self.low)


@dataclass(frozen=True)
class Choice:
    """One of a few words."""

    options: tuple[str, ...]

    def at(self, u: float) -> str:
        """The option at u, between 0 and 1."""
        return self.options[min(int(u * len(self.options)), len(self.options) - 1)]

    def place(self, value: str) -> float:
        """The middle of an option's share of the way from 0 to 1."""
        return (self.options.index(value) + 0.5) / len(self.options)


@dataclass(frozen=True)
class Situation:
    """What a family may know before it builds a model."""

    classification: bool
    categorical: np.ndarray
    num_rows: int
    seed: int


@dataclass(frozen=True)
class Family:
    """A kind of model: its hyperparameters, where to begin, and how to build one."""

    name: str
    space: Mapping[str, Range | Choice]
    default: Mapping[str, object]
    build: Callable[[Mapping[str, object], Situation], BaseEstimator]


@dataclass(frozen=True)
class Candidate:
    """A family with a value for each of its hyperparameters, and a seed."""

    family: Family
    params: Mapping[str, object] = field(default_factory=dict)
    seed: int = 0

    def __str__(self) -> str:
        values = (
            f"{name}={value:.3g}" if isinstance(value, float) else f"{name}={value}"
            for name, value in self.params.items()
        )
        return f"{self.family.name}({', '.join(values)})"


def _scaled(model: BaseEstimator, about: Situation) -> BaseEstimator:
    return make_pipeline(TypedPreprocessor(about.categorical), model)


def linear(params: Mapping, about: Situation) -> BaseEstimator:
    """Logistic or ridge regression."""
    if about.classification:
        return _scaled(LogisticRegression(C=params["C"], max_iter=100), about)
    return _scaled(Ridge(alpha=1 / params["C"]), about)


def neighbours(params: Mapping, about: Situation) -> BaseEstimator:
    """The average of the nearest training rows."""
    kind = KNeighborsClassifier if about.classification else KNeighborsRegressor
    count = max(1, min(params["count"], about.num_rows))
    return _scaled(kind(count, weights=params["weights"]), about)


def kernel(params: Mapping, about: Situation) -> BaseEstimator:
    """An approximate Gaussian-kernel machine: landmarks, then a linear model."""
    landmarks = Nystroem(
        gamma=params["gamma"] / about.categorical.size,
        n_components=min(params["landmarks"], about.num_rows),
        random_state=about.seed,
    )
    if about.classification:
        last = LogisticRegression(C=params["C"], max_iter=100)
    else:
        last = Ridge(alpha=1 / params["C"])
    return make_pipeline(TypedPreprocessor(about.categorical), landmarks, last)


def forest(params: Mapping, about: Situation) -> BaseEstimator:
    """A random forest, or extremely randomised trees."""
    kinds = {
        ("random", True): RandomForestClassifier,
        ("random", False): RandomForestRegressor,
        ("extra", True): ExtraTreesClassifier,
        ("extra", False): ExtraTreesRegressor,
    }
    return kinds[params["splits"], about.classification](
        n_estimators=params["trees"],
        max_features=params["max_features"],
        min_samples_leaf=params["min_samples_leaf"],
        random_state=about.seed,
    )


def boosting(params: Mapping, about: Situation) -> BaseEstimator:
    """scikit-learn's histogram gradient boosting."""
    if about.classification:
        kind = HistGradientBoostingClassifier
    else:
        kind = HistGradientBoostingRegressor
    return kind(
        learning_rate=params["learning_rate"],
        max_iter=params["trees"],
        max_leaf_nodes=params["leaves"],
        min_samples_leaf=params["min_samples_leaf"],
        l2_regularization=params["l2"],
        max_features=params["max_features"],
        categorical_features=about.categorical,
        early_stopping=False,
        random_state=about.seed,
    )


def lightgbm(params: Mapping, about: Situation) -> BaseEstimator:
    """LightGBM's gradient boosting; words enter as the places of their levels."""
    return (LGBMClassifier if about.classification else LGBMRegressor)(
        learning_rate=params["learning_rate"],
        n_estimators=params["trees"],
        num_leaves=params["leaves"],
        min_child_samples=params["min_samples_leaf"],
        reg_lambda=params["l2"],
        colsample_bytree=params["max_features"],
        random_state=about.seed,
        deterministic=True,
        force_row_wise=True,
        n_jobs=1,
        verbose=-1,
    )


def network(params: Mapping, about: Situation) -> BaseEstimator:
    """A small network with one hidden layer."""
    kind = MLPClassifier if about.classification else MLPRegressor
    return _scaled(
        kind(
            hidden_layer_sizes=(params["width"],),
            alpha=params["alpha"],
            learning_rate_init=params["learning_rate"],
            max_iter=params["epochs"],
            random_state=about.seed,
        ),
        about,
    )


BOOSTED = {
    "learning_rate": Range(0.02, 0.3),
    "trees": Range(30, 300, whole=True),
    "leaves": Range(3, 127, whole=True),
    "min_samples_leaf": Range(2, 100, whole=True),
    "l2": Range(1e-3, 100),
    "max_features": Range(0.3, 1, log=False),
}
BOOSTED_DEFAULT = {
    "learning_rate": 0.1,
    "trees": 100,
    "leaves": 31,
    "min_samples_leaf": 10,
    "l2": 0.1,
    "max_features": 0.7,
}
FAMILIES = {
    family.name: family
    for family in (
        Family("linear", {"C": Range(1e-4, 1e2)}, {"C": 0.1}, linear),
        Family("lightgbm", BOOSTED, BOOSTED_DEFAULT, lightgbm),
        Family(
            "neighbours",
            {
                "count": Range(1, 50, whole=True),
                "weights": Choice(("uniform", "distance")),
            },
            {"count": 10, "weights": "distance"},
            neighbours,
        ),
        Family(
            "forest",
            {
                "splits": Choice(("random", "extra")),
                "trees": Range(20, 200, whole=True),
                "max_features": Range(0.1, 1),
                "min_samples_leaf": Range(1, 50, whole=True),
            },
            {
                "splits": "extra",
                "trees": 50,
                "max_features": 0.4,
                "min_samples_leaf": 2,
            },
            forest,
        ),
        Family(
            "kernel",
            {
                "C": Range(1e-2, 1e3),
                "gamma": Range(1e-2, 1),
                "landmarks": Range(50, 300, whole=True),
            },
            {"C": 3.0, "gamma": 0.1, "landmarks": 200},
            kernel,
        ),
        Family(
            "network",
            {
                "width": Range(8, 128, whole=True),
                "alpha": Range(1e-5, 1),
                "learning_rate": Range(3e-4, 3e-2),
                "epochs": Range(10, 100, whole=True),
            },
            {"width": 32, "alpha": 0.01, "learning_rate": 0.003, "epochs": 40},
            network,
        ),
        Family("boosting", BOOSTED, BOOSTED_DEFAULT, boosting),
    )
}


def draw(family: Family, rng: np.random.Generator) -> Candidate:
    """A candidate drawn evenly from the family's space."""
    params = {name: axis.at(rng.random()) for name, axis in family.space.items()}
    return Candidate(family, params, int(rng.integers(2**31)))


def vary(candidate: Candidate, rng: np.random.Generator, step: float) -> Candidate:
    """A neighbour: every hyperparameter a normal step away."""
    params = {
        name: axis.at(
            float(
                np.clip(axis.place(candidate.params[name]) + rng.normal(0, step), 0, 1)
            )
        )
        for name, axis in candidate.family.space.items()
    }
    return Candidate(candidate.family, params, int(rng.integers(2**31)))
