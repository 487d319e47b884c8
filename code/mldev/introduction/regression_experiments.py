"""The runs behind the chapter on regression: what splits, intervals and penalties do, each over many seeds.

Where a run needs the truth, it draws its rows from a synthetic population of 100,000 houses: there the error of any
linear model is known.
"""

import warnings
from collections.abc import Sequence
from functools import cache

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Lasso, LassoCV

from mldev import datasets
from mldev.introduction.regression import (
    INTERVALS,
    Linear,
    cross_validate,
    fold_interval,
    folds,
    lasso,
    least_squares,
    r2,
    ridge,
    rmse,
)

METHODS = ("ridge", "lasso")
PENALTIES = tuple(10 ** (step / 4) for step in range(-12, 13))  # per row


@cache
def diabetes() -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Ten measurements of 442 patients, the progression of their disease, and the names of the columns."""
    table = datasets.load("diabetes")
    return table.X.to_numpy(), table.y.to_numpy(), tuple(table.X)


@cache
def households() -> tuple[np.ndarray, np.ndarray]:
    """Income (n, 1) and food expenditure (n,) of 235 households, in francs."""
    table = datasets.load("engel")
    return table.X.to_numpy(), table.y.to_numpy()


@cache
def population() -> tuple[np.ndarray, np.ndarray]:
    """100,000 synthetic houses: nine columns of numbers (words as 0 and 1), and their prices."""
    table = datasets.load("housing", num_rows=100_000, seed=1)
    X = pd.get_dummies(table.X, drop_first=True).to_numpy(float)
    return X, table.y.to_numpy()


def mean_squared_error(y: np.ndarray, predicted: np.ndarray) -> float:
    """The mean of the squared errors."""
    return float(np.mean((y - predicted) ** 2))


def true_error(model: Linear) -> float:
    """The mean squared error of a linear model on the whole population, from its second moments."""
    weights = np.concatenate([[1.0, -model.intercept], -model.coef])
    return float(weights @ second_moments() @ weights)


@cache
def second_moments() -> np.ndarray:
    """The mean products of price, one, and the columns of the population: (2 + p, 2 + p)."""
    X, y = population()
    columns = np.column_stack([y, np.ones(len(y)), X])
    return columns.T @ columns / len(y)


def standardised(X_train: np.ndarray, *others: np.ndarray) -> tuple[np.ndarray, ...]:
    """Give every column of the training rows mean 0 and standard deviation 1; the same shift and factor for others."""
    mean, deviation = X_train.mean(axis=0), X_train.std(axis=0)
    return tuple((X - mean) / deviation for X in (X_train, *others))


def powers(x: np.ndarray, degree: int) -> np.ndarray:
    """The columns x, x^2, ..., up to the degree: (n, 1) -> (n, degree)."""
    return x ** np.arange(1, degree + 1)


def degree_run(seed: int, degrees: Sequence[int] = range(1, 11)) -> list[dict]:
    """Training and validation RMSE of polynomials of income, on a random half of the households each.

    "richest" says whether the household with the largest income was "trained on" or "held out".
    """
    X, y = households()
    order = np.random.default_rng(seed).permutation(len(y))
    train, valid = order[: len(y) // 2], order[len(y) // 2 :]
    x_train, x_valid = standardised(X[train], X[valid])
    richest = "trained on" if X.argmax() in train else "held out"
    rows = []
    for degree in degrees:
        model = least_squares(powers(x_train, degree), y[train])
        errors = {
            "training": rmse(y[train], model.predict(powers(x_train, degree))),
            "validation": rmse(y[valid], model.predict(powers(x_valid, degree))),
        }
        setting = {"seed": seed, "degree": degree, "richest": richest}
        rows += [
            setting | {"rows": name, "error": error} for name, error in errors.items()
        ]
    return rows


def split_run(seed: int) -> dict[str, float]:
    """R2 of linear regression for the same 442 patients: one split, five random splits, five folds."""
    X, y, _ = diabetes()
    rng = np.random.default_rng(seed)
    scores = cross_validate(X, y, folds(len(y), 5, rng), r2)
    again = [folds(len(y), 5, rng)[0] for _ in range(5)]
    return {
        "one split": float(scores[0]),
        "five splits": float(cross_validate(X, y, again, r2).mean()),
        "five folds": float(scores.mean()),
    }


def truth_run(seed: int, num_rows: int = 100) -> dict[str, float]:
    """Mean squared error of one model as three estimates see it, and its true value."""
    X, y = sample(seed, num_rows)
    rng = np.random.default_rng(seed)
    errors = cross_validate(X, y, folds(num_rows, 5, rng), mean_squared_error)
    again = [folds(num_rows, 5, rng)[0] for _ in range(5)]
    return {
        "one split": float(errors[0]),
        "five splits": float(cross_validate(X, y, again, mean_squared_error).mean()),
        "five folds": float(errors.mean()),
        "truth": true_error(least_squares(X, y)),
    }


def sample(seed: int, num_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows drawn from the population."""
    X, y = population()
    rows = np.random.default_rng([seed, num_rows]).integers(0, len(y), num_rows)
    return X[rows], y[rows]


def coverage_run(
    seed: int, num_rows: int = 100, num_folds: Sequence[int] = (5, 10, 20)
) -> list[dict]:
    """For each number of folds and kind of interval: does it hold the true error of the model fitted to all rows?"""
    X, y = sample(seed, num_rows)
    truth, rows = true_error(least_squares(X, y)), []
    for k in num_folds:
        splits = folds(num_rows, k, np.random.default_rng(seed))
        scores = cross_validate(X, y, splits, mean_squared_error)
        for kind in INTERVALS:
            low, high = fold_interval(scores, kind)
            rows.append(
                {
                    "seed": seed,
                    "folds": k,
                    "kind": kind,
                    "covers": float(low <= truth <= high),
                    "width": (high - low) / truth,
                }
            )
    return rows


def small_fold_run(seed: int, num_rows: int = 100) -> dict[int, float]:
    """The mean R2 over 5, 10 and 20 folds, minus the true R2 of the model fitted to all rows."""
    X, y = sample(seed, num_rows)
    true_r2 = 1 - true_error(least_squares(X, y)) / population()[1].var()
    rng = np.random.default_rng(seed)
    return {
        k: float(cross_validate(X, y, folds(num_rows, k, rng), r2).mean()) - true_r2
        for k in (5, 10, 20)
    }


def fit(method: str, X: np.ndarray, y: np.ndarray, penalty: float) -> Linear:
    """Fit ridge or lasso with a penalty per row; ridge by hand, and lasso by scikit-learn for its speed."""
    if method not in METHODS:
        raise ValueError(f"method {method!r}: expected one of {', '.join(METHODS)}")
    if method == "ridge":
        return ridge(X, y, penalty * len(y))
    model = Lasso(alpha=penalty, max_iter=20_000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # tiny penalties
        model.fit(X, y)
    return Linear(float(model.intercept_), model.coef_)


def penalty_run(
    seed: int, num_rows: int = 50, penalties: Sequence[float] = PENALTIES
) -> list[dict]:
    """R2 on all other patients after learning from few, for each method and penalty; and without a penalty."""
    X, y, _ = diabetes()
    order = np.random.default_rng(seed).permutation(len(y))
    train, test = order[:num_rows], order[num_rows:]
    Z, Z_test = standardised(X[train], X[test])
    plain = r2(y[test], least_squares(Z, y[train]).predict(Z_test))
    rows = [{"seed": seed, "method": "none", "penalty": 0.0, "r2": plain}]
    for method in METHODS:
        for penalty in penalties:
            model = fit(method, Z, y[train], penalty)
            score = r2(y[test], model.predict(Z_test))
            setting = {"seed": seed, "method": method, "penalty": penalty}
            rows.append(
                setting | {"r2": score, "train": r2(y[train], model.predict(Z))}
            )
    return rows


def chosen_run(
    seed: int, num_rows: int = 50, penalties: Sequence[float] = PENALTIES[::2]
) -> dict[str, float]:
    """R2 on all other patients after learning from few: without a penalty, and with one chosen by folds of these few.

    The penalty with the least mean squared error over five folds wins; columns are standardised inside each fold.
    """
    X, y, _ = diabetes()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(y))
    here, new = order[:num_rows], order[num_rows:]
    inner = [(here[a], here[b]) for a, b in folds(num_rows, 5, rng)]

    def predict(method: str, penalty: float, train: np.ndarray, test: np.ndarray):
        Z, Z_test = standardised(X[train], X[test])
        return fit(method, Z, y[train], penalty).predict(Z_test)

    def error(method: str, penalty: float) -> float:
        return sum(
            mean_squared_error(y[test], predict(method, penalty, train, test))
            for train, test in inner
        )

    scores = {"none": r2(y[new], least_squares(X[here], y[here]).predict(X[new]))}
    for method in METHODS:
        chosen = min(penalties, key=lambda penalty, m=method: error(m, penalty))
        scores[method] = r2(y[new], predict(method, chosen, here, new))
    return scores


def unit_run(
    seed: int, alphas: Sequence[float], factors: Sequence[float] = (1, 1000)
) -> list[dict]:
    """Five-fold R2 of ridge on standardised columns, and on the same columns in a unit that is smaller by a factor."""
    X, y, _ = diabetes()
    rows = []
    splits = folds(len(y), 5, np.random.default_rng(seed))
    for factor in factors:
        for alpha in alphas:
            scores = []
            for train, test in splits:
                Z, Z_test = standardised(X[train], X[test])
                model = ridge(factor * Z, y[train], alpha)
                scores.append(r2(y[test], model.predict(factor * Z_test)))
            setting = {"seed": seed, "factor": factor, "alpha": alpha}
            rows.append(setting | {"r2": float(np.mean(scores))})
    return rows


def selection_run(seed: int, num_rows: int = 200, num_noise: int = 40) -> dict:
    """Which columns the lasso keeps of ten real ones and forty of noise, at two penalties chosen by cross-validation.

    "best" has the least error over five folds; "cautious" is the strongest penalty within one standard error of it.
    """
    X, y, _ = diabetes()
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(y))
    train, test = rows[:num_rows], rows[num_rows:]
    noise = rng.normal(size=(len(y), num_noise))
    Z = np.column_stack([X, noise])
    Z_train, Z_test = standardised(Z[train], Z[test])
    search = LassoCV(cv=5, alphas=40).fit(Z_train, y[train])
    mean = search.mse_path_.mean(axis=1)
    best = mean.argmin()
    error = search.mse_path_[best].std(ddof=1) / np.sqrt(5)
    cautious = np.flatnonzero(mean <= mean[best] + error)[0]  # penalties fall
    result = {}
    for name, position in (("best", best), ("cautious", cautious)):
        model = fit("lasso", Z_train, y[train], search.alphas_[position])
        kept = model.coef != 0
        result[f"real, {name}"] = int(kept[:10].sum())
        result[f"noise, {name}"] = int(kept[10:].sum())
        result[f"r2, {name}"] = r2(y[test], model.predict(Z_test))
    return result


def paths(
    alphas: dict[str, Sequence[float]],
) -> dict[str, np.ndarray]:
    """The coefficients of all patients' standardised columns along the penalties: method -> (alphas, columns)."""
    X, y, _ = diabetes()
    (Z,) = standardised(X)
    solve = {"ridge": ridge, "lasso": lasso}
    return {
        method: np.array([solve[method](Z, y, alpha).coef for alpha in values])
        for method, values in alphas.items()
    }


def chart_coefficients(num_rows: int = 50, seed: int = 0) -> pd.DataFrame:
    """For the chart: the coefficients of one draw of patients at each method and penalty."""
    X, y, names = diabetes()
    train = np.random.default_rng(seed).permutation(len(y))[:num_rows]
    (Z,) = standardised(X[train])
    rows = []
    for method in METHODS:
        for step, penalty in enumerate(PENALTIES):
            coef = fit(method, Z, y[train], penalty).coef
            rows += [
                {"method": method, "step": step, "column": name, "coefficient": c}
                for name, c in zip(names, coef, strict=True)
            ]
    return pd.DataFrame(rows)
