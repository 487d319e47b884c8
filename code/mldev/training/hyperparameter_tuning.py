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

from mldev.experiments import Interval, paired_difference, ratio_interval
from mldev.training import hyperparameter_tuning_studies, hyperparameter_tuning_tables
from mldev.training.hyperparameter_tuning_costs import Looks, cost, full_training
from mldev.training.hyperparameter_tuning_problems import Problem
from mldev.training.hyperparameter_tuning_search import Search, random_search, regret

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


def regret_saved(
    search: Search,
    problem: Problem,
    num_trials: int,
    num_seeds: int,
    baseline: Search = random_search,
) -> Interval:
    """How much regret the search avoids against a baseline: above 0 means better. Pairs share their seed."""
    theirs = final_regrets(baseline, problem, num_trials, num_seeds)
    return paired_difference(
        theirs, final_regrets(search, problem, num_trials, num_seeds)
    )


def saving(costs: np.ndarray, baseline: np.ndarray) -> Interval:
    """Share of the baseline's cost that is saved: 0 is none, 0.7 is 70%, below 0 is a loss."""
    ratio = ratio_interval(costs, baseline[: len(costs)])
    return Interval(
        1 - ratio.estimate, 1 - ratio.high, 1 - ratio.low, ratio.n, ratio.level
    )


def cost_saved(
    looks: Looks, problem: Problem, num_seeds: int, baseline: Looks = full_training
) -> Interval:
    """Share of training that a search saves until it has full training's score."""
    mine = [cost(problem, looks, seed) for seed in range(num_seeds)]
    theirs = [cost(problem, baseline, seed) for seed in range(num_seeds)]
    return saving(np.array(mine), np.array(theirs))
