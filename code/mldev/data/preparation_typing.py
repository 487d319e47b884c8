"""What cells become when a table comes in: numbers, truths, dates or texts, one cell at a time.

Chapter: data/preparation. Nothing here looks at two rows at once when a new table comes:
a cell means the same alone as in a batch.
"""

from __future__ import annotations

import datetime
import decimal
import numbers
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types
from sklearn.utils import check_array

from mldev.data.preparation_values import dates_in, numbers_in

EARLIEST, LATEST = pd.Timestamp("1678-01-01"), pd.Timestamp("2262-01-01")


def as_table(X: object) -> pd.DataFrame:
    """A table as a frame that may be changed; one clear error for what is not a table."""
    if not isinstance(X, pd.DataFrame):
        X = pd.DataFrame(check_array(X, dtype=None, ensure_all_finite=False))
    for name, size in (("sample(s)", X.shape[0]), ("feature(s)", X.shape[1])):
        if not size:
            raise ValueError(
                f"X has 0 {name} (shape={X.shape}) while a minimum of 1 is required."
            )
    if not X.columns.is_unique:
        twice = sorted({str(name) for name in X.columns[X.columns.duplicated()]})
        raise ValueError(f"X has columns of the same name: {', '.join(twice)}")
    columns = {name: _known(column, name) for name, column in X.items()}
    return pd.DataFrame(columns, index=X.index, columns=X.columns)


def _known(column: pd.Series, name: object) -> pd.Series:
    """A column in one of four types: float, truth, date or object of texts and numbers.

    Durations become days, periods their first moment, intervals text. Dates outside of
    the years 1678 to 2261 count as empty.
    """
    if types.is_complex_dtype(column.dtype):
        raise ValueError(f"Complex data not supported: column {name!r} of X")
    if types.is_bool_dtype(column.dtype) and not column.isna().any():
        return column.astype(bool)
    if types.is_integer_dtype(column.dtype) and not _exact(column):
        column = column.astype(object)
    if types.is_numeric_dtype(column.dtype):
        return column.astype(float)
    if types.is_timedelta64_dtype(column.dtype):
        return column / pd.Timedelta(days=1)
    if isinstance(column.dtype, pd.PeriodDtype):
        column = column.dt.to_timestamp()
    if types.is_datetime64_any_dtype(column.dtype):
        return _moments(column)
    cells = [_cell(value, name) for value in objects(column)]
    values = pd.Series(cells, column.index, dtype=object)
    return _one_type(values)


def objects(column: pd.Series) -> pd.Series:
    """The cells as Python objects, empty ones as NaN, and nothing else changed."""
    pairs = zip(column.astype(object), column.isna(), strict=True)
    cells = [np.nan if empty else value for value, empty in pairs]
    return pd.Series(cells, column.index, dtype=object)


def _exact(column: pd.Series) -> bool:
    """Whether floats hold these whole numbers without loss."""
    known = column.dropna()
    return not len(known) or max(abs(int(known.min())), abs(int(known.max()))) <= 2**53


def _moments(column: pd.Series) -> pd.Series:
    """Dates without zone, in nanoseconds; out of reach is empty."""
    if column.dt.tz is not None:
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    reach = (column.dt.year >= EARLIEST.year) & (column.dt.year < LATEST.year)
    return column.where(reach).astype("datetime64[ns]")


def _one_type(values: pd.Series) -> pd.Series:
    """Cells of one type as a column of that type; dates among others as text."""
    known = values.dropna()
    dates = known.map(lambda value: isinstance(value, pd.Timestamp)).astype(bool)
    if len(known) and dates.all():
        return values.astype("datetime64[ns]")
    if dates.any():
        values = values.map(
            lambda value: text_of(value) if isinstance(value, pd.Timestamp) else value
        ).astype(object)
    if not values.map(lambda value: isinstance(value, str)).any():
        return values.astype(float)
    return values


def _cell(value: object, name: object) -> object:
    """A cell as a text, a number, a truth value or a time stamp."""
    if isinstance(value, str | pd.Interval):
        return str(value)
    if isinstance(value, float) and value != value:
        return value
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, datetime.timedelta | np.timedelta64):
        return pd.Timedelta(value) / pd.Timedelta(days=1)
    if isinstance(value, numbers.Integral):
        return _whole(int(value))
    if isinstance(value, numbers.Real | decimal.Decimal):
        return float(value)
    if isinstance(value, pd.Period):
        value = value.to_timestamp()
    if isinstance(value, datetime.date | np.datetime64):
        return _moment(value)
    raise TypeError(
        f"column {name!r} of X: an argument must be a string, a truth value, a number "
        f"or a date, got {type(value).__name__}"
    )


def _whole(value: int) -> object:
    """A whole number as a float if that is the same number, else its digits as text."""
    if abs(value) > 10**308:
        return np.inf if value > 0 else -np.inf
    return float(value) if int(float(value)) == value else str(value)


def _moment(value: object) -> object:
    year = pd.Timestamp(value).year
    if not EARLIEST.year <= year < LATEST.year:
        return np.nan
    stamp = pd.Timestamp(value)
    if stamp.tz is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    return stamp.as_unit("ns")


def text_of(value: object) -> str:
    """A cell as text: the same for 5 and 5.0, and for a date in any type."""
    if isinstance(value, pd.Timestamp):
        midnight = value == value.normalize()
        return str(value.date()) if midnight else value.isoformat(sep=" ")
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e18:
        return str(int(value))
    return str(value)


@dataclass(frozen=True)
class Typed:
    """The type that a column had in training, after the fixes; cells that do not fit are emptied.

    Parameters
    ----------
    kind
        "word", "date", "truth" or "number".
    typical
        The size of the training table's numbers: it decides what "1,234" means.
    day_first
        How a date such as 05/04/2020 was written in training.
    """

    kind: str
    typical: float = np.nan
    day_first: bool = False

    @classmethod
    def learn(cls, column: pd.Series, day_first: bool = False) -> Typed:
        """The type of a column."""
        kind = type_of(column)
        if kind != "number":
            return cls(kind, day_first=day_first)
        sizes = np.abs(numbers_in(column))
        sizes = sizes[np.isfinite(sizes)]
        return cls(kind, float(np.median(sizes)) if len(sizes) else np.nan)

    def apply(self, column: pd.Series) -> pd.Series:
        """The column in this type."""
        if self.kind == "word":
            words = column.astype(object)
            return words.where(words.isna(), words.map(text_of))
        if self.kind == "date":
            if types.is_datetime64_any_dtype(column.dtype):
                return column
            return dates_in(column, self.day_first)[0]
        if types.is_datetime64_any_dtype(column.dtype):
            return pd.Series(np.nan, index=column.index)
        if self.kind == "truth" and column.dtype == bool:
            return column
        read = numbers_in(column, self.typical)
        values = pd.Series(read, index=column.index, dtype=float)
        if self.kind == "number":
            return values.where(np.isfinite(values))
        return values.where(values.isin([0, 1]))


def type_of(column: pd.Series) -> str:
    """Which of the four types a column has."""
    if types.is_bool_dtype(column.dtype):
        return "truth"
    if types.is_datetime64_any_dtype(column.dtype):
        return "date"
    return "word" if is_word(column) else "number"


def is_word(column: pd.Series) -> bool:
    """Whether a column holds text."""
    return bool(column.map(lambda value: isinstance(value, str)).any())


def changes(before: pd.DataFrame, after: pd.DataFrame, why: str) -> list[tuple]:
    """The cells that differ between two tables: row, column, before, after, why."""
    rows: list[tuple] = []
    for name in before:
        old, new = objects(before[name]), objects(after[name])
        same = [a == b for a, b in zip(old, new, strict=True)]
        hit = np.flatnonzero(~(np.array(same, dtype=bool) | (old.isna() & new.isna())))
        rows += [(row, name, old.iloc[row], new.iloc[row], why) for row in hit]
    return rows
