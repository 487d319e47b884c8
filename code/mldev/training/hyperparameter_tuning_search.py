"""Every search method of the chapter behind one signature: a problem, a number of trials and a seed give the losses
of the trials in the order in which they were run."""

import warnings
from collections.abc import Callable

import numpy as np
import optuna
from optuna.samplers import BaseSampler

from mldev.training.hyperparameter_tuning_genetic import GeneticAlgorithm
from mldev.training.hyperparameter_tuning_gp import GaussianProcessSampler, standardise
from mldev.training.hyperparameter_tuning_problems import Problem
from mldev.training.hyperparameter_tuning_space import Params, UnitCube

optuna.logging.set_verbosity(
    optuna.logging.WARNING
)  # a line for every trial would bury what matters

Search = Callable[[Problem, int, int], np.ndarray]


def coarse_grid(
    cube: UnitCube, num_levels: int, rng: np.random.Generator
) -> list[Params]:
    """A grid with so many levels per number and all categories, shifted at random, in random order.

    The shift is drawn, since nobody knows beforehand where a grid's levels fall; without it the result would hang
    on one lucky or unlucky placing.
    """
    columns, numbers = [], iter(rng.random(cube.num_columns))
    for width in cube.widths:
        shift = next(numbers)
        levels = [[(k + shift) / num_levels] for k in range(num_levels)]
        columns.append(levels if width == 1 else np.eye(width).tolist())
    corners = [[]]
    for levels in columns:
        corners = [corner + level for corner in corners for level in levels]
    return [cube.decode(np.array(corners[i])) for i in rng.permutation(len(corners))]


def grid_search(problem: Problem, num_trials: int, seed: int) -> np.ndarray:
    """The finest grid that fits into the trials; trials left over are not used."""
    rng = np.random.default_rng(seed)
    levels = 1
    while len(coarse_grid(problem.cube, levels + 1, rng)) <= num_trials:
        levels += 1
    return np.array(
        [
            problem.loss(p)
            for p in coarse_grid(problem.cube, levels, np.random.default_rng(seed))
        ]
    )


def random_search(problem: Problem, num_trials: int, seed: int) -> np.ndarray:
    """Draw every trial at random: the baseline that each method has to beat."""
    configs = problem.cube.random(num_trials, np.random.default_rng(seed))
    return np.array([problem.loss(p) for p in configs])


def genetic_search(problem: Problem, num_trials: int, seed: int) -> np.ndarray:
    """The genetic algorithm by hand, stopped after so many evaluations."""
    losses: list[float] = []

    def loss(vector: list[float]) -> float:
        losses.append(problem.loss(problem.cube.decode(np.array(vector))))
        return losses[-1]

    generations = GeneticAlgorithm().evolve(loss, problem.cube.num_columns, seed)
    while len(losses) < num_trials:
        next(generations)
    return np.array(losses[:num_trials])


def optuna_search(
    sampler: BaseSampler, problem: Problem, num_trials: int
) -> np.ndarray:
    """Any Optuna sampler, ours or theirs, over the problem's space."""
    study = optuna.create_study(sampler=sampler)
    for _ in range(num_trials):
        trial = study.ask(dict(problem.space))
        study.tell(trial, problem.loss(trial.params))
    return np.array([t.value for t in study.get_trials(deepcopy=False)])


def gp_search(problem: Problem, num_trials: int, seed: int) -> np.ndarray:
    """The Gaussian-process sampler by hand."""
    return optuna_search(GaussianProcessSampler(seed=seed), problem, num_trials)


def gp_raw_search(problem: Problem, num_trials: int, seed: int) -> np.ndarray:
    """The same, its model fed with the size of the losses rather than with their order."""
    return optuna_search(
        GaussianProcessSampler(seed=seed, targets=standardise), problem, num_trials
    )


def tpe_search(problem: Problem, num_trials: int, seed: int) -> np.ndarray:
    """Optuna's tree-structured Parzen estimator."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(seed=seed, multivariate=True)
    return optuna_search(sampler, problem, num_trials)


def cma_search(problem: Problem, num_trials: int, seed: int) -> np.ndarray:
    """Optuna's CMA-ES; it has no categories, so these are drawn at random."""
    sampler = optuna.samplers.CmaEsSampler(seed=seed, warn_independent_sampling=False)
    return optuna_search(sampler, problem, num_trials)


SEARCHES: dict[str, Search] = {
    "random": random_search,
    "grid": grid_search,
    "Gaussian process": gp_search,
    "Gaussian process, raw losses": gp_raw_search,
    "genetic": genetic_search,
    "TPE": tpe_search,
    "CMA-ES": cma_search,
}


def regret(losses: np.ndarray, optimum: float, num_trials: int) -> np.ndarray:
    """Simple regret after each trial: the best loss so far, above the optimum. A search that stops early stays."""
    best = np.minimum.accumulate(losses)
    return np.pad(best, (0, num_trials - len(best)), mode="edge") - optimum
