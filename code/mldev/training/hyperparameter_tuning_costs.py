"""What a search pays until it holds a fully trained configuration as good as full training would give.

Costs are counted in units of training (epochs, trees, images), never in seconds.
"""

from collections.abc import Callable, Iterator

import numpy as np
import optuna

from mldev.training.hyperparameter_tuning_gp import GaussianProcessSampler
from mldev.training.hyperparameter_tuning_hyperband import (
    Look,
    Rung,
    cost_to_reach,
    hyperband,
    hyperband_brackets,
)
from mldev.training.hyperparameter_tuning_problems import BUDGETS, FULL, Problem
from mldev.training.hyperparameter_tuning_space import Params

NUM_REFERENCE = 27
CAP = 200 * FULL  # a search that has not arrived by then counts as if it arrived here

Looks = Callable[[Problem, int], Iterator[Look]]


def full_training_score(problem: Problem, num_trials: int = NUM_REFERENCE) -> float:
    """Median of the best loss among so many random configurations, all fully trained.

    The best of n draws is at most q with probability 1 - (1 - share of losses at most q)^n; at the median that is
    one half.
    """
    losses = np.sort(problem.table[f"valid_{FULL}"].to_numpy())
    return float(losses[int(np.ceil((1 - 0.5 ** (1 / num_trials)) * len(losses))) - 1])


def draws(problem: Problem, seed: int) -> Callable[[int], list[Params]]:
    """A stream of random configurations."""
    rng = np.random.default_rng(seed)
    return lambda num_configs: problem.cube.random(num_configs, rng)


def run_brackets(
    problem: Problem, seed: int, brackets: list[list[Rung]]
) -> Iterator[Look]:
    return hyperband(draws(problem, seed), brackets, problem.loss, problem.resumable)


def full_training(problem: Problem, seed: int) -> Iterator[Look]:
    """Random search, every configuration trained in full: one rung, one configuration."""
    return run_brackets(problem, seed, [[Rung(1, FULL)]])


def halving_looks(problem: Problem, seed: int) -> Iterator[Look]:
    """Successive halving by hand, boldest bracket only."""
    return run_brackets(problem, seed, hyperband_brackets(FULL)[:1])


def hyperband_looks(problem: Problem, seed: int) -> Iterator[Look]:
    """Hyperband by hand, all brackets in turn."""
    return run_brackets(problem, seed, hyperband_brackets(FULL))


def optuna_looks(
    problem: Problem,
    seed: int,
    sampler: optuna.samplers.BaseSampler,
    pruner: optuna.pruners.BasePruner,
) -> Iterator[Look]:
    """Optuna with a pruner: every trial reports at each budget and asks whether to go on."""
    # Optuna's Hyperband draws a trial's bracket from the study's name, which is random unless given.
    study = optuna.create_study(
        study_name=f"seed {seed}", sampler=sampler, pruner=pruner
    )
    while True:
        trial = study.ask(dict(problem.space))
        paid = 0
        state = optuna.trial.TrialState.COMPLETE
        for budget in BUDGETS:
            loss = problem.loss(trial.params, budget)
            yield Look(trial.params, budget, loss, budget - paid)
            paid = budget if problem.resumable else 0
            trial.report(loss, budget)
            if budget < FULL and trial.should_prune():
                state = optuna.trial.TrialState.PRUNED
                break
        study.tell(
            trial,
            None if state == optuna.trial.TrialState.PRUNED else loss,
            state=state,
        )


def asha_looks(problem: Problem, seed: int) -> Iterator[Look]:
    """Optuna's successive-halving pruner, which decides without waiting for the others (ASHA)."""
    pruner = optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3)
    return optuna_looks(problem, seed, optuna.samplers.RandomSampler(seed=seed), pruner)


def median_looks(problem: Problem, seed: int) -> Iterator[Look]:
    """Optuna's median pruner: stop whoever is worse than half of the others at the same budget."""
    return optuna_looks(
        problem,
        seed,
        optuna.samplers.RandomSampler(seed=seed),
        optuna.pruners.MedianPruner(),
    )


def tpe_hyperband_looks(problem: Problem, seed: int) -> Iterator[Look]:
    """Optuna's TPE to propose, its Hyperband pruner to stop."""
    pruner = optuna.pruners.HyperbandPruner(
        min_resource=1, max_resource=FULL, reduction_factor=3
    )
    return optuna_looks(problem, seed, optuna.samplers.TPESampler(seed=seed), pruner)


def gp_looks(problem: Problem, seed: int) -> Iterator[Look]:
    """The Gaussian-process sampler by hand, every trial trained in full: saves by choosing, not by stopping."""
    study = optuna.create_study(sampler=GaussianProcessSampler(seed=seed))
    while True:
        trial = study.ask(dict(problem.space))
        loss = problem.loss(trial.params)
        study.tell(trial, loss)
        yield Look(trial.params, FULL, loss, FULL)


METHODS: dict[str, Looks] = {
    "full training": full_training,
    "successive halving": halving_looks,
    "Hyperband": hyperband_looks,
    "ASHA (Optuna)": asha_looks,
    "median pruner (Optuna)": median_looks,
    "TPE + Hyperband (Optuna)": tpe_hyperband_looks,
    "Gaussian process, full": gp_looks,
}


def cost(
    problem: Problem,
    looks: Looks,
    seed: int,
    cap: int = CAP,
    num_reference: int = NUM_REFERENCE,
) -> int:
    """Units of training until full training's score is reached, cut at the cap."""
    bar = full_training_score(problem, num_reference)
    return cost_to_reach(looks(problem, seed), bar, FULL, cap)[0]
