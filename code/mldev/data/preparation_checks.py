"""The checks of the data doctor that look at one column at a time.

Chapter: data/preparation. Each check takes a `Case` and returns findings. They run in
the order of `COLUMN_CHECKS`, and each sees the table as the ones before have mended it.
The constants were chosen on the tables named in `preparation_benchmark.CHOSEN_ON`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np
import pandas as pd

from mldev.data.preparation_findings import FEWEST, Case, Finding
from mldev.data.preparation_fixes import (
    BlankBeyond,
    BlankNumbers,
    BlankWords,
    ReadDates,
    ReadNumbers,
    Rescale,
    Spell,
)
from mldev.data.preparation_values import (
    FORMATS,
    MAD_TO_SD,
    PLAIN,
    dates_in,
    is_nothing,
    nearest_level,
    numbers_in,
    plain_word,
    robust_fences,
)

READABLE = 0.8  # share of texts that must read as numbers, or as dates
CODES = (-1, *(s * float("9" * k) for k in (1, 2, 3, 4, 5) for s in (-1, 1)))
CODE_GAP = 0.5  # a code lies this many ranges of the others away from them
IDENTIFIER = re.compile(r"0\d+|\d{16,}")  # no number starts so, or is so exact
RARE = 0.1  # a slip is at most this often as frequent as its level
MAX_LEVELS = 50
FACTORS = (1000, 100, 60, 30.48, 24, 12, 10, 7, 4.184, 3.2808, 2.54, 2.2046, 1.6093)
UNIT_GAP = 4.0  # spreads between the two centres of a column in two units
VALLEY = 0.2  # how full the middle between them may be, relative to the smaller hill
NAMED = {  # by the column's name: what is possible
    r"(^|[_ ])age($|[_ ])": (0, 115),
    r"percent|pct": (0, 100),
    r"^(share|probability)": (0, 1),
    r"^year$": (1000, 2200),
    r"^month$": (1, 12),
    r"^hour$": (0, 24),
}
FEW = 0.05  # impossible values are few
CROWD = 0.15  # more outliers than that are another population
FENCE = 4.5  # spreads from the median


def places(mask: object) -> tuple[int, ...]:
    """Positions where a mask is true."""
    return tuple(int(place) for place in np.flatnonzero(np.asarray(mask)))


def severity(share: float, scale: float = 1.0) -> str:
    """Low below 1 %, high from 10 % of the rows, times a scale."""
    return (
        "high" if share >= 0.1 * scale else "medium" if share >= 0.01 * scale else "low"
    )


def nothing_words(case: Case) -> Iterator[Finding]:
    """Texts that stand for an empty cell."""
    for name in case.words():
        hit = case.frame[name].map(is_nothing)
        if hit.any():
            seen = sorted({str(value) for value in case.frame[name][hit]})
            said = ", ".join(repr(value) for value in seen[:4])
            yield Finding(
                "disguised_missing",
                name,
                places(hit),
                f"{hit.sum()} cells say {said}",
                severity(hit.mean()),
                BlankWords(name),
            )


def number_texts(case: Case) -> Iterator[Finding]:
    """Columns of numbers, some or all of which are stored as text."""
    for name in case.words():
        known = case.frame[name].dropna()
        text = known.map(lambda value: isinstance(value, str))
        numbers = numbers_in(known)
        if len(known) < 5 or np.isfinite(numbers).mean() < READABLE:
            continue
        if any(IDENTIFIER.fullmatch(value.strip()) for value in known[text]):
            continue
        sure = known.map(lambda v: not isinstance(v, str) or bool(PLAIN.fullmatch(v)))
        typical = np.abs(numbers_in(known[sure])) if sure.any() else np.array([np.nan])
        lost = int((~np.isfinite(numbers)).sum())
        rows = case.frame[name].map(lambda value: isinstance(value, str))
        yield Finding(
            "number_text",
            name,
            places(rows),
            f"{rows.sum()} texts, such as {known[text].iloc[0]!r}; {lost} hold no number",
            "high",
            ReadNumbers(name, float(np.median(typical))),
        )


def mixed_dates(case: Case) -> Iterator[Finding]:
    """Columns of dates in more than one format."""
    for name in case.words():
        column = case.frame[name]
        known = column.notna()
        if known.sum() < 5:
            continue
        dates, used = dates_in(column)
        if dates[known].notna().mean() < READABLE:
            continue
        counts = used[used >= 0].value_counts()
        other = used != counts.index[0]
        if not other[known].any():
            other = used >= 0  # all of one format, and yet text
        slashed = column.where(used.isin([3, 4])).dropna().str.split("/")
        firsts = sum(int(parts[0]) > 12 for parts in slashed)
        seconds = sum(int(parts[1]) > 12 for parts in slashed)
        yield Finding(
            "mixed_dates",
            name,
            places(known & other),
            f"text in {len(counts)} format(s), most often {FORMATS[counts.index[0]]}",
            "high",
            ReadDates(name, firsts > seconds),
        )


def nothing_numbers(case: Case) -> Iterator[Finding]:
    """Codes such as -999, and infinity, in columns of numbers."""
    for name in case.numeric():
        values = case.frame[name]
        codes = [code for code in (-np.inf, np.inf) if (values == code).any()]
        rest = values[np.isfinite(values)]
        present = set(CODES) & set(rest)
        for code in sorted(present, key=lambda code: (-abs(code), code)):
            others = rest[rest != code]
            if _is_code(code, int((rest == code).sum()), others):
                codes.append(code)
                rest = others
        if codes:
            hit = values.isin(codes)
            shown = ", ".join(f"{code:g}" for code in codes)
            yield Finding(
                "disguised_missing",
                name,
                places(hit),
                f"{hit.sum()} cells are {shown}; the others lie between {rest.min():g} "
                f"and {rest.max():g}",
                "high",
                BlankNumbers(name, tuple(codes)),
            )


def _is_code(code: float, count: int, others: pd.Series) -> bool:
    if count < 3 or others.nunique() < (2 if abs(code) > 9 else 5):
        return False
    low, high = others.min(), others.max()
    if code == -1:
        return low >= 0
    gap = CODE_GAP * (high - low)
    return code > high + gap if code > 0 else code < low - gap


def misspellings(case: Case) -> Iterator[Finding]:
    """Rare words that are a slip of a frequent one."""
    for name in case.words():
        words = case.frame[name].map(lambda v: v if isinstance(v, str) else np.nan)
        counts = words.value_counts()
        if not 2 <= len(counts) or counts.sum() < FEWEST:
            continue
        levels, known = frequent_levels(counts), {}
        for word, count in counts.items():
            level = None if word in levels else nearest_level(word, levels)
            same = level is not None and plain_word(level) == plain_word(word)
            if same or (level is not None and count <= RARE * counts[level]):
                known[word] = level
        if known:
            hit = words.isin(list(known))
            yield Finding(
                "misspelling",
                name,
                places(hit),
                f"{len(known)} rare words, such as {next(iter(known))!r}, "
                f"resemble {len(set(known.values()))} frequent ones",
                severity(hit.mean()),
                Spell(name, levels, known, frozenset(set(counts.index) - set(known))),
            )


def frequent_levels(counts: pd.Series) -> tuple[str, ...]:
    """Frequent words, the most frequent of those that differ in case or spaces only; none if too many."""
    frequent = counts[counts >= max(5, 0.02 * counts.sum())]
    if len(frequent) > MAX_LEVELS:
        return ()
    seen: dict[str, str] = {}
    for word in frequent.index:  # most frequent first
        seen.setdefault(plain_word(word), word)
    return tuple(seen.values())


def unit_mixups(case: Case) -> Iterator[Finding]:
    """A second hill, as far from the first on the logarithmic scale as a change of unit moves it."""
    for name in case.numeric():
        values = case.frame[name]
        known = values[values > 0]
        if (
            len(known) < 50
            or known.nunique() < 10
            or len(known) < 0.8 * values.notna().sum()
        ):
            continue
        fix = _unit(name, np.log(known.to_numpy()))
        if fix is not None:
            hit = fix.foreign(values)
            yield Finding(
                "unit_mixup",
                name,
                places(hit),
                f"{hit.sum()} values form a second hill, "
                f"{max(fix.factor, 1 / fix.factor):.4g} times {'above' if fix.factor > 1 else 'below'}"
                " the rest",
                "high",
                fix,
            )


def _unit(name: object, logs: np.ndarray) -> Rescale | None:
    centre = float(np.median(logs))
    spread = max(MAD_TO_SD * float(np.median(np.abs(logs - centre))), 1e-3)
    best, nearest = None, 1.0
    for factor in (*FACTORS, *(1 / factor for factor in FACTORS)):
        shift = np.log(factor)
        way = (logs - centre) / shift  # 0 at the first centre, 1 at the second
        second, middle = way > 0.5, (way > 0.4) & (way < 0.6)
        count = second.sum()
        if not max(3, 0.005 * len(logs)) <= count <= 0.4 * len(logs):
            continue
        if abs(shift) < UNIT_GAP * spread or middle.sum() > VALLEY * count:
            continue
        moved = (logs[second] - shift - centre) / spread
        off = abs(float(np.median(moved)))
        width = MAD_TO_SD * float(np.median(np.abs(moved - np.median(moved))))
        if off < nearest and 0.4 < width < 2.5:
            best, nearest = Rescale(name, float(factor), centre), off
    return best


def impossible_values(case: Case) -> Iterator[Finding]:
    """Values outside given or named bounds, minus signs that slipped in, strays beside 0 and 1."""
    for name in case.numeric():
        known = case.frame[name].dropna()
        for fix, why in _limits(name, known, case.bounds):
            hit = case.frame[name].notna() & fix.apply(case.frame[name]).isna()
            if hit.any() and (name in case.bounds or hit.mean() <= FEW):
                shown = case.frame[name][hit].iloc[0]
                yield Finding(
                    "impossible",
                    name,
                    places(hit),
                    f"{hit.sum()} values, such as {shown:g}: {why}",
                    severity(hit.mean(), 0.1),
                    fix,
                )
                break


def _limits(
    name: object, known: pd.Series, bounds: dict
) -> Iterator[tuple[BlankBeyond, str]]:
    if name in bounds:
        low, high = bounds[name]
        yield BlankBeyond(name, low, high), f"you allow {low:g} to {high:g}"
        return
    for low, high in named_bounds(name):
        yield BlankBeyond(name, low, high), f"the name allows {low:g} to {high:g}"
    if len(known) < FEWEST:
        return
    pair = tuple(sorted(known.value_counts().index[:2]))
    strays = known[~known.isin(pair)]
    if (
        pair in ((0, 1), (1, 2))
        and len(strays) <= FEW * len(known)
        and not strays.between(pair[0] - 1, pair[1] + 1).any()
    ):  # neighbours of the pair would be counts, or grades
        yield (
            BlankBeyond(name, allowed=pair),
            f"all others are {pair[0]:g} or {pair[1]:g}",
        )
    if _sign_slips(known):
        yield (
            BlankBeyond(name, low=0),
            "no others are negative, and hardly any nearly zero",
        )


def named_bounds(name: object) -> list[tuple[float, float]]:
    """What a column's name says about the possible values."""
    return [b for p, b in NAMED.items() if re.search(p, str(name).lower())]


def _sign_slips(known: pd.Series) -> bool:
    """Whether the negative values are of the usual size, with nothing between them and the others.

    Gains and losses pass through zero; a lost sign jumps over it.
    """
    below, above = -known[known < 0], known[known > 0]
    if not len(below) or not len(above):
        return False
    usual = above.median()
    return below.median() > 0.25 * usual and (known.abs() < 0.1 * usual).mean() < 0.01


def outliers(case: Case) -> Iterator[Finding]:
    """Values many spreads from the median, on the scale where the column is least skewed."""
    for name in case.numeric():
        known = case.frame[name].dropna().to_numpy()
        if len(known) < 50 or len(np.unique(known)) < 10:
            continue
        low, high = fences(known)
        hit = (case.frame[name] < low) | (case.frame[name] > high)
        if 0 < hit.mean() <= CROWD:  # more are another population
            yield Finding(
                "outlier",
                name,
                places(hit),
                f"{hit.sum()} values lie over {FENCE:g} spreads from the median {np.median(known):.4g}",
                severity(hit.mean(), 0.1),
                BlankBeyond(name, low, high),
            )


def fences(known: np.ndarray) -> tuple[float, float]:
    """`robust_fences` on the least skewed of three scales: plain, square root, logarithmic."""
    scales = [(lambda v: v, lambda v: v)]
    if known.min() >= 0:
        scales.append((np.sqrt, lambda v: max(v, 0.0) ** 2))
    if known.min() > 0:
        scales.append((np.log, np.exp))
    there, back = min(scales, key=lambda pair: abs(_skew(pair[0](known))))
    low, high = robust_fences(there(known), FENCE)
    return float(back(low)), float(back(high))


def _skew(values: np.ndarray) -> float:
    """Bowley's skewness of the middle 90 %: blind to the outliers themselves."""
    low, middle, high = np.quantile(values, (0.05, 0.5, 0.95))
    return (high + low - 2 * middle) / (high - low) if high > low else 0.0


COLUMN_CHECKS = (
    nothing_words,
    number_texts,
    mixed_dates,
    nothing_numbers,
    misspellings,
    unit_mixups,
    impossible_values,
    outliers,
)


def guards(name: object, column: pd.Series, kind: str, bounds: dict) -> dict:
    """Fixes for faults that may come later, though training had none: by the kind of finding.

    Words that mean nothing, slips of known words, values beyond the bounds, and codes
    such as -999 where training knew nothing negative.
    """
    if kind == "word":
        counts = column.value_counts()
        levels = frequent_levels(counts) if counts.sum() >= FEWEST else ()
        spell = [Spell(name, levels, kept=frozenset(counts.index))] if levels else []
        return {"disguised_missing": [BlankWords(name)], "misspelling": spell}
    if kind != "number":
        return {}
    codes = tuple(c for c in CODES if c < -9) if (column.dropna() >= 0).all() else ()
    limits = [bounds[name]] if name in bounds else named_bounds(name)
    beyond = [BlankBeyond(name, low, high) for low, high in limits]
    fitting = [f for f in beyond if f.apply(column).isna().sum() == column.isna().sum()]
    return {
        "disguised_missing": [BlankNumbers(name, codes)] if codes else [],
        "impossible": fitting,
    }
