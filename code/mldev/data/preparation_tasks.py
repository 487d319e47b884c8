"""The tables of the fault-injection benchmark, split, and the plain pipeline that all start from.

Chapter: data/preparation.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import r2_score, roc_auc_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mldev import datasets
from mldev.data.preparation_faults import with_words_and_dates

MOST_TRAINING, MOST_TEST = 1000, 2000
C_GRID = (0.01, 0.1, 1.0, 10.0)


@dataclass(frozen=True)
class Task:
    """A table split for a seed, clean."""

    X_train: pd.DataFrame
    X_test: pd.DataFrame
    y_train: pd.Series
    y_test: pd.Series

    @property
    def classification(self) -> bool:
        """Whether the target is a class."""
        return self.y_train.nunique() <= 20

    def model(self) -> BaseEstimator:
        """The linear model that everybody uses, its shrinkage tuned inside the training rows."""
        if not self.classification:
            return RidgeCV(np.logspace(-2, 4, 13))
        weak = LogisticRegression(max_iter=300)
        return GridSearchCV(weak, {"C": C_GRID}, cv=3, scoring="roc_auc")

    def score(self, pipeline: BaseEstimator, X_test: pd.DataFrame) -> float:
        """AUC or R2 on the test rows; R2 below that of the mean counts as 0."""
        if self.classification:
            return float(
                roc_auc_score(self.y_test, pipeline.predict_proba(X_test)[:, 1])
            )
        return max(0.0, float(r2_score(self.y_test, pipeline.predict(X_test))))


@cache
def _table(name: str, dates: bool) -> tuple[pd.DataFrame, pd.Series]:
    table = datasets.load(name)
    frame = with_words_and_dates(table.X.reset_index(drop=True), dates)
    return frame, table.y.reset_index(drop=True)


def task(table: str, seed: int, dates: bool = False) -> Task:
    """Half of the rows to train on, the others to test on, both up to a limit.

    With `dates`, one column is told as dates: only the fault of dates needs it.
    """
    X, y = _table(table, dates)
    classes = y if y.nunique() <= 20 else None
    train, test = train_test_split(
        np.arange(len(y)), test_size=0.5, random_state=seed, stratify=classes
    )
    train, test = train[:MOST_TRAINING], test[:MOST_TEST]
    parts = [
        part.reset_index(drop=True)
        for part in (X.iloc[train], X.iloc[test], y.iloc[train], y.iloc[test])
    ]
    return Task(*parts)


class Plain(TransformerMixin, BaseEstimator):
    """What everybody writes: fill numbers with medians and scale them, fill and encode words."""

    def fit(self, X: pd.DataFrame, y: object = None) -> Plain:
        """Decide by the types of the training table."""
        self.words_ = [name for name in X if X[name].dtype == object]
        self.numbers_ = [name for name in X if X[name].dtype != object]
        self.fill_ = SimpleImputer(strategy="median", keep_empty_features=True)
        self.scale_ = StandardScaler().fit(self.fill_.fit_transform(self._matrix(X)))
        self.encode_ = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
        self.encode_.fit(self._texts(X))
        return self

    def transform(self, X: pd.DataFrame) -> np.ndarray:
        """Numbers, then one column for each word."""
        numbers = self.scale_.transform(self.fill_.transform(self._matrix(X)))
        return np.hstack([numbers, self.encode_.transform(self._texts(X))])

    def _matrix(self, X: pd.DataFrame) -> np.ndarray:
        columns = []
        for name in self.numbers_:
            column = X[name]
            if types.is_datetime64_any_dtype(column.dtype):
                column = column.astype("int64").where(column.notna()) / 86_400e9
            columns.append(pd.to_numeric(column, errors="coerce").to_numpy(dtype=float))
        return np.column_stack(columns)

    def _texts(self, X: pd.DataFrame) -> np.ndarray:
        return (
            X[self.words_]
            .astype(object)
            .where(X[self.words_].notna(), "")
            .astype(str)
            .to_numpy()
        )


def typed(frame: pd.DataFrame, clean: Task) -> pd.DataFrame:
    """What is left after spoilt cells were emptied, in the types of the clean table."""
    return pd.DataFrame(
        {
            name: pd.to_datetime(column)
            if types.is_datetime64_any_dtype(clean.X_train[name].dtype)
            else column.astype(clean.X_train[name].dtype)
            for name, column in frame.items()
        }
    )


def test_score(
    clean: Task, pipeline: Pipeline, X: pd.DataFrame, y: pd.Series, X_test: pd.DataFrame
) -> float:
    """The test score; that of knowing nothing where too few rows are left to learn from."""
    if len(X) < 10 or y.nunique() < 2:
        return 0.5 if clean.classification else 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about types that skrub cannot read
        return clean.score(pipeline.fit(X, y), X_test)
