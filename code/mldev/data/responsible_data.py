"""Bias in data, by hand (chapter "Responsible data management").

`representation` compares the groups of a table with those of a population, `stratified_difference` compares two groups
among people who are alike (`compared` counts them), `reweighing` and `resampling` make group and label independent,
`disparity` measures what a decision does to two groups, and `group_sizes` counts how many people share a person's
values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mldev.experiments import Interval


def representation(groups: pd.Series, population: Mapping[str, float]) -> pd.DataFrame:
    """Shares of groups in a table and in a population, and their ratio.

    Parameters
    ----------
    groups
        The group of each row.
    population
        Group -> its size in the population, in any unit, with every group
        of the table. Shares are of the groups named here.
    """
    unknown = sorted(set(groups) - set(population))
    if unknown:
        has = ", ".join(population)
        raise ValueError(f"population: no size for {', '.join(unknown)}; it has {has}")
    sizes = pd.Series(population, dtype=float)
    if (sizes <= 0).any():
        raise ValueError(f"population: sizes must be positive: {dict(population)}")
    data = groups.value_counts(normalize=True).reindex(sizes.index, fill_value=0.0)
    table = pd.DataFrame(
        {"in the data": data, "in the population": sizes / sizes.sum()}
    )
    return table.assign(ratio=table["in the data"] / table["in the population"])


def strata(frame: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """A number for each row, the same for rows that are equal in all columns (0 for all without columns)."""
    if not columns:
        return np.zeros(len(frame), dtype=np.intp)
    return frame.groupby(list(columns), sort=True, dropna=False).ngroup().to_numpy()


def compared(group: np.ndarray, stratum: np.ndarray) -> tuple[int, int]:
    """How many rows of the group and of the others have a counterpart in their stratum; the rest are left out."""
    group = _two_groups("group", group)
    inside, outside = np.bincount(stratum, group), np.bincount(stratum, ~group)
    both = (inside > 0) & (outside > 0)
    return int(inside[both].sum()), int(outside[both].sum())


def stratified_difference(
    y: np.ndarray,
    group: np.ndarray,
    stratum: np.ndarray,
    counts: np.ndarray | None = None,
) -> float:
    """The difference in mean y between a group and the others, within strata.

    Parameters
    ----------
    y
        The outcome of each row.
    group
        True for rows of the group, False for the others.
    stratum
        A number per row; only rows with the same number are compared.
    counts
        How often each row counts; once, if left out. A bootstrap passes its own.
    """
    group = _two_groups("group", group)
    counts = np.ones(len(y)) if counts is None else counts
    inside, outside = counts * group, counts * ~group
    n1, n0 = np.bincount(stratum, inside), np.bincount(stratum, outside)
    both = (n1 > 0) & (n0 > 0)  # without both groups nothing is compared
    if not both.any():
        raise ValueError("stratum: no stratum has rows of both groups")
    s1, s0 = np.bincount(stratum, inside * y), np.bincount(stratum, outside * y)
    n1, n0, s1, s0 = n1[both], n0[both], s1[both], s0[both]
    weight = n1 * n0 / (n1 + n0)
    return float(np.sum(weight * (s1 / n1 - s0 / n0)) / np.sum(weight))


def people_interval(
    statistic: Callable[[np.ndarray], float],
    num_people: int,
    num_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """The percentile bootstrap over people: whom the table would hold if it were drawn again.

    Parameters
    ----------
    statistic
        A function of how often each person counts.
    num_people, num_resamples, seed
        Rows of the table, and how often they are drawn again, with replacement.
    level
        The share of tables whose interval should hold the value in the population.
    """
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(num_resamples):
        drawn = rng.integers(num_people, size=num_people)
        counts = np.bincount(drawn, minlength=num_people)
        found.append(statistic(counts.astype(float)))
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    estimate = statistic(np.ones(num_people))
    return Interval(estimate, float(low), float(high), num_people, level)


def reweighing(group: np.ndarray, y: np.ndarray, strength: float = 1.0) -> np.ndarray:
    """The weight of each row that makes group and label independent.

    Parameters
    ----------
    group, y
        Group and label of each row.
    strength
        An exponent: 0 leaves all weights at 1, more than 1 overshoots.
    """
    if strength < 0:
        raise ValueError(f"strength {strength}: expected a number of at least 0")
    weights = np.empty(len(y))
    for g in np.unique(group):
        for label in np.unique(y):
            cell = (group == g) & (y == label)
            if not cell.any():
                raise ValueError(f"no row has group {g} and label {label}")
            expected = np.mean(group == g) * np.mean(y == label)
            weights[cell] = expected / np.mean(cell)
    return weights**strength


def resampling(
    group: np.ndarray, y: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Positions of rows, drawn so that group and label are independent: some rows are left out, some come twice."""
    drawn = []
    for g in np.unique(group):
        for label in np.unique(y):
            cell = np.flatnonzero((group == g) & (y == label))
            if not len(cell):
                raise ValueError(f"no row has group {g} and label {label}")
            size = round(len(y) * np.mean(group == g) * np.mean(y == label))
            whole, rest = divmod(size, len(cell))
            extra = rng.choice(cell, rest, replace=False)
            drawn += [np.repeat(cell, whole), extra]
    return np.sort(np.concatenate(drawn))


@dataclass(frozen=True)
class Disparity:
    """What a decision does to a group, compared with the others (differences of shares).

    Attributes
    ----------
    parity
        Statistical parity difference: of all people, how many get the decision.
    opportunity
        Equal opportunity difference: of those whose label is 1, how many get it.
    false_positive
        Of those whose label is 0, how many get it.
    """

    parity: float
    opportunity: float
    false_positive: float


def disparity(decision: np.ndarray, y: np.ndarray, group: np.ndarray) -> Disparity:
    """Compare the decisions about a group (True) with those about the others."""
    group = _two_groups("group", group)
    rates = {}
    cases = {"parity": y >= 0, "opportunity": y == 1, "false_positive": y == 0}
    for name, among in cases.items():
        parts = decision[among & group], decision[among & ~group]
        if not all(len(part) for part in parts):
            raise ValueError(f"{name}: one of the groups has nobody to compare")
        rates[name] = float(parts[0].mean() - parts[1].mean())
    return Disparity(**rates)


def group_sizes(frame: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """For each row, how many rows have its values in these columns."""
    missing = [name for name in columns if name not in frame]
    if missing or not columns:
        raise ValueError(
            f"columns {list(columns)}: expected one or more of {', '.join(frame)}"
        )
    number = frame.groupby(list(columns), dropna=False).ngroup().to_numpy()
    return np.bincount(number)[number]


def _two_groups(name: str, group: np.ndarray) -> np.ndarray:
    group = np.asarray(group)
    if group.dtype != bool or group.all() or not group.any():
        raise ValueError(
            f"{name}: expected True for one group and False for the other, "
            f"got {np.unique(group)[:5]}"
        )
    return group
