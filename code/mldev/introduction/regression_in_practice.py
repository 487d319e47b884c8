"""Preparing a table inside the folds: the models, leaks and searches of the chapter's second page.

Every leak is measured in the same way: the preparation is fitted once to all rows, and once inside each fold; the
folds, the model and the rows are the same, and the difference between the two scores is the leak.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.model_selection import KFold, cross_val_predict, cross_val_score
from sklearn.neighbors import KNeighborsRegressor
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

from mldev import datasets
from mldev.introduction.regression import r2
from mldev.introduction.regression_experiments import diabetes

NUMBERS = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm")
WORDS = ("species", "island", "sex")


def penguins() -> tuple[pd.DataFrame, pd.Series]:
    """Everything but the mass of 342 penguins, with the gaps of the field work, and their mass in grams."""
    table = datasets.load("penguins")
    frame = table.X.assign(species=table.y).dropna(subset="body_mass_g")
    return frame[[*NUMBERS, *WORDS]], frame["body_mass_g"]


def preparation(
    numbers: Sequence[str] = NUMBERS, words: Sequence[str] = WORDS
) -> ColumnTransformer:
    """Fill and standardise the columns of numbers; fill and one-hot encode the columns of words."""
    for_numbers = Pipeline([("fill", SimpleImputer()), ("scale", StandardScaler())])
    for_words = Pipeline(
        [
            ("fill", SimpleImputer(strategy="most_frequent")),
            ("encode", OneHotEncoder(handle_unknown="ignore")),
        ]
    )
    return ColumnTransformer(
        [("numbers", for_numbers, list(numbers)), ("words", for_words, list(words))]
    )


@contextmanager
def stopped_early() -> Iterator[None]:
    """No warning where training is stopped early on purpose: the network, and the rounds of the imputer."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def candidates() -> dict[str, BaseEstimator]:
    """Untuned models whose predictions scaling may or may not change."""
    return {
        "linear": LinearRegression(),
        "ridge": Ridge(alpha=100),
        "lasso": Lasso(alpha=1),
        "neighbours": KNeighborsRegressor(10),
        "support vectors": SVR(C=100),
        "network": MLPRegressor(
            hidden_layer_sizes=(10,), solver="lbfgs", max_iter=60, random_state=0
        ),
        "tree": DecisionTreeRegressor(max_depth=4, random_state=0),
        "forest": RandomForestRegressor(20, min_samples_leaf=5, random_state=0),
    }


def scaling_run(
    seed: int, names: Sequence[str] | None = None, factor: float = 1.0
) -> list[dict]:
    """What standardising does to each model: how far predictions move, and the R2 gained on a fifth of the patients.

    Parameters
    ----------
    seed
        Draws the split.
    names
        The models, by default all of `candidates()`.
    factor
        By it the numbers of column s1 are multiplied beforehand, as a unit does that is so much smaller.
    """
    X, y, patients = diabetes()
    X = X * np.where(np.array(patients) == "s1", factor, 1.0)
    train, test = next(KFold(5, shuffle=True, random_state=seed).split(X))
    rows = []
    models = candidates()
    for name in names or models:
        model = models[name]
        with stopped_early():
            raw, scaled = (
                clone(m).fit(X[train], y[train]).predict(X[test])
                for m in (model, make_pipeline(StandardScaler(), model))
            )
        rows.append(
            {
                "seed": seed,
                "model": name,
                "moved": float(np.sqrt(np.mean((scaled - raw) ** 2))),
                "gain": r2(y[test], scaled) - r2(y[test], raw),
            }
        )
    return rows


def compare(models: dict[str, BaseEstimator], num_folds: int = 10) -> pd.DataFrame:
    """R2 of each standardised model on the same folds of the patients: one column per model."""
    X, y, _ = diabetes()
    splits = KFold(num_folds, shuffle=True, random_state=0)
    return pd.DataFrame(
        {
            name: cross_val_score(
                make_pipeline(StandardScaler(), model), X, y, cv=splits
            )
            for name, model in models.items()
        }
    )


def pooled_r2(model: BaseEstimator, X: np.ndarray, y: np.ndarray, seed: int) -> float:
    """R2 of the out-of-fold predictions of all rows together, so that small folds do no harm."""
    splits = KFold(5, shuffle=True, random_state=seed)
    return r2(y, cross_val_predict(model, X, y, cv=splits))


def leak(
    step: TransformerMixin,
    model: BaseEstimator,
    X: np.ndarray,
    y: np.ndarray,
    seed: int,
) -> tuple[float, float]:
    """Cross-validated R2 with the preparation fitted to all rows (outside), and within each fold (inside)."""
    with stopped_early():
        outside = pooled_r2(model, clone(step).fit_transform(X, y), y, seed)
        return outside, pooled_r2(make_pipeline(step, model), X, y, seed)


def iterative_imputer(num_rows: int) -> IterativeImputer:
    """Fill each gap by a ridge regression on the other columns, in two rounds."""
    return IterativeImputer(estimator=Ridge(1e-3 * num_rows), max_iter=2, tol=0.1)


def leak_run(seed: int, num_rows: int = 50, num_noise: int = 200) -> list[dict]:
    """The leak of each preparation on the same patients; gaps are a random 30 % of the cells."""
    X, y, _ = diabetes()
    rng = np.random.default_rng(seed)
    rows = rng.permutation(len(y))[:num_rows]
    X, y = X[rows], y[rows]
    gaps = np.where(rng.random(X.shape) < 0.3, np.nan, X)
    noisy = np.column_stack([X, rng.normal(size=(num_rows, num_noise))])
    penalised = make_pipeline(StandardScaler(), Ridge(10))
    by_model = iterative_imputer(num_rows)
    scores = {
        "scaling": leak(StandardScaler(), Ridge(10), X, y, seed),
        "means for gaps": leak(SimpleImputer(), penalised, gaps, y, seed),
        "a model for gaps": leak(by_model, penalised, gaps, y, seed),
        "selecting 5 columns": leak(
            SelectKBest(f_regression, k=5), penalised, noisy, y, seed
        ),
    }
    with stopped_early():
        filled = by_model.fit_transform(np.column_stack([gaps, y]))[:, :-1]
    scores["a model that sees y"] = (
        pooled_r2(penalised, filled, y, seed),
        scores["a model for gaps"][1],
    )
    return [
        {"seed": seed, "rows": num_rows, "step": step, "outside": o, "inside": i}
        for step, (o, i) in scores.items()
    ]


def noise_run(seed: int, counts: Sequence[int], num_rows: int = 100) -> list[dict]:
    """R2 from pure noise: the ten columns most correlated with the target, selected outside and inside the folds."""
    rows = []
    select = SelectKBest(f_regression, k=10)
    for count in counts:
        rng = np.random.default_rng([seed, count])
        X, y = rng.normal(size=(num_rows, count)), rng.normal(size=num_rows)
        outside, inside = leak(select, LinearRegression(), X, y, seed)
        rows += [
            {"seed": seed, "columns": count, "where": "outside", "r2": outside},
            {"seed": seed, "columns": count, "where": "inside", "r2": inside},
        ]
    return rows


def select_and_shrink(
    X: np.ndarray, y: np.ndarray, X_new: np.ndarray, ks: Sequence[int], alphas: Sequence
) -> np.ndarray:
    """Predictions of every setting at once: keep the k columns most correlated with `y`, standardise, fit ridge.

    Returns
    -------
    ndarray
        One row of predictions per setting, k outermost: (len(ks) * len(alphas), rows of `X_new`).
    """
    mean, deviation = X.mean(axis=0), X.std(axis=0)
    Z, Z_new = (X - mean) / deviation, (X_new - mean) / deviation
    centred = y - y.mean()
    order = np.argsort(-np.abs(Z.T @ centred), kind="stable")
    predictions = []
    for k in ks:
        columns = order[:k]
        u, s, vt = np.linalg.svd(Z[:, columns], full_matrices=False)
        turned, on_new = u.T @ centred, Z_new[:, columns] @ vt.T
        for alpha in alphas:  # ridge in the directions of the singular vectors
            predictions.append(y.mean() + on_new @ (s * turned / (s**2 + alpha)))
    return np.array(predictions)


def search_errors(
    X: np.ndarray, y: np.ndarray, splits: Sequence[tuple], predict: Callable
) -> np.ndarray:
    """The mean over the folds of each setting's mean squared error: what a grid search ranks by."""
    errors = [
        ((predict(X[train], y[train], X[test]) - y[test]) ** 2).mean(axis=1)
        for train, test in splits
    ]
    return np.mean(errors, axis=0)


def nested_run(
    seed: int,
    num_rows: int = 60,
    ks: Sequence[int] = (1, 2, 5, 10, 20, 50),
    alphas: Sequence[float] = (1, 10, 100, 1000),
    num_noise: int = 90,
) -> dict[str, float]:
    """RMSE of a tuned pipeline as its best inner score, as nested cross-validation, and as new patients see it."""
    X, y, _ = diabetes()
    rng = np.random.default_rng(seed)
    X = np.column_stack([X, rng.normal(size=(len(y), num_noise))])
    order = rng.permutation(len(y))
    here, new = order[:num_rows], order[num_rows:]

    def predict(*data: np.ndarray) -> np.ndarray:
        return select_and_shrink(*data, ks, alphas)

    def tune(rows: np.ndarray) -> np.ndarray:
        inner = KFold(5, shuffle=True, random_state=seed).split(rows)
        return search_errors(X[rows], y[rows], list(inner), predict)

    def squared_error(train: np.ndarray, test: np.ndarray, setting: int) -> float:
        k, alpha = ks[setting // len(alphas)], alphas[setting % len(alphas)]
        predicted = select_and_shrink(X[train], y[train], X[test], [k], [alpha])
        return np.mean((predicted[0] - y[test]) ** 2)

    outer, smaller = [], []
    for train, test in KFold(5, shuffle=True, random_state=seed + 1000).split(here):
        chosen = tune(here[train]).argmin()
        outer.append(squared_error(here[train], here[test], chosen))
        smaller.append(squared_error(here[train], new, chosen))
    errors = tune(here)
    results = {
        "best inner score": errors.min(),
        "nested": np.mean(outer),
        "new patients": squared_error(here, new, errors.argmin()),
        "new patients, learned from 4/5": np.mean(smaller),
    }
    return {name: float(np.sqrt(error)) for name, error in results.items()}


def budget_run(
    seed: int, num_trials: int = 9, num_rows: int = 60, num_noise: int = 90
) -> dict[str, float]:
    """RMSE on new patients after two 3 x 3 grids, and after as many random settings, of columns kept and penalty.

    The levels of the grid "ends" are the ends and the middle of both ranges, those of "inside" the middles of thirds.
    """
    X, y, _ = diabetes()
    rng = np.random.default_rng(seed)
    X = np.column_stack([X, rng.normal(size=(len(y), num_noise))])
    order = rng.permutation(len(y))
    here, new = order[:num_rows], order[num_rows:]
    splits = list(KFold(5, shuffle=True, random_state=seed).split(here))
    ends = [(k, alpha) for k in (1, 10, 100) for alpha in (1, 30, 1000)]
    inside = [(k, alpha) for k in (2, 10, 46) for alpha in (3, 30, 300)]
    drawn = 10 ** rng.uniform((0, 0), (2, 3), (num_trials, 2))
    result = {}
    searches = {"ends": ends, "inside": inside, "random": drawn}
    for name, settings in searches.items():

        def predict(*data: np.ndarray, settings: Sequence = settings) -> np.ndarray:
            return np.concatenate(
                [select_and_shrink(*data, [round(k)], [a]) for k, a in settings]
            )

        best = search_errors(X[here], y[here], splits, predict).argmin()
        final = predict(X[here], y[here], X[new])[best]
        result[name] = float(np.sqrt(np.mean((final - y[new]) ** 2)))
    return result
