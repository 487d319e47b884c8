"""What single values say: numbers and dates inside text, words for nothing, spelling, and robust scores.

Chapter: data/preparation. The checks of the data doctor are built from these.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

NOTHING = frozenset(
    "|n/a|na|n.a.|nan|null|none|nil|-|--|?|.|missing|unknown|not available".split("|")
)
PLAIN = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
DRESSED = re.compile(
    r"(?P<sign>[-+]?)\s*[$€£]?\s*(?P<body>\d[\d.,' ]*\d|\d)\s*(?P<unit>%|[A-Za-z]{0,8})"
)
GROUPED = re.compile(r"[1-9]\d{0,2}([,' ]\d{3})+(\.\d+)?")
COMMA = re.compile(r"\d+,\d+")
FORMATS = (
    "%Y-%m-%d",
    "%Y/%m/%d",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%b %d, %Y",
    "%d %b %Y",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %H:%M:%S.%f",
)
MAD_TO_SD = 1.482602218505602  # of a normal distribution: 1 / its upper quartile


def is_nothing(value: object) -> bool:
    """Whether a text says that there is no value."""
    return isinstance(value, str) and value.strip().lower() in NOTHING


def number_in(text: object, typical: float = np.nan) -> float:
    """The number that a text holds; NaN if it holds none.

    Parameters
    ----------
    text
        Such as "12", "1,234.5", "12,5", "$3" or "70 kg".
    typical
        The size of the column's other numbers. It decides what "1,234" means, which
        is a thousand and more to some writers and about 1.2 to others.
    """
    if not isinstance(text, str):
        return np.nan
    text = text.strip()
    if PLAIN.fullmatch(text):
        return float(text)
    found = DRESSED.fullmatch(text)
    if found is None:
        return np.nan
    sign = -1.0 if found["sign"] == "-" else 1.0
    readings = _readings(found["body"].strip())
    if not readings:
        return np.nan
    if len(readings) == 1 or not typical > 0:
        return sign * readings[0]
    return sign * min(readings, key=lambda size: abs(np.log(size / typical)))


def _readings(body: str) -> list[float]:
    """What the digits can mean: with grouped thousands, and with a decimal comma."""
    if PLAIN.fullmatch(body):
        return [float(body)]
    readings = []
    if GROUPED.fullmatch(body):
        readings.append(float(re.sub(r"[,' ]", "", body)))
    if COMMA.fullmatch(body):
        readings.append(float(body.replace(",", ".")))
    return readings


def numbers_in(column: pd.Series, typical: float = np.nan) -> np.ndarray:
    """A column as floats; texts are read by `number_in`."""
    return np.array([_number(value, typical) for value in column], dtype=float)


def _number(value: object, typical: float) -> float:
    if isinstance(value, str):
        return number_in(value, typical)
    if (
        value is None
        or value is pd.NA
        or isinstance(value, pd.Timestamp | type(pd.NaT))
    ):
        return np.nan
    return float(value)


def dates_in(column: pd.Series, day_first: bool = False) -> tuple[pd.Series, pd.Series]:
    """Read each text by the first format that fits: the dates, and the format's place."""
    text = column.where(column.map(lambda value: isinstance(value, str)))
    dates = pd.Series(pd.NaT, index=column.index, dtype="datetime64[ns]")
    places = pd.Series(-1, index=column.index)
    order = list(FORMATS)
    if day_first:
        order[3], order[4] = order[4], order[3]
    for format in order:
        left = dates.isna() & text.notna()
        if left.any():
            read = pd.to_datetime(text[left], format=format, errors="coerce")
            hit = read.dropna()
            dates[hit.index] = hit.astype("datetime64[ns]")
            places[hit.index] = FORMATS.index(format)
    return dates, places


def edit_distance(a: str, b: str) -> int:
    """The fewest insertions, deletions, replacements and swaps of neighbours from a to b."""
    rows = [list(range(len(b) + 1))]
    for i in range(1, len(a) + 1):
        row = [i]
        for j in range(1, len(b) + 1):
            other = a[i - 1] != b[j - 1]
            best = min(rows[-1][j] + 1, row[-1] + 1, rows[-1][j - 1] + other)
            swapped = i > 1 and j > 1 and a[i - 2 : i] == b[j - 1] + b[j - 2]
            row.append(min(best, rows[-2][j - 2] + 1) if swapped else best)
        rows.append(row)
    return rows[-1][-1]


def plain_word(text: str) -> str:
    """A word without case, outer spaces and doubled inner ones."""
    return " ".join(text.lower().split())


ROMAN = re.compile(r"x{0,3}(ix|iv|v?i{0,3})")


def marks(text: str) -> list[str]:
    """The parts of a text that tell things apart: those with a digit, single letters, Roman numerals."""
    return [
        part
        for part in re.findall(r"\w+", text)
        if len(part) == 1 or ROMAN.fullmatch(part) or any(c.isdigit() for c in part)
    ]


def is_slip(word: str, level: str) -> bool:
    """Whether a plain word is one slip of the pen away from a plain level.

    Two neighbours swapped, or one letter behind the first lost or added; from eight
    letters on also one replaced. In shorter words a replaced letter often makes
    another word: Iraq and Iran. What tells things apart (`marks`) must be equal.
    """
    if len(word) < 4 or marks(word) != marks(level):
        return False
    if edit_distance(word, level) != 1:
        return False
    if len(word) != len(level):
        return word[0] == level[0]
    return len(word) >= 8 or sorted(word) == sorted(level)


def nearest_level(word: str, levels: tuple[str, ...]) -> str | None:
    """The one known level that a word is a slip of; None if there is none, or two."""
    plain = plain_word(word)
    same = [level for level in levels if plain_word(level) == plain]
    if same:
        return same[0] if len(same) == 1 else None
    close = [level for level in levels if abs(len(plain_word(level)) - len(plain)) < 2]
    near = [level for level in close if is_slip(plain, plain_word(level))]
    return near[0] if len(near) == 1 else None


def robust_scores(values: np.ndarray) -> np.ndarray:
    """How many spreads a value lies from the median, each side by its own spread.

    The spread of a side is the median distance of its values from the median, times
    1.4826: the standard deviation, if the side is half of a normal distribution.
    """
    middle = np.nanmedian(values)
    away = values - middle
    scores = np.zeros(len(values))
    for side in (away >= 0, away <= 0):
        spread = MAD_TO_SD * np.median(np.abs(away[side]))
        if spread > 0:
            scores[side] = np.abs(away[side]) / spread
    return scores


def robust_fences(values: np.ndarray, width: float) -> tuple[float, float]:
    """The two values whose `robust_scores` would be `width`; infinite where a side has no spread."""
    middle = np.median(values)
    away = values - middle
    below = MAD_TO_SD * np.median(-away[away <= 0])
    above = MAD_TO_SD * np.median(away[away >= 0])
    low = middle - width * below if below > 0 else -np.inf
    high = middle + width * above if above > 0 else np.inf
    return float(low), float(high)
