"""Who sets the learning rate: tuned schedules, and agents that learn to, under the same budget of training runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from mldev.training.reinforcement_learning_networks import (
    Agent,
    Collect,
    Episode,
    Recipe,
    reinforce,
)
from mldev.training.reinforcement_learning_trainings import (
    FACTORS,
    FIRST_RATE,
    HIGHEST,
    LOWEST,
    PHASES,
    Family,
    Trainings,
    moved,
    observe,
)

# From what is seen of each run (R, 4) and its last learning rate to the next one (R,).
Controller = Callable[[np.ndarray, np.ndarray], np.ndarray]
SHAPES = {
    "constant": lambda time: np.ones_like(time),
    "linear": lambda time: 1 - time,
    "cosine": lambda time: 0.5 * (1 + np.cos(np.pi * time)),
    "exponential": lambda time: 0.01**time,
}
RECIPE = Recipe(
    discount=1.0, learning_rate=0.03, critic_rate=0.02, critic_steps=10, width=32
)
RUNS_PER_UPDATE = 10
FIRST_TEST_SEED = 10**6  # no learner ever sees a run from here on


@dataclass(frozen=True)
class Log:
    """What happened in some runs: what was seen, the rates chosen, and the loss before and after each phase."""

    seen: np.ndarray  # (R, PHASES + 1, 4)
    rates: np.ndarray  # (R, PHASES)
    losses: np.ndarray  # (R, PHASES + 1), validation
    test: np.ndarray  # (R,)


def controlled(runs: Trainings, choose: Controller) -> Log:
    """Carry some runs out, from start to end, with the learning rates that a controller chooses."""
    rates, losses = [np.full(len(runs), FIRST_RATE)], [runs.losses()]
    seen = [observe(0, rates[0], losses[0], losses[0])]
    for phase in range(PHASES):
        rates.append(choose(seen[-1], rates[-1]))
        runs.train(rates[-1])
        losses.append(runs.losses())
        seen.append(observe(phase + 1, rates[-1], *losses[-2:]))
    return Log(
        np.stack(seen, 1),
        np.stack(rates[1:], 1),
        np.stack(losses, 1),
        runs.losses("test"),
    )


def schedule(shape: str, peak: float) -> Controller:
    """A fixed schedule: it sees the time and nothing else."""
    curve = peak * SHAPES[shape](np.arange(PHASES) / PHASES)

    def choose(seen: np.ndarray, rates: np.ndarray) -> np.ndarray:
        phase = np.rint((seen[:, 0] + 1) * PHASES / 2).astype(int)
        return curve[phase]

    return choose


def controller_of(agent: Agent) -> Controller:
    """An agent at work: in each situation the rate that it holds most likely."""
    return lambda seen, rates: moved(rates, agent.act(seen))


def runs_of(family: Family, split: int, num_runs: int, seed: int) -> Collect:
    """A `Collect` of training runs, some at a time, until the budget is used. Each run has a seed of its own."""
    starts = range(RUNS_PER_UPDATE, num_runs, RUNS_PER_UPDATE)
    left = iter(np.split(np.arange(num_runs), starts))

    def collect(agent: Agent, rng: np.random.Generator) -> list[Episode]:
        numbers = next(left, np.array([], int))
        if not len(numbers):
            return []
        seeds = [int(seed * 10_000 + n) for n in numbers]
        drawn: list[np.ndarray] = []

        def choose(seen: np.ndarray, rates: np.ndarray) -> np.ndarray:
            drawn.append(agent.act(seen, rng))
            return moved(rates, drawn[-1])

        log = controlled(Trainings(seeds, family, split), choose)
        gains = -np.diff(np.log(log.losses), axis=1)
        actions = np.stack(drawn, 1)
        return [
            Episode(s[:-1], a, g)
            for s, a, g in zip(log.seen, actions, gains, strict=True)
        ]

    return collect


@dataclass(frozen=True)
class Candidate:
    """A schedule of a random search, and the losses that it led to."""

    shape: str
    peak: float
    losses: tuple[float, ...]

    @property
    def score(self) -> float:
        return float(np.mean(self.losses))


def tuned_schedule(
    family: Family, split: int, num_runs: int, seed: int, adam: bool = False
) -> Controller:
    """The best of many random schedules. Three fifths of the budget try them, three runs each; the rest goes to
    the best tenth, so that the winner is not just the luckiest."""
    rng, used = np.random.default_rng([seed, 3]), 0

    def tried(shape: str, peak: float, count: int) -> Candidate:
        nonlocal used
        seeds = [seed * 10_000 + used + n for n in range(count)]
        used += count
        runs = Trainings(seeds, family, split, adam)
        found = controlled(runs, schedule(shape, peak)).losses[:, -1]
        return Candidate(shape, peak, tuple(np.log(found)))

    drawn = num_runs // 5
    low, high = np.log(LOWEST), np.log(HIGHEST)
    shapes, peaks = (
        rng.choice(list(SHAPES), drawn),
        np.exp(rng.uniform(low, high, drawn)),
    )
    first = [tried(str(s), float(p), 3) for s, p in zip(shapes, peaks, strict=True)]
    finalists = sorted(first, key=lambda c: c.score)[: drawn // 10]
    each = (num_runs - used) // len(finalists)
    again = [tried(c.shape, c.peak, each) for c in finalists]
    best = min(again, key=lambda c: c.score)
    return schedule(best.shape, best.peak)


def trained_agent(
    family: Family, split: int, num_runs: int, seed: int, discount: float = 1.0
) -> Agent:
    """An agent that has learned from so many training runs to set the learning rate, by REINFORCE with baseline."""
    agent = Agent(4, len(FACTORS), RECIPE.width, seed)
    recipe = replace(RECIPE, discount=discount)
    for _ in reinforce(agent, runs_of(family, split, num_runs, seed), recipe, seed):
        pass
    return agent


def replayed(rates: np.ndarray) -> Controller:
    """What an agent did on average, as a fixed schedule: the same habits, without looking. Rates are (R, PHASES)."""
    curve = np.exp(np.log(rates).mean(axis=0))

    def choose(seen: np.ndarray, last: np.ndarray) -> np.ndarray:
        return curve[np.rint((seen[:, 0] + 1) * PHASES / 2).astype(int)]

    return choose
