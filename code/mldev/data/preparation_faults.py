"""Faults put into a clean table at known places, to measure who finds them.

Chapter: data/preparation. Each injector takes a table and a generator and returns the
spoilt table with a mask of the spoilt cells. Faults of cells go into training and test
rows alike, as they do in life; faults of rows and of the target go into training only.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api import types

DAYS = 3650
WORDS = ("small", "middling", "large")
OTHER_UNITS = (1000.0, 12.0, 2.54, 2.2046)
NO_VALUE = ("n/a", "", "unknown", "?")


@dataclass(frozen=True)
class Spoilt:
    """A spoilt table: which cells, or which rows, are wrong."""

    frame: pd.DataFrame
    y: pd.Series
    cells: pd.DataFrame
    rows: np.ndarray

    @property
    def columns(self) -> tuple:
        """The columns that hold spoilt cells."""
        return tuple(self.cells.columns[self.cells.any()])


Injector = Callable[
    [pd.DataFrame, np.random.Generator], tuple[pd.DataFrame, pd.DataFrame]
]


def inject(kind: str, frame: pd.DataFrame, y: pd.Series, seed: int) -> Spoilt:
    """Put one kind of fault into a table.

    Parameters
    ----------
    kind
        A key of `CELL_FAULTS` or `ROW_FAULTS`.
    frame, y
        A clean table with its target; `frame` as `with_words_and_dates` returns it.
    seed
        Draws the columns, the cells and what becomes of them.
    """
    rng = np.random.default_rng([seed, 7])
    if kind in CELL_FAULTS:
        spoilt, cells = CELL_FAULTS[kind](frame, rng)
        return Spoilt(spoilt, y, cells, np.zeros(len(frame), dtype=bool))
    if kind in ROW_FAULTS:
        return ROW_FAULTS[kind](frame, y, rng)
    allowed = ", ".join((*CELL_FAULTS, *ROW_FAULTS))
    raise ValueError(f"kind: got {kind!r}, allowed: {allowed}")


def with_words_and_dates(frame: pd.DataFrame, dates: bool = True) -> pd.DataFrame:
    """Tell one column as dates and, in tables without words, two as words, so that all faults fit.

    The columns are the first that have many values; the order of the values is kept.
    Without `dates` the column of dates is left as it is.
    """
    frame = frame.copy()
    rich = [
        name for name in frame if _is_number(frame[name]) and frame[name].nunique() > 20
    ]
    for name in frame:
        if _is_number(frame[name]):
            frame[name] = frame[name].astype(float)
    if dates and len(rich) > 3:
        place = frame[rich[0]].rank(pct=True)
        days = pd.to_timedelta((DAYS * place).round(), unit="D")
        frame[rich[0]] = (pd.Timestamp("2000-01-01") + days).astype("datetime64[ns]")
    if not any(frame[name].dtype == object for name in frame):
        for name in rich[1:3]:
            cut = pd.qcut(frame[name].rank(method="first"), 3, labels=list(WORDS))
            frame[name] = cut.astype(object)
    return frame


def _is_number(column: pd.Series) -> bool:
    return types.is_numeric_dtype(column.dtype)


def _half(names: list, rng: np.random.Generator) -> list:
    """Half of the columns, at least one, drawn at random."""
    if not names:
        return []
    return sorted(rng.choice(len(names), (len(names) + 1) // 2, replace=False).tolist())


def _numeric(frame: pd.DataFrame, least: int = 0, positive: bool = False) -> list:
    return [
        name
        for name in frame
        if _is_number(frame[name])
        and frame[name].nunique() > least
        and (not positive or (frame[name] > 0).mean() > 0.9)
    ]


def _spoil(
    frame: pd.DataFrame,
    rng: np.random.Generator,
    names: list,
    share: float,
    change: Callable,
    eligible: Callable | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Change a share of the cells in half of the columns; `change(column, values, rng)` gives the new ones."""
    spoilt = frame.copy()
    cells = pd.DataFrame(False, index=frame.index, columns=frame.columns)
    for place in _half(names, rng):
        name = names[place]
        hit = rng.random(len(frame)) < share
        if eligible is not None:
            hit &= eligible(frame[name]).to_numpy()
        new = change(frame[name], frame[name][hit], rng)
        column = (
            spoilt[name].astype(object)
            if any(isinstance(v, str) for v in new)
            else spoilt[name].copy()
        )
        column[hit] = new
        spoilt[name] = column
        cells[name] = hit
    return spoilt, cells


def missing(frame: pd.DataFrame, rng: np.random.Generator) -> tuple:
    """A fifth of the cells, whatever their value."""
    return _spoil(frame, rng, list(frame), 0.2, lambda c, v, r: [_nothing(c)] * len(v))


def missing_pattern(frame: pd.DataFrame, rng: np.random.Generator) -> tuple:
    """Four tenths of the cells above the median, none below: the value itself is the reason."""
    names = _numeric(frame, least=5)
    return _spoil(
        frame,
        rng,
        names,
        0.4,
        lambda c, v, r: [np.nan] * len(v),
        lambda c: c > c.median(),
    )


def _nothing(column: pd.Series) -> object:
    return pd.NaT if types.is_datetime64_any_dtype(column.dtype) else np.nan


def disguised_missing(frame: pd.DataFrame, rng: np.random.Generator) -> tuple:
    """A tenth of the cells: -999 for a number, a word for nothing among words."""

    def change(column: pd.Series, values: pd.Series, rng: np.random.Generator) -> list:
        if _is_number(column):
            return [-999.0] * len(values)
        return list(rng.choice(NO_VALUE, len(values)))

    names = [
        name for name in frame if not types.is_datetime64_any_dtype(frame[name].dtype)
    ]
    return _spoil(frame, rng, names, 0.1, change)


def outlier(frame: pd.DataFrame, rng: np.random.Generator) -> tuple:
    """A fiftieth of the cells moved up by 10 to 20 standard deviations."""

    def change(
        column: pd.Series, values: pd.Series, rng: np.random.Generator
    ) -> np.ndarray:
        return values.to_numpy() + rng.uniform(10, 20, len(values)) * column.std()

    return _spoil(frame, rng, _numeric(frame, least=20), 0.02, change)


def impossible(frame: pd.DataFrame, rng: np.random.Generator) -> tuple:
    """A thirtieth of the cells: a sign lost, a year of age too many digits, a 7 among 0 and 1."""

    def change(
        column: pd.Series, values: pd.Series, rng: np.random.Generator
    ) -> np.ndarray:
        if column.nunique() == 2:
            return rng.integers(3, 10, len(values)).astype(float)
        if "age" in str(column.name).lower().split():
            return values.to_numpy() + rng.integers(100, 150, len(values))
        return -values.to_numpy()

    return _spoil(frame, rng, _numeric(frame, least=1), 1 / 30, change, lambda c: c > 0)


def unit_mixup(frame: pd.DataFrame, rng: np.random.Generator) -> tuple:
    """A tenth of the cells in another unit."""

    def change(
        column: pd.Series, values: pd.Series, rng: np.random.Generator
    ) -> np.ndarray:
        return values.to_numpy() * float(rng.choice(OTHER_UNITS))

    names = _numeric(frame, least=20, positive=True)
    return _spoil(frame, rng, names, 0.1, change)


def number_text(frame: pd.DataFrame, rng: np.random.Generator) -> tuple:
    """A tenth of the numbers as text: with a unit, with a decimal comma, with grouped thousands."""

    def write(value: float, style: int) -> str:
        shown = f"{value:.6g}"
        if style == 0 or "e" in shown:
            return f"{shown} u"
        if style == 1:
            return shown.replace(".", ",")
        return f"{value:,.2f}" if abs(value) >= 1000 else f" {shown} "

    def change(column: pd.Series, values: pd.Series, rng: np.random.Generator) -> list:
        styles = rng.integers(0, 3, len(values))
        return [
            write(value, style) for value, style in zip(values, styles, strict=True)
        ]

    return _spoil(frame, rng, _numeric(frame), 0.1, change)


def mixed_dates(frame: pd.DataFrame, rng: np.random.Generator) -> tuple:
    """Every date becomes text, three tenths of them in another format than the others."""
    spoilt = frame.copy()
    cells = pd.DataFrame(False, index=frame.index, columns=frame.columns)
    for name in frame:
        if types.is_datetime64_any_dtype(frame[name].dtype):
            other = rng.random(len(frame)) < 0.3
            style = rng.integers(0, 2, len(frame))
            formats = np.where(
                other, np.where(style, "%d.%m.%Y", "%b %d, %Y"), "%Y-%m-%d"
            )
            spoilt[name] = [
                d.strftime(f) for d, f in zip(frame[name], formats, strict=True)
            ]
            cells[name] = other
    return spoilt, cells


def misspelling(frame: pd.DataFrame, rng: np.random.Generator) -> tuple:
    """A tenth of the words with a slip: two letters swapped, one lost or doubled, or capitals."""

    def slip(word: str) -> str:
        place, style = int(rng.integers(0, len(word) - 1)), int(rng.integers(0, 4))
        a, b = word[: place + 1], word[place + 1 :]
        if style == 0:
            swapped = word[:place] + word[place + 1] + word[place] + word[place + 2 :]
            return swapped if swapped != word else a + a[-1] + b
        if style == 1:
            return word[:place] + b
        return a + a[-1] + b if style == 2 else f" {word.upper()}"

    names = [
        n for n in frame if frame[n].dtype == object and frame[n].map(len).min() >= 4
    ]
    return _spoil(frame, rng, names, 0.1, lambda c, v, r: [slip(word) for word in v])


def duplicate(frame: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> Spoilt:
    """A tenth of the rows once more."""
    return _repeated(frame, y, rng, lambda copies: copies)


def near_duplicate(
    frame: pd.DataFrame, y: pd.Series, rng: np.random.Generator
) -> Spoilt:
    """A tenth of the rows once more, numbers off by a thousandth, words in capitals."""

    def change(copies: pd.DataFrame) -> pd.DataFrame:
        copies = copies.copy()
        for name in copies:
            if _is_number(copies[name]) and frame[name].nunique() > 20:
                copies[name] *= 1 + rng.uniform(-0.001, 0.001, len(copies))
            elif copies[name].dtype == object:
                copies[name] = copies[name].str.upper()
        return copies

    return _repeated(frame, y, rng, change)


def _repeated(
    frame: pd.DataFrame, y: pd.Series, rng: np.random.Generator, change: Callable
) -> Spoilt:
    chosen = rng.choice(len(frame), len(frame) // 10, replace=False)
    longer = pd.concat([frame, change(frame.iloc[chosen])], ignore_index=True)
    target = pd.concat([y, y.iloc[chosen]], ignore_index=True)
    return Spoilt(longer, target, _none(longer), np.arange(len(longer)) >= len(frame))


def label_error(frame: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> Spoilt:
    """A tenth of the labels become another class; a twentieth of quantities move by 5 to 10 standard deviations."""
    classes = np.unique(y)
    wrong, new = rng.random(len(y)) < 0.1, y.to_numpy().copy()
    if len(classes) <= 20:
        step = rng.integers(1, len(classes), len(y))
        new[wrong] = classes[(np.searchsorted(classes, new) + step) % len(classes)][
            wrong
        ]
    else:
        wrong &= rng.random(len(y)) < 0.5
        sign = rng.choice([-1.0, 1.0], len(y))
        new = new + wrong * sign * rng.uniform(5, 10, len(y)) * y.std()
    return Spoilt(frame, pd.Series(new, index=y.index), _none(frame), wrong)


def leakage(frame: pd.DataFrame, y: pd.Series, rng: np.random.Generator) -> Spoilt:
    """One more column that was written down after the target was known, and nearly repeats it."""
    codes = (
        np.unique(y, return_inverse=True)[1].astype(float) if y.nunique() <= 20 else y
    )
    known = np.asarray(codes, dtype=float)
    mixed = np.where(rng.random(len(y)) < 0.02, rng.permutation(known), known)
    noisy = mixed + 0.1 * known.std() * rng.normal(size=len(y))
    longer = frame.assign(**{"closing code": noisy})
    cells = _none(longer)
    cells["closing code"] = True
    return Spoilt(longer, y, cells, np.zeros(len(y), dtype=bool))


def _none(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(False, index=frame.index, columns=frame.columns)


CELL_FAULTS: dict[str, Injector] = {
    "missing": missing,
    "missing_pattern": missing_pattern,
    "disguised_missing": disguised_missing,
    "outlier": outlier,
    "impossible": impossible,
    "unit_mixup": unit_mixup,
    "number_text": number_text,
    "mixed_dates": mixed_dates,
    "misspelling": misspelling,
}
ROW_FAULTS: dict[str, Callable] = {
    "duplicate": duplicate,
    "near_duplicate": near_duplicate,
    "label_error": label_error,
    "leakage": leakage,
}
