"""Neural architecture search: a space of 302 cells, every one trained, and five ways to search it.

The chapter's modules, in the order in which the pages teach them:

1. ``nas_space``: cells as words, and the graphs that they describe.
2. ``nas_network`` and ``nas_table``: from a graph to a trained network, and all of them in a table.
3. ``nas_noise``: how much of the table's ranking is luck.
4. ``nas_search``: random search, regularised evolution, Optuna's TPE.
5. ``nas_proxies``: scores of untrained networks.
6. ``nas_supernet``: one network that holds all; searched by paths, or by slopes.
7. ``nas_studies``: the comparisons that are too long for a build.
8. ``nas_pictures``: how a cell is drawn, and the interactive chart.

This module holds what the claims of the chapter are judged by.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from mldev.techniques import nas_studies, nas_table
from mldev.techniques.nas_search import Search, Table, winner_of_final

STUDIES = nas_table.STUDIES | nas_studies.STUDIES


def run_searches(
    search: Search, table: Table, budget: int, num_seeds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Evaluations to the top 1 % (seeds,) and regret after each training (seeds, budget)."""
    goal = table.top()
    hits, curves = [], []
    for seed in range(num_seeds):
        evaluate = table.one_training(seed)
        trained = search(evaluate, budget, seed)
        hits.append(table.evaluations_to(goal, trained, budget))
        curves.append(table.regret(trained, evaluate, table.judge(seed), budget))
    return np.array(hits), np.array(curves)


def finals(search: Search, table: Table, num_seeds: int) -> np.ndarray:
    """Judged accuracy after a search with a final, one value per seed."""
    return np.array([
        table.judge(seed)(winner_of_final(search, table, seed))
        for seed in range(num_seeds)
    ])  # fmt: skip


def random_leaders(table: Table, num_trainings: int, num_seeds: int) -> np.ndarray:
    """Judged accuracy of what random search hands over after so many trainings, one value per seed."""
    found = []
    for seed in range(num_seeds):
        evaluate = table.one_training(seed)
        order = np.random.default_rng([seed, 2]).permutation(len(table.graphs))
        tried = [table.graphs[i] for i in order[:num_trainings]]
        found.append(table.judge(seed)(max(tried, key=evaluate)))
    return np.array(found)


def front(sizes: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Positions of the Pareto front: nothing as small is better, nothing as good is smaller; by rising size."""
    order = np.lexsort((-accuracy, sizes))
    kept, best = [], -np.inf
    for i in order:
        if accuracy[i] > best:
            kept.append(i)
            best = accuracy[i]
    return np.array(kept)


def correlation_within(
    measure: Callable, scores: np.ndarray, accuracy: np.ndarray, group: np.ndarray
) -> float:
    """Rank correlation inside each group, averaged over groups by their numbers of pairs."""
    values, weights = [], []
    for name in np.unique(group):
        member = (group == name) & np.isfinite(scores)
        varied = all(
            len(np.unique(values[member])) > 1 for values in (scores, accuracy)
        )
        if varied and member.sum() > 2:
            values.append(measure(scores[member], accuracy[member]))
            weights.append(member.sum() * (member.sum() - 1) / 2)
    return float(np.average(values, weights=weights))
