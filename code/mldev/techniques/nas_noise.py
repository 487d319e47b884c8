"""How much of a table's ranking is noise, and what noise does to the choice of an architecture."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import kendalltau, spearmanr

from mldev.experiments import Interval


def noise_std(scores: np.ndarray) -> float:
    """Standard deviation between trainings of the same architecture, pooled: scores (architectures, seeds)."""
    return float(np.sqrt(scores.var(axis=1, ddof=1).mean()))


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's rank correlation."""
    return float(spearmanr(a, b).statistic)


def kendall(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall's rank correlation: the share of pairs in the same order minus the share in the opposite one."""
    return float(kendalltau(a, b).statistic)


def split_half(scores: np.ndarray, measure: Callable = spearman) -> float:
    """Rank correlation between the means of two halves of the seeds, averaged over all ways to halve them."""
    num_seeds = scores.shape[1]
    if num_seeds % 2:
        raise ValueError(f"scores: {num_seeds} seeds; an even number can be halved")
    found = []
    for half in combinations(range(1, num_seeds), num_seeds // 2 - 1):
        left = [0, *half]
        right = [seed for seed in range(num_seeds) if seed not in left]
        found.append(measure(scores[:, left].mean(1), scores[:, right].mean(1)))
    return float(np.mean(found))


def ceiling(scores: np.ndarray) -> float:
    """The rank correlation with the table that even the true accuracies would have.

    The halves' correlation r is stepped up to all seeds by Spearman and Brown's 2 r / (1 + r). Truth and measurement
    correlate by its square root.
    """
    half = split_half(scores)
    return float(np.sqrt(2 * half / (1 + half)))


def over_architectures(
    statistic: Callable[..., float],
    *columns: np.ndarray,
    num_resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """A statistic with its 95 % bootstrap interval over architectures."""
    rng = np.random.default_rng(seed)
    size = len(columns[0])
    drawn = [rng.integers(size, size=size) for _ in range(num_resamples)]
    values = [statistic(*(column[index] for column in columns)) for index in drawn]
    low, high = np.quantile(values, [0.025, 0.975])
    return Interval(statistic(*columns), float(low), float(high), size)


def choices(
    accuracy: np.ndarray,
    noise: float,
    num_trainings: int,
    seeds_each: int,
    num_runs: int = 2000,
    seed: int = 0,
) -> np.ndarray:
    """Which architecture random search hands over, run by run, if each that it tries is trained so many times."""
    tried = num_trainings // seeds_each
    if not 1 <= tried <= len(accuracy):
        raise ValueError(
            f"num_trainings, seeds_each: {num_trainings}, {seeds_each} try {tried} architectures; "
            f"between 1 and {len(accuracy)} can be tried"
        )
    rng = np.random.default_rng(seed)
    order = rng.random((num_runs, len(accuracy))).argsort(1)[:, :tried]
    seen = accuracy[order] + rng.normal(0, noise / np.sqrt(seeds_each), order.shape)
    return order[np.arange(num_runs), seen.argmax(1)]


def choice_table(accuracy: np.ndarray, noise: float, share: float) -> pd.DataFrame:
    """How often the choice is truly among the best share, by noise level, seeds per architecture and trainings."""
    best = np.argsort(-accuracy)[: max(1, int(share * len(accuracy)))]
    rows = []
    for level in (0.0, 0.5, 1.0, 2.0, 4.0):
        for seeds_each in (1, 2, 4, 8):
            for num_trainings in range(40, 301, 20):
                chosen = choices(accuracy, level * noise, num_trainings, seeds_each)
                rows.append({
                    "noise": level, "seeds": seeds_each, "trainings": num_trainings,
                    "hits": round(float(np.isin(chosen, best).mean()), 4),
                    "loss": round(float(accuracy.max() - accuracy[chosen].mean()), 5),
                })  # fmt: skip
    return pd.DataFrame(rows)
