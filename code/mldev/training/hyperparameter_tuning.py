"""Hyperparameter tuning with AI: grid, random, Gaussian process, genetic algorithm, Hyperband, all by hand.

The chapter's modules, in the order in which the pages teach them:

1. ``hyperparameter_tuning_space``: a search space as a unit cube.
2. ``hyperparameter_tuning_problems`` and ``_tables``: three real problems whose optimum is known.
3. ``hyperparameter_tuning_gp``: Bayesian optimisation, as an Optuna sampler.
4. ``hyperparameter_tuning_genetic``: a genetic algorithm.
5. ``hyperparameter_tuning_search``: every method behind one signature, and its regret.
6. ``hyperparameter_tuning_hyperband`` and ``_costs``: many briefly, few in full, and what that saves.
7. ``hyperparameter_tuning_resume``, ``_ray``, ``_robust``: killed and resumed, distributed, over-tuned.
8. ``hyperparameter_tuning_studies``: the comparisons that are too long for a build.

This module holds what the claims of the chapter are judged by.
"""

import math

import numpy as np

from mldev.experiments import Interval, interval
from mldev.training import hyperparameter_tuning_studies, hyperparameter_tuning_tables
from mldev.training.hyperparameter_tuning_costs import (
    CAP,
    NUM_REFERENCE,
    Looks,
    cost,
    full_training_score,
)
from mldev.training.hyperparameter_tuning_problems import FULL, Problem
from mldev.training.hyperparameter_tuning_search import Search, regret

STUDIES = hyperparameter_tuning_tables.STUDIES | hyperparameter_tuning_studies.STUDIES


def trials_needed(share: float, confidence: float) -> int:
    """Random trials until one of the best ``share`` of configurations is among them with so much confidence."""
    for name, value in {"share": share, "confidence": confidence}.items():
        if not 0 < value < 1:
            raise ValueError(f"{name}: {value}; a number between 0 and 1")
    return math.ceil(math.log(1 - confidence) / math.log(1 - share))


def final_regrets(
    search: Search, problem: Problem, num_trials: int, num_seeds: int
) -> np.ndarray:
    """Simple regret after so many trials, one value per seed."""
    runs = [search(problem, num_trials, seed) for seed in range(num_seeds)]
    return np.array(
        [regret(losses, problem.optimum, num_trials)[-1] for losses in runs]
    )


def expected_random_regret(problem: Problem, num_trials: int) -> float:
    """Exact mean regret of random search: the least of so many draws from the table.

    No draw is below the k-th smallest of N losses with probability (1 - (k - 1) / N)^t.
    """
    losses = np.sort(problem.table[f"valid_{FULL}"].to_numpy())
    at_least = (np.arange(len(losses), -1, -1) / len(losses)) ** num_trials
    return float((at_least[:-1] - at_least[1:]) @ losses - problem.optimum)


def regret_saved(
    search: Search, problem: Problem, num_trials: int, num_seeds: int
) -> Interval:
    """How much regret the search avoids against random search: above 0 means better."""
    mine = final_regrets(search, problem, num_trials, num_seeds)
    return interval(expected_random_regret(problem, num_trials) - mine)


def expected_full_cost(problem: Problem, num_reference: int = NUM_REFERENCE) -> float:
    """Exact mean cost of full training: one over the share of good configurations."""
    bar = full_training_score(problem, num_reference)
    good = problem.table[f"valid_{FULL}"] <= bar
    return float(FULL / good.mean())


def saving(costs: np.ndarray, baseline: float) -> Interval:
    """Share of the baseline's cost that is saved: 0.7 is 70%, below 0 is a loss."""
    return interval(1 - np.asarray(costs) / baseline)


def cost_saved(
    looks: Looks,
    problem: Problem,
    num_seeds: int,
    num_reference: int = NUM_REFERENCE,
) -> Interval:
    """Share of training that a search saves until it has full training's score."""
    cap = CAP * num_reference // NUM_REFERENCE  # a higher bar gets more time
    costs = [
        cost(problem, looks, seed, cap, num_reference) for seed in range(num_seeds)
    ]
    return saving(np.array(costs), expected_full_cost(problem, num_reference))
