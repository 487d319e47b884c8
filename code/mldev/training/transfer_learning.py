"""Transfer learning, chapter 4.4: what its page asks of the kept rows, and its studies.

The loop is in `transfer_learning_loop`; the targets are in `_glyphs`, `_series` and `_text`; what is reused is in
`_strategies`; how rates are chosen and strategies judged is in `_studies`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mldev.experiments import Interval, interval, paired_difference
from mldev.training.transfer_learning_studies import STUDIES

__all__ = ["STUDIES", "column", "gain", "table_of"]


def column(
    rows: pd.DataFrame, strategy: str, labels: int, name: str = "accuracy"
) -> np.ndarray:
    """One value per seed, in the order of the seeds."""
    mine = rows[(rows["strategy"] == strategy) & (rows["labels"] == labels)]
    if mine.empty:
        raise ValueError(f"no rows for strategy {strategy!r} with {labels} labels")
    return mine.sort_values("seed")[name].to_numpy()


def gain(
    rows: pd.DataFrame,
    better: str,
    worse: str,
    labels: int,
    name: str = "accuracy",
) -> Interval:
    """By how much one strategy is ahead of another, paired by seed."""
    return paired_difference(
        column(rows, better, labels, name), column(rows, worse, labels, name)
    )


def table_of(
    rows: pd.DataFrame, strategies: tuple[str, ...], name: str = "accuracy"
) -> pd.DataFrame:
    """Mean and interval in whole percent: a row per strategy, a column per number of labels."""
    labels = sorted(rows["labels"].unique())
    return pd.DataFrame(
        {
            count: {
                s: f"{interval(100 * column(rows, s, count, name)):.0f}"
                for s in strategies
            }
            for count in labels
        }
    )
