"""What each column of a table is, and one matrix of numbers for all of them.

A `Schema` is read from the training table once. It turns any later table into a matrix
in which numbers stand as they are, truth values as 0 and 1, words as the place of their
level, a missing value as NaN, and a word never seen in training as `UNSEEN`.
"""

from __future__ import annotations

import numbers
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.utils import check_array

NUMERIC, BOOLEAN, CATEGORICAL = "numeric", "boolean", "categorical"
UNSEEN = -1.0
MAX_LEVELS = 200


@dataclass(frozen=True)
class Schema:
    """Names, kinds and levels of a table's columns.

    Parameters
    ----------
    names
        The columns, for messages: their names in a frame, their places in an array.
    kinds
        "numeric", "boolean" or "categorical", one for each column.
    levels
        The words of each categorical column, sorted; empty for the others.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]

    @classmethod
    def read(cls, X: object) -> Schema:
        """Find the kind and the levels of each column of a training table."""
        frame = as_frame(X)
        columns = [frame.iloc[:, place] for place in range(frame.shape[1])]
        for column in columns:
            if column.isna().all():
                raise ValueError(
                    f"column {column.name!r} of X holds no value at all; drop it"
                )
        kinds = tuple(kind_of(column) for column in columns)
        levels = tuple(
            common_levels(column) if kind == CATEGORICAL else ()
            for column, kind in zip(columns, kinds, strict=True)
        )
        return cls(tuple(str(name) for name in frame.columns), kinds, levels)

    def encode(self, X: object) -> np.ndarray:
        """The table as one matrix of numbers, (rows, columns)."""
        frame = as_frame(X)
        encoded = np.empty(frame.shape)
        for place, (kind, levels) in enumerate(
            zip(self.kinds, self.levels, strict=True)
        ):
            column = frame.iloc[:, place]
            if kind == CATEGORICAL:
                encoded[:, place] = level_places(column, levels)
            else:
                encoded[:, place] = as_numbers(column, self.names[place])
        return encoded

    def is_categorical(self) -> np.ndarray:
        """A mask over the columns."""
        return np.array([kind == CATEGORICAL for kind in self.kinds])


def as_frame(X: object) -> pd.DataFrame:
    """A table as a data frame; arrays are checked as scikit-learn does."""
    if not isinstance(X, pd.DataFrame):
        X = check_array(X, dtype=None, ensure_all_finite=False)
        return pd.DataFrame(X)
    if not len(X):
        raise ValueError(f"X has 0 sample(s) (shape={X.shape}); at least 1 is required")
    if not X.shape[1]:
        raise ValueError(
            f"X has 0 feature(s) (shape={X.shape}); at least 1 is required"
        )
    if not X.columns.is_unique:
        twice = sorted({str(name) for name in X.columns[X.columns.duplicated()]})
        raise ValueError(f"X has columns of the same name: {', '.join(twice)}")
    return X


def kind_of(column: pd.Series) -> str:
    """Numeric, boolean or categorical, by the values where the type does not tell."""
    if types.is_bool_dtype(column.dtype):
        return BOOLEAN
    if types.is_complex_dtype(column.dtype):
        raise ValueError(f"Complex data not supported: column {column.name!r} of X")
    if types.is_numeric_dtype(column.dtype):
        return NUMERIC
    if types.is_datetime64_any_dtype(column.dtype):
        raise ValueError(
            f"column {column.name!r} of X holds dates; turn them into numbers first, "
            "such as days since a first day"
        )
    values = column.dropna()
    if all(isinstance(value, bool | np.bool_) for value in values):
        return BOOLEAN
    if all(isinstance(value, numbers.Real) for value in values):
        return NUMERIC
    for value in values:
        if not isinstance(value, str | numbers.Real):
            raise TypeError(
                f"column {column.name!r} of X: an argument must be a string, a truth "
                f"value or a number, got {type(value).__name__}"
            )
    return CATEGORICAL


def common_levels(column: pd.Series) -> tuple[str, ...]:
    """The words of a column, sorted; of too many, the most frequent."""
    counts = column.dropna().astype(str).value_counts()
    kept = sorted(counts.index, key=lambda word: (-counts[word], word))[:MAX_LEVELS]
    return tuple(sorted(kept))


def level_places(column: pd.Series, levels: tuple[str, ...]) -> np.ndarray:
    """Words as places among the levels; NaN where missing, `UNSEEN` where new."""
    place_of = {word: float(place) for place, word in enumerate(levels)}
    words = column.astype(object)
    places = words.map(lambda word: place_of.get(str(word), UNSEEN))
    return np.where(column.isna(), np.nan, places.astype(float))


def as_numbers(column: pd.Series, name: str) -> np.ndarray:
    """A numeric or boolean column as floats, infinite values refused."""
    values = column.astype(object).where(column.notna(), np.nan)
    try:
        values = values.to_numpy(dtype=float)
    except (TypeError, ValueError):
        wrong = next(value for value in values if not isinstance(value, numbers.Real))
        raise ValueError(
            f"column {name!r} of X was numbers in training, and now holds {wrong!r}"
        ) from None
    if np.isinf(values).any():
        raise ValueError(
            f"column {name!r} of X holds infinity; allowed: finite numbers, or NaN where missing"
        )
    return values
