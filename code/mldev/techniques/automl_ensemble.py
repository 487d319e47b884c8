"""Greedy ensemble selection: add the model that helps most, again and again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np


def greedy_selection(
    predictions: Sequence[np.ndarray],
    y: np.ndarray,
    score: Callable[[np.ndarray, np.ndarray], float],
    num_rounds: int = 25,
    go_on: Callable[[], bool] = lambda: True,
) -> np.ndarray:
    """Weights of the models, by forward selection with replacement.

    Parameters
    ----------
    predictions
        Of each model, for the same validation rows.
    y, score
        The truth for these rows, and what to maximise.
    num_rounds
        How many models are added; the same one may be added again.
    go_on
        Asked before every round: a search whose time is up says no.

    Returns
    -------
    weights
        One for each model, summing to 1, after the best round of all.
    """
    total = np.zeros_like(predictions[0], dtype=float)
    counts = np.zeros(len(predictions))
    best_score, best_counts = -np.inf, counts
    for size in range(1, num_rounds + 1):
        if size > 1 and not go_on():
            break
        scores = [score(y, (total + one) / size) for one in predictions]
        added = int(np.argmax(scores))
        total = total + predictions[added]
        counts = counts + np.eye(len(counts))[added]
        if scores[added] > best_score:
            best_score, best_counts = scores[added], counts
    return best_counts / best_counts.sum()
