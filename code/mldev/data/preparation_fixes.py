"""Fixes: what the data doctor does to a column. Each is learned once and applied row by row.

Chapter: data/preparation. A fix is a frozen record of what was learned, so that it can be
printed, compared and pickled; it maps a column to a column of the same length and order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from pandas.api import types

from mldev.data.preparation_values import (
    dates_in,
    is_nothing,
    nearest_level,
    numbers_in,
)


@dataclass(frozen=True)
class Fix:
    """A change to one column. `text` says it in words; `apply` does it."""

    column: object

    @property
    def text(self) -> str:
        """What the fix does."""
        raise NotImplementedError

    def apply(self, values: pd.Series) -> pd.Series:
        """The column, changed."""
        raise NotImplementedError


@dataclass(frozen=True)
class BlankWords(Fix):
    """Empty the cells whose text means nothing."""

    @property
    def text(self) -> str:
        """What the fix does."""
        return "empty these cells"

    def apply(self, values: pd.Series) -> pd.Series:
        """The column, changed."""
        mended = values.mask(values.map(is_nothing))
        text = mended.map(lambda value: isinstance(value, str)).any()
        if text or types.is_datetime64_any_dtype(values.dtype):
            return mended
        return _floats(mended)


@dataclass(frozen=True)
class BlankNumbers(Fix):
    """Empty the cells that hold a code for nothing."""

    codes: tuple[float, ...]

    @property
    def text(self) -> str:
        """What the fix does."""
        return f"empty cells of {', '.join(f'{code:g}' for code in self.codes)}"

    def apply(self, values: pd.Series) -> pd.Series:
        """The column, changed."""
        return values.mask(values.isin(self.codes))


@dataclass(frozen=True)
class ReadNumbers(Fix):
    """Read texts as numbers; what holds none becomes empty."""

    typical: float = np.nan

    @property
    def text(self) -> str:
        """What the fix does."""
        return "read the texts as numbers"

    def apply(self, values: pd.Series) -> pd.Series:
        """The column, changed."""
        if types.is_datetime64_any_dtype(values.dtype):
            return pd.Series(np.nan, index=values.index)
        return pd.Series(numbers_in(values, self.typical), index=values.index)


@dataclass(frozen=True)
class ReadDates(Fix):
    """Read texts of several formats as dates."""

    day_first: bool = False

    @property
    def text(self) -> str:
        """What the fix does."""
        order = "day" if self.day_first else "month"
        return f"read the texts as dates, {order} first where both fit"

    def apply(self, values: pd.Series) -> pd.Series:
        """The column, changed."""
        if types.is_datetime64_any_dtype(values.dtype):
            return values
        return dates_in(values, self.day_first)[0]


@dataclass(frozen=True)
class Spell(Fix):
    """Write slips of a level as the level; words unlike all levels, and `kept` ones, stay."""

    levels: tuple[str, ...]
    known: Mapping[str, str] = field(default_factory=dict)
    kept: frozenset[str] = frozenset()

    @property
    def text(self) -> str:
        """What the fix does."""
        if not self.known:
            return "change slips of a known word to that word"
        shown = [f"{bad!r} to {good!r}" for bad, good in list(self.known.items())[:3]]
        return "change " + ", ".join(shown) + (" ..." if len(self.known) > 3 else "")

    def apply(self, values: pd.Series) -> pd.Series:
        """The column, changed."""
        words = {value for value in values if isinstance(value, str)}
        change = {
            word: self._level(word) for word in words - set(self.levels) - self.kept
        }
        return values.map(lambda value: change.get(value, value))

    def _level(self, word: str) -> str:
        return self.known.get(word) or nearest_level(word, self.levels) or word


@dataclass(frozen=True)
class Rescale(Fix):
    """Divide the values that fit the column better after division by a factor.

    On the logarithmic scale the column lies around `centre` with the spread `spread`.
    A value is divided when it is nearer to the centre afterwards.
    """

    factor: float
    centre: float

    @property
    def text(self) -> str:
        """What the fix does."""
        how = "divide" if self.factor > 1 else "multiply"
        by = max(self.factor, 1 / self.factor)
        return f"{how} the values of the other unit by {by:.4g}"

    def apply(self, values: pd.Series) -> pd.Series:
        """The column, changed."""
        return values.mask(self.foreign(values), values / self.factor)

    def foreign(self, values: pd.Series) -> pd.Series:
        """Which values are in the other unit: nearer to the other centre than to this one."""
        logs = np.log(values.where(values > 0))
        shift = np.log(self.factor)
        return ((logs - self.centre) * np.sign(shift) > abs(shift) / 2).fillna(False)


@dataclass(frozen=True)
class BlankBeyond(Fix):
    """Empty the cells outside of the possible."""

    low: float = -np.inf
    high: float = np.inf
    allowed: tuple[float, ...] = ()

    @property
    def text(self) -> str:
        """What the fix does."""
        if self.allowed:
            return f"empty cells other than {', '.join(f'{v:g}' for v in self.allowed)}"
        return f"empty cells outside {self.low:.4g} to {self.high:.4g}"

    def apply(self, values: pd.Series) -> pd.Series:
        """The column, changed."""
        if self.allowed:
            return values.where(values.isin(self.allowed))
        return values.where((values >= self.low) & (values <= self.high))


@dataclass(frozen=True)
class Fill(Fix):
    """Fill empty cells with one value."""

    value: object

    @property
    def text(self) -> str:
        """What the fix does."""
        value = self.value
        return (
            f"fill with {f'{value:.4g}' if isinstance(value, float) else repr(value)}"
        )

    def apply(self, values: pd.Series) -> pd.Series:
        """The column, changed."""
        if isinstance(self.value, bool) and not types.is_bool_dtype(values.dtype):
            values = values.astype(object)
            return values.where(values.notna(), self.value).astype(bool)
        return values.where(values.notna(), self.value)


@dataclass(frozen=True)
class Flag(Fix):
    """Keep in a new column whether the cell was empty; the column itself stays."""

    @property
    def text(self) -> str:
        """What the fix does."""
        return "fill, and add a column that tells which cells were empty"

    def apply(self, values: pd.Series) -> pd.Series:
        """The column, unchanged."""
        return values


@dataclass(frozen=True)
class Drop(Fix):
    """Leave the column out."""

    @property
    def text(self) -> str:
        """What the fix does."""
        return "drop the column"

    def apply(self, values: pd.Series) -> pd.Series:
        """The column, unchanged: it goes at the end."""
        return values


def _floats(values: pd.Series) -> pd.Series:
    return pd.Series(numbers_in(values), index=values.index, dtype=float)


def fill_value(values: pd.Series, how: str) -> object:
    """What empty cells of a column are filled with: its mean, median or most frequent value."""
    known = values.dropna()
    if types.is_float_dtype(known.dtype):
        known = known[np.isfinite(known)]
    if not len(known):
        return 0.0 if types.is_numeric_dtype(values.dtype) else "missing"
    if types.is_datetime64_any_dtype(values.dtype):
        return known.sort_values().iloc[(len(known) - 1) // 2]
    if types.is_numeric_dtype(values.dtype) and not types.is_bool_dtype(values.dtype):
        if how == "mean":
            return float(known.mean())
        if how == "median":
            return float(np.median(known))
    counts = known.value_counts()
    first = sorted(counts[counts == counts.iloc[0]].index, key=str)[0]
    return first.item() if isinstance(first, np.generic) else first
