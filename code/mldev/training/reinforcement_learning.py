"""Reinforcement learning: decisions, values and policies, and an agent that sets the learning rate of a training run.

The chapter's modules, in the order in which the pages teach them:

1. ``reinforcement_learning_decisions``: Markov decision processes as tables, value iteration.
2. ``reinforcement_learning_keeper``: the small world of the first page, as tables and as a Gymnasium environment.
3. ``reinforcement_learning_q``: Q-learning, and counting and planning as its rival.
4. ``reinforcement_learning_policy``: policy gradients on tables, exact and estimated.
5. ``reinforcement_learning_networks``: REINFORCE with networks.
6. ``reinforcement_learning_trainings``: training runs whose learning rate is set from outside.
7. ``reinforcement_learning_control``: tuned schedules and agents that set it.
8. ``reinforcement_learning_studies``: what is too long for a build.
9. ``reinforcement_learning_pictures``: maps, curves and the interactive chart.

This module holds what the claims of the chapter are judged by.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import pandas as pd

from mldev.experiments import Interval, paired_difference, repeat
from mldev.training import reinforcement_learning_studies
from mldev.training.reinforcement_learning_control import (
    FIRST_TEST_SEED,
    Controller,
    controlled,
    replayed,
)
from mldev.training.reinforcement_learning_decisions import Decisions, best_policy
from mldev.training.reinforcement_learning_keeper import DISCOUNT, keeper, make_keeper
from mldev.training.reinforcement_learning_q import (
    Learned,
    StepSize,
    counted,
    q_learning,
    shortfall,
)
from mldev.training.reinforcement_learning_trainings import SAME, Trainings

STUDIES = reinforcement_learning_studies.STUDIES
policy_run = reinforcement_learning_studies.policy_run


def q_run(
    seed: int, moments: tuple[int, ...], step_size: StepSize, **options: object
) -> Learned:
    """One life of a Q-learner as the keeper of a model."""
    return q_learning(make_keeper(), moments, seed, DISCOUNT, step_size, **options)


def best_step_size(rows: pd.DataFrame, baseline: str) -> float:
    """The step size of REINFORCE that gives away least on average over its learning; rows of the study on climbing."""
    mine = rows[rows["baseline"] == baseline]
    return float(mine.groupby("step_size")["on average"].mean().idxmin())


def worth_now(learned: list[Learned]) -> np.ndarray:
    """What each learner believes that a fresh model is worth, at its last moment."""
    return np.array([one.tables[-1][0].max() for one in learned])


def visits_of(learned: Learned, problem: Decisions) -> np.ndarray:
    """How often a learner tried each action in each state: (S, A)."""
    counts = np.zeros_like(problem.rewards)
    np.add.at(counts, (learned.experience.states, learned.experience.actions), 1)
    return counts


def repaired_plan(learned: Learned, problem: Decisions, which: str) -> float:
    """What a plan gives away when the truth replaces what was counted of the `rare` pairs (below ten visits), or of
    the `often` tried ones."""
    visits = visits_of(learned, problem)
    told = visits < 10 if which == "rare" else visits >= 10
    world = counted(learned.experience, len(learned.experience.states), problem)
    moves = np.where(told.T[:, :, None], problem.moves, world.moves)
    rewards = np.where(told, problem.rewards, world.rewards)
    return shortfall(problem, best_policy(Decisions(moves, rewards, problem.discount)))


def undecided(*differences: Interval) -> bool:
    """Whether every interval holds zero."""
    return not any(d.above(0) or d.below(0) for d in differences)


def default_of(function: Callable, name: str) -> object:
    """What a library takes for an argument that one does not name."""
    return inspect.signature(function).parameters[name].default


def by_seed(rows: pd.DataFrame, column: str, **chosen: object) -> np.ndarray:
    """One column of the kept rows that match, the seeds in order."""
    picked = np.all([rows[name] == value for name, value in chosen.items()], axis=0)
    if not picked.any():
        raise KeyError(f"no rows with {chosen}")
    return rows[picked].sort_values("seed")[column].to_numpy()


def pole_curves(rows: pd.DataFrame, method: str) -> np.ndarray:
    """Mean length of episodes by window of steps: (seeds, windows)."""
    columns = [name for name in rows.columns if name.startswith("steps_")]
    return rows[rows["method"] == method].sort_values("seed")[columns].to_numpy()


def pole_gains(rows: pd.DataFrame) -> dict[str, Interval]:
    """By how much episodes are longer, averaged over the whole of learning."""
    whole = {
        name: np.nanmean(pole_curves(rows, name), axis=1)
        for name in ("PPO", "REINFORCE with baseline", "REINFORCE")
    }
    best, middle, plain = whole.values()
    return {
        "PPO against REINFORCE with baseline": paired_difference(best, middle),
        "with baseline against without": paired_difference(middle, plain),
    }


def control_gap(
    rows: pd.DataFrame, family: str, method: str, rival: str, column: str = "test"
) -> Interval:
    """By how much a method's log test loss is above its rival's (`column` for the method), pairs by seed.

    The level is 99.3 %: the page makes seven such comparisons, and 95 % are to hold for all of them together.
    """
    mine = by_seed(rows, column, family=family, method=method)
    other = by_seed(rows, "test", family=family, method=rival)
    return paired_difference(mine, other, level=0.993)


def fade(rates: np.ndarray, last: int = 8) -> np.ndarray:
    """The same schedule, with its last phases brought down in a straight line to nearly nothing."""
    faded = np.array(rates, float)
    faded[-last:] *= np.arange(last, 0, -1) / (last + 1)
    return faded


def mended_run(seed: int, rows: pd.DataFrame, num_runs: int = 20) -> dict[str, float]:
    """The mean log loss of an agent's average schedule in new runs: as it is, brought down at the end, and its rival's.

    New runs of one kind and their validation images: this is a diagnosis, and the test images are not for that.
    """
    columns = [name for name in rows.columns if name.startswith("rate_")]
    mine = (rows["family"] == SAME.name) & (rows["seed"] == seed)
    kept = rows[mine].set_index("method")[columns]
    habits, rival = (10.0 ** kept.loc[m].to_numpy(float) for m in ("agent", "schedule"))
    seeds = [4 * FIRST_TEST_SEED + seed * 100 + n for n in range(num_runs)]
    return {
        name: float(
            np.log(
                controlled(Trainings(seeds, SAME, seed), replayed(rates[None])).losses[
                    :, -1
                ]
            ).mean()
        )
        for name, rates in (
            ("as learned", habits),
            ("brought down", fade(habits)),
            ("tuned schedule", rival),
        )
    }


def praise_run(seed: int, choose: Controller, num_runs: int = 20) -> dict[str, float]:
    """A controller under two rewards: all changes of the log loss counted, or only the improvements."""
    seeds = [FIRST_TEST_SEED * 3 + seed * 100 + n for n in range(num_runs)]
    log = controlled(Trainings(seeds, SAME, seed), choose)
    falls = -np.diff(np.log(log.losses), axis=1)
    return {
        "all changes": float(falls.sum(axis=1).mean()),
        "improvements only": float(np.maximum(falls, 0).sum(axis=1).mean()),
    }


def praised(choose: Controller, seeds: int) -> pd.DataFrame:
    """`praise_run` over seeds, each with its own split and runs."""
    return pd.DataFrame(repeat(praise_run, seeds, choose=choose))


def tiny() -> Decisions:
    """The keeper's world in its smallest form, whose trajectories can all be listed: 4 states."""
    return keeper(stale=2, num_batches=2)
