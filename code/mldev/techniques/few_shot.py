"""Meta-learning and few-shot learning: prototypes and MAML by hand, held against simple baselines.

The chapter's modules, in the order in which the pages teach them:

1. ``few_shot_episodes``: characters and the small tasks drawn from them.
2. ``few_shot_network``: the one network, the budget, and the descent that all learners share.
3. ``few_shot_baselines``: pixels, ordinary classification, and three heads.
4. ``few_shot_prototypes``: prototypical networks.
5. ``few_shot_maml``: MAML, of second and of first order.
6. ``few_shot_comparison``: every method, judged on the same episodes.
7. ``few_shot_confusions``: which pairs of characters are mixed up.
8. ``few_shot_shift``: other drawings than those of the training.
9. ``few_shot_studies``: what is too long for a build.
10. ``few_shot_pictures``: the interactive chart.

This module holds what the claims of the chapter are judged by.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from mldev.experiments import Interval, paired_difference, ratio_interval
from mldev.techniques import few_shot_studies
from mldev.techniques.few_shot_confusions import KINDS, Mistakes

STUDIES = few_shot_studies.STUDIES


def gain(scores: dict, method: str, other: str) -> dict[str, Interval]:
    """By how much a method is right more often than another, per setting, on the same episodes.

    `scores[method][setting]` holds one accuracy per episode, or per training.
    """
    return {
        setting: paired_difference(values, scores[other][setting])
        for setting, values in scores[method].items()
    }


def by_training(rows: pd.DataFrame) -> dict[str, dict[str, np.ndarray]]:
    """Accuracy per training: from the rows of a study to `scores[method][setting]`, the seeds in order."""
    settings = [name for name in rows.columns if name not in ("method", "seed")]
    return {
        method: {s: found.sort_values("seed")[s].to_numpy() for s in settings}
        for method, found in rows.groupby("method", sort=False)
    }


def easy_share(counts: np.ndarray) -> np.ndarray:
    """Of each episode's counts per kind, those of the pairs that are easily confused."""
    return counts[:, : KINDS.index("other")].sum(axis=1)


def easy_pairs(found: Mistakes) -> tuple[Interval, Interval]:
    """The share of easily confused pairs among all wrong answers, and among those on offer."""
    given, offered = found.given, found.offered
    return (
        ratio_of_sums(easy_share(given), given.sum(axis=1)),
        ratio_of_sums(easy_share(offered), offered.sum(axis=1)),
    )


def ratio_of_sums(part: np.ndarray, whole: np.ndarray) -> Interval:
    """The interval of sum(part) / sum(whole) over episodes; those without a single case say nothing."""
    counted = whole > 0
    return ratio_interval(part[counted], whole[counted])
