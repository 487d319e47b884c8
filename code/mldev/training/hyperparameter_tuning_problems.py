"""Three tuning problems on real data, each small enough to know its true optimum.

A problem is a search space, data split once into training, validation and test rows, and a way to train one
configuration up to a budget of 1, 3, 9 or 27 units. Every configuration of every space was trained once, and the
losses are kept as a table (the studies of ``hyperparameter_tuning_studies``): a search over the table makes the
same decisions as a search that trains, in no time. A sample of the rows is trained again at every build.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np
import pandas as pd
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC

from mldev import datasets
from mldev.training.hyperparameter_tuning_space import Params, Space, UnitCube

BUDGETS = (1, 3, 9, 27)
FULL = BUDGETS[-1]


@dataclass(frozen=True)
class Split:
    """Rows for training, for choosing, and for the final truth."""

    X_train: np.ndarray
    y_train: np.ndarray
    X_valid: np.ndarray
    y_valid: np.ndarray
    X_test: np.ndarray
    y_test: np.ndarray


def split(
    X: np.ndarray, y: np.ndarray, num_train: int, num_valid: int, seed: int = 0
) -> Split:
    """Shuffle and cut into training, validation and test rows (the rest)."""
    if num_train + num_valid >= len(y):
        raise ValueError(
            f"num_train + num_valid: {num_train + num_valid}; {len(y)} rows leave nothing to test on"
        )
    order = np.random.default_rng(seed).permutation(len(y))
    train, valid, test = np.split(order, [num_train, num_train + num_valid])
    return Split(X[train], y[train], X[valid], y[valid], X[test], y[test])


def digits_split(seed: int = 0) -> Split:
    """1,797 handwritten digits as rows of 64 grey values in [0, 1]."""
    images = datasets.load("digits")
    return split(
        images.images.reshape(len(images.labels), -1).astype(float),
        np.asarray(images.labels),
        540,
        400,
        seed,
    )


def visits_split(seed: int = 0) -> Split:
    """Doctor visits of a year (logarithm of 1 + visits) from nine facts about a person's insurance and health."""
    table = datasets.load("randhie")
    return split(
        table.X.to_numpy(float), np.log1p(table.y.to_numpy(float)), 600, 600, seed
    )


def error_rate(model: object, X: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean(model.predict(X) != y))


def train_svm(
    params: Params, data: Split, budgets: tuple[int, ...] = BUDGETS
) -> dict[str, float]:
    """Support vector machine; the budget is the number of training images, 20 to a unit."""
    losses = {}
    for budget in budgets:
        model = SVC(C=2.0 ** params["log2_C"], gamma=2.0 ** params["log2_gamma"])
        model.fit(data.X_train[: 20 * budget], data.y_train[: 20 * budget])
        losses[f"valid_{budget}"] = error_rate(model, data.X_valid, data.y_valid)
    return losses | {"test": error_rate(model, data.X_test, data.y_test)}


def train_mlp(
    params: Params, data: Split, budgets: tuple[int, ...] = BUDGETS
) -> dict[str, float]:
    """Neural network with one hidden layer; the budget is the number of epochs."""
    model = MLPClassifier(
        (2 ** params["log2_width"],), activation=params["activation"], alpha=10.0 ** params["log10_alpha"],
        solver="sgd", learning_rate_init=10.0 ** params["log10_learning_rate"],
        momentum=1 - 0.5 ** params["log2_memory"], nesterovs_momentum=False, batch_size=54, random_state=0,
    )  # fmt: skip
    losses: dict[str, float] = {}
    classes = np.unique(data.y_train)
    for epoch in range(1, max(budgets) + 1):
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter(
                "ignore", RuntimeWarning
            )  # a learning rate too high overflows; the loss tells it
            try:
                model.partial_fit(data.X_train, data.y_train, classes=classes)
            except ValueError as error:
                if "non-finite" not in str(error):
                    raise
                worst = {f"valid_{b}": 1.0 for b in budgets if b >= epoch}
                return (
                    losses | worst | {"test": 1.0}
                )  # diverged: no usable model from here on
            if epoch in budgets:
                losses[f"valid_{epoch}"] = error_rate(model, data.X_valid, data.y_valid)
    return losses | {"test": error_rate(model, data.X_test, data.y_test)}


def train_boosting(
    params: Params, data: Split, budgets: tuple[int, ...] = BUDGETS
) -> dict[str, float]:
    """Gradient-boosted trees; the budget is the number of trees, 4 to a unit."""
    model = GradientBoostingRegressor(
        n_estimators=4 * max(budgets), learning_rate=2.0 ** params["log2_learning_rate"],
        max_depth=params["max_depth"], min_samples_leaf=2 ** params["log2_min_leaf"],
        subsample=params["subsample"], max_features=None if params["max_features"] == "all" else "sqrt", random_state=0,
    ).fit(data.X_train, data.y_train)  # fmt: skip
    staged = list(model.staged_predict(data.X_valid))
    losses = {f"valid_{b}": _rmse(staged[4 * b - 1], data.y_valid) for b in budgets}
    return losses | {"test": _rmse(model.predict(data.X_test), data.y_test)}


def _rmse(predicted: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(np.mean((predicted - y) ** 2)))


@dataclass(frozen=True)
class Problem:
    """A tuning problem: what may vary, what is trained, and the table of what every configuration reaches."""

    name: str
    title: str
    loss_name: str
    budget_name: str
    space: Space
    train: Callable[[Params, Split], dict[str, float]]
    load_split: Callable[[int], Split]
    load_table: Callable[[], pd.DataFrame]
    resumable: bool

    @cached_property
    def cube(self) -> UnitCube:
        return UnitCube(self.space)

    @cached_property
    def table(self) -> pd.DataFrame:
        return self.load_table()

    @cached_property
    def _losses(self) -> dict[tuple, dict[str, float]]:
        names, results = list(self.space), [f"valid_{b}" for b in BUDGETS] + ["test"]
        keys = map(tuple, self.table[names].to_numpy(object))
        return dict(
            zip(map(_key, keys), self.table[results].to_dict("records"), strict=True)
        )

    def loss(self, params: Params, budget: int = FULL) -> float:
        """Validation loss of one configuration after so much training, from the table."""
        return self._row(params)[f"valid_{budget}"]

    def test_loss(self, params: Params) -> float:
        """Loss on the test rows: for judging a finished search, never for choosing."""
        return self._row(params)["test"]

    def _row(self, params: Params) -> dict[str, float]:
        key = _key(params[name] for name in self.space)
        if key not in self._losses:
            raise KeyError(
                f"{self.name}: {params} is not in the space {dict(self.space)}"
            )
        return self._losses[key]

    @cached_property
    def optimum(self) -> float:
        """The least validation loss of any configuration, fully trained: known, because all were."""
        return float(self.table[f"valid_{FULL}"].min())


def _key(values: object) -> tuple:
    return tuple(
        round(float(v), 6) if isinstance(v, (int, float, np.number)) else v
        for v in values
    )


def every_configuration(space: Space) -> list[Params]:
    """The whole space, one dictionary per configuration."""
    levels = [_levels(dist) for dist in space.values()]
    return [dict(zip(space, values, strict=True)) for values in product(*levels)]


def _levels(dist: object) -> list:
    if isinstance(dist, CategoricalDistribution):
        return list(dist.choices)
    if dist.log or not dist.step:
        raise ValueError(
            f"{dist}: a continuous distribution has no list of values; give it a step"
        )
    count = round((dist.high - dist.low) / dist.step) + 1
    values = [dist.low + k * dist.step for k in range(count)]
    return (
        [round(v, 6) for v in values] if isinstance(dist, FloatDistribution) else values
    )


SVM_SPACE: Space = {
    "log2_C": FloatDistribution(-5, 10, step=0.5),
    "log2_gamma": FloatDistribution(-12, 3, step=0.5),
}
MLP_SPACE: Space = {
    "log10_learning_rate": FloatDistribution(-3, 0, step=0.25),
    "log2_memory": IntDistribution(
        0, 6
    ),  # momentum = 1 - 1 / 2**memory: 0, 0.5, 0.75, ... 0.984
    "log2_width": IntDistribution(2, 6, step=2),
    "log10_alpha": IntDistribution(-5, -1, step=2),
    "activation": CategoricalDistribution(["relu", "tanh"]),
}
BOOSTING_SPACE: Space = {
    "log2_learning_rate": FloatDistribution(-6, 0, step=0.5),
    "max_depth": IntDistribution(1, 5),
    "log2_min_leaf": IntDistribution(0, 6, step=3),
    "subsample": FloatDistribution(0.4, 1.0, step=0.3),
    "max_features": CategoricalDistribution(["sqrt", "all"]),
}
