"""How far the score of a tuned model can be believed: over-tuning, and tuning inside cross-validation.

The data are few rows of the doctor visits, so that choosing among many configurations on them can deceive; the
thousands of rows left over say how good a choice really was.
"""

from dataclasses import dataclass

import numpy as np
from optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from sklearn.model_selection import KFold
from sklearn.tree import DecisionTreeRegressor

from mldev.training.hyperparameter_tuning_space import Params, UnitCube
from mldev.training.hyperparameter_tuning_tables import visits

TREE_SPACE = {
    "max_depth": IntDistribution(1, 8),
    "min_samples_leaf": IntDistribution(1, 20, log=True),
    "max_features": FloatDistribution(0.2, 1.0),
    "splitter": CategoricalDistribution(["best", "random"]),
    "random_state": IntDistribution(0, 99),
}
CUBE = UnitCube(TREE_SPACE)


@dataclass(frozen=True)
class Tuned:
    """The course of one search: loss of the best so far as seen when choosing, and in truth."""

    seen: np.ndarray
    true: np.ndarray


def fit_tree(params: Params, X: np.ndarray, y: np.ndarray) -> DecisionTreeRegressor:
    return DecisionTreeRegressor(**params).fit(
        X, y, check_input=False
    )  # thousands of fits on rows that are in order


def rmse(model: DecisionTreeRegressor, X: np.ndarray, y: np.ndarray) -> float:
    return float(np.sqrt(np.mean((model.predict(X, check_input=False) - y) ** 2)))


def few_rows(
    num_rows: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A small sample to tune on, and the truth: 4,000 other rows."""
    data = visits(0)
    X, y = (
        np.vstack([data.X_train, data.X_test]).astype(np.float32),
        np.concatenate([data.y_train, data.y_test]),
    )
    order = np.random.default_rng(seed).permutation(len(y))
    few, many = order[:num_rows], order[num_rows : num_rows + 4000]
    return X[few], y[few], X[many], y[many]


def over_tuning(
    num_trials: int, seed: int, num_train: int = 60, num_valid: int = 40
) -> Tuned:
    """Random search on one small validation set; the truth is looked up for every new best, and never used."""
    X, y, X_true, y_true = few_rows(num_train + num_valid, seed)
    best, truth = np.inf, np.inf
    seen, true = np.empty(num_trials), np.empty(num_trials)
    for i, params in enumerate(CUBE.random(num_trials, np.random.default_rng(seed))):
        model = fit_tree(params, X[:num_train], y[:num_train])
        loss = rmse(model, X[num_train:], y[num_train:])
        if loss < best:
            best, truth = loss, rmse(model, X_true, y_true)
        seen[i], true[i] = best, truth
    return Tuned(seen, true)


def tune(
    X: np.ndarray, y: np.ndarray, configs: list[Params], num_folds: int, seed: int
) -> tuple[Params, float]:
    """The configuration with the least cross-validated loss, and that loss."""
    losses = np.zeros(len(configs))
    for train, valid in KFold(num_folds, shuffle=True, random_state=seed).split(X):
        models = [fit_tree(params, X[train], y[train]) for params in configs]
        losses += [rmse(model, X[valid], y[valid]) / num_folds for model in models]
    return configs[int(np.argmin(losses))], float(losses.min())


def nested(
    X: np.ndarray, y: np.ndarray, configs: list[Params], num_folds: int, seed: int
) -> float:
    """Loss of the whole procedure, tuning included: each outer fold is tuned without its own validation rows."""
    losses = []
    for train, valid in KFold(num_folds, shuffle=True, random_state=seed + 1000).split(
        X
    ):
        params, _ = tune(X[train], y[train], configs, num_folds, seed)
        losses.append(rmse(fit_tree(params, X[train], y[train]), X[valid], y[valid]))
    return float(np.mean(losses))


@dataclass(frozen=True)
class Report:
    """Three answers to "how good is the tuned model?"."""

    best_score: float
    nested_score: float
    truth: float


def three_answers(
    seed: int, num_rows: int = 100, num_trials: int = 30, num_folds: int = 4
) -> Report:
    """Tune on few rows, estimate the result in two ways, and look at the truth."""
    X, y, X_true, y_true = few_rows(num_rows, seed)
    configs = CUBE.random(num_trials, np.random.default_rng(seed))
    params, best = tune(X, y, configs, num_folds, seed)
    truth = rmse(fit_tree(params, X, y), X_true, y_true)
    return Report(best, nested(X, y, configs, num_folds, seed), truth)
