"""What selection costs and gains on real tables, under nested cross-validation: the study of the chapter.

Every method is a pipeline with one setting, and tries six values of it in the inner folds; logistic regression is the
model of all. The outer folds score the whole search.
"""

from functools import lru_cache

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.feature_selection import RFE, SelectKBest, f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from mldev import datasets
from mldev.data.features import MutualInformationFilter
from mldev.introduction.regression import fold_interval
from mldev.studies import Study

NUM_FOLDS, NUM_REPEATS, NUM_SETTINGS = 5, 4, 6
TASKS = ("tumours", "tumours, products", "HIV trial", "docstrings")
METHODS = ("no selection", "correlation", "mutual information", "elimination", "lasso")


class Counted(LogisticRegression):
    """A logistic regression that counts how often it was fitted, its copies included."""

    fits = 0

    def fit(
        self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray | None = None
    ) -> "Counted":
        """Fit as always, and count."""
        Counted.fits += 1
        return super().fit(X, y, sample_weight)


@lru_cache
def table(task: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Columns, label (0 or 1) and names of one task."""
    if task == "docstrings":
        return words()
    source = {"HIV trial": "actg175"}.get(task, "breast_cancer")
    bundle = datasets.load(source)
    X, y = bundle.X, bundle.y.to_numpy()
    if task == "tumours, products":
        rows = np.random.default_rng(0).permutation(len(y))[:150]
        products = PolynomialFeatures(2, include_bias=False).fit(X)
        standard = (X - X.mean()) / X.std()
        names = tuple(products.get_feature_names_out())
        return products.transform(standard)[rows], y[rows], names
    if task not in TASKS:
        raise ValueError(f"task {task!r}: expected one of {', '.join(TASKS)}")
    X = X.loc[:, X.nunique() > 1]  # a constant column tells nothing
    return X.to_numpy(float), y, tuple(X.columns)


def words(
    num_texts: int = 300, num_words: int = 400
) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Docstrings of NumPy (0) and SciPy (1): which of the most frequent words occur in each."""
    texts = datasets.load("docstrings", libraries=["numpy", "scipy"])
    rows = np.random.default_rng(0).permutation(len(texts.frame))[:num_texts]
    count = CountVectorizer(binary=True, max_features=num_words)
    X = count.fit_transform(texts.frame["body"].iloc[rows]).toarray().astype(float)
    return X, texts.labels[rows], tuple(count.get_feature_names_out())


def search(method: str, num_columns: int, seed: int) -> GridSearchCV:
    """The pipeline of one method, with the search over its setting."""
    kept = np.unique(np.geomspace(2, num_columns, NUM_SETTINGS).round().astype(int))
    penalties = np.logspace(-3, 2, NUM_SETTINGS)
    model = Counted(max_iter=5000)
    selections: dict[str, tuple[BaseEstimator, str]] = {
        "correlation": (SelectKBest(f_classif), "k"),
        "mutual information": (MutualInformationFilter(), "num_kept"),
        "elimination": (RFE(model, step=0.1), "n_features_to_select"),
    }
    steps, settings = [("scale", StandardScaler())], {"model__C": penalties}
    if method in selections:
        select, name = selections[method]
        steps.append(("select", select))
        settings = {f"select__{name}": kept}
    elif method == "lasso":
        model = Counted(l1_ratio=1.0, solver="liblinear", max_iter=5000, random_state=0)
    elif method != "no selection":
        raise ValueError(f"method {method!r}: expected one of {', '.join(METHODS)}")
    inner = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=seed)
    pipeline = Pipeline([*steps, ("model", model)])
    return GridSearchCV(pipeline, settings, cv=inner, scoring="roc_auc")


def run_row(row: dict) -> dict:
    """Search in the training rows of one outer fold, and score the winner on the others."""
    X, y, _ = table(row["task"])
    outer = StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=100 + row["seed"])
    train, test = list(outer.split(X, y))[row["fold"]]
    tuned = search(row["method"], X.shape[1], row["seed"])
    Counted.fits = 0
    best = tuned.fit(X[train], y[train]).best_estimator_
    auc = roc_auc_score(y[test], tuned.predict_proba(X[test])[:, 1])
    return {
        "auc": round(float(auc), 6),
        "kept": int((best["model"].coef_ != 0).sum()),
        "fits": Counted.fits,
    }


GRID = [
    {"task": task, "method": method, "seed": seed, "fold": fold}
    for task in TASKS
    for method in METHODS
    for seed in range(NUM_REPEATS)
    for fold in range(NUM_FOLDS)
]
STUDY = Study("data/features-comparison", run_row, GRID, tolerance=2e-3)


def gains(rows: pd.DataFrame, column: str = "auc") -> pd.DataFrame:
    """Each method's mean difference to no selection on the same folds, with the corrected interval."""
    found = []
    for task, part in rows.groupby("task", sort=False):
        scores = part.pivot(index=["seed", "fold"], columns="method", values=column)
        for method in METHODS[1:]:
            difference = (scores[method] - scores["no selection"]).to_numpy()
            low, high = fold_interval(difference, ratio=1 / (NUM_FOLDS - 1))
            entry = {"task": task, "method": method, "gain": difference.mean()}
            found.append(entry | {"low": low, "high": high})
    return pd.DataFrame(found)
