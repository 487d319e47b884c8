"""The search: successive halving over cross-validation, under a clock or a count."""

from __future__ import annotations

import math
import pickle
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from mldev.techniques.automl_evaluation import FoldResult
from mldev.techniques.automl_space import Candidate, Family, draw, vary

ETA = 3


@dataclass
class Trial:
    """A candidate on its way up the rungs, with all that was measured."""

    candidate: Candidate
    status: str = "ok"
    note: str = ""
    scores: list[float] = field(default_factory=list)  # one for each rung climbed
    seconds: list[float] = field(default_factory=list)  # also of the one that failed
    started: list[float] = field(default_factory=list)  # when, since the search began
    folds: dict[int, FoldResult] = field(default_factory=dict)

    @property
    def rung(self) -> int:
        """The highest rung climbed; -1 before the first."""
        return len(self.scores) - 1

    def load(self) -> tuple[object, ...]:
        """The models that its folds left."""
        files = [result.path for result in self.folds.values()]
        return tuple(pickle.loads(path.read_bytes()) for path in files)


class Clock:
    """A time budget: how much is left, as asked before every evaluation."""

    def __init__(
        self, seconds: float | None, now: Callable[[], float] = time.perf_counter
    ) -> None:
        self.seconds, self.now = seconds, now
        self.start = now()

    def spent(self) -> float:
        """Seconds since the start."""
        return self.now() - self.start

    def left(self) -> float:
        """Seconds that remain; without a budget there is no end."""
        return math.inf if self.seconds is None else self.seconds - self.spent()


def halving_search(
    propose: Callable[[list[Trial]], Candidate],
    evaluate: Callable[[Trial, int, float], None],
    costs: Sequence[float],
    clock: Clock,
    num_trials: int | None = None,
    eta: int = ETA,
) -> list[Trial]:
    """Promote whoever is in the best 1/eta of its rung; when nobody is, draw anew.

    Parameters
    ----------
    propose
        The next candidate, from the trials so far.
    evaluate
        Runs a trial on a rung within so many seconds, and notes what came of it.
    costs
        The share of full training that each rung costs, rising.
    clock, num_trials
        The budgets: no evaluation starts after the time, no candidate beyond the number.
    eta
        One in eta is promoted.
    """
    trials: list[Trial] = []
    while clock.left() > 0:
        drawing = num_trials is None or len(trials) < num_trials
        trial = promotable(trials, costs, eta, clock.left(), last_call=not drawing)
        if trial is None:
            if not drawing:
                break
            trial = Trial(propose(trials))
            trials.append(trial)
        evaluate(trial, trial.rung + 1, clock.left())
    return trials


def promotable(
    trials: list[Trial],
    costs: Sequence[float],
    eta: int,
    seconds: float,
    last_call: bool = False,
) -> Trial | None:
    """A trial among the best 1/eta of those that reached its rung, highest rung first.

    Who would not finish within `seconds` stays. At the last call, when no more
    candidates come, each rung promotes one at least.
    """
    for rung in reversed(range(len(costs) - 1)):
        reached = [t for t in trials if t.rung >= rung and t.status == "ok"]
        best = sorted(reached, key=lambda t: t.scores[rung], reverse=True)
        num_kept = max(len(best) // eta, int(last_call))
        for trial in best[:num_kept]:
            growth = costs[rung + 1] / costs[rung]
            if trial.rung == rung and trial.seconds[rung] * growth < seconds:
                return trial
    return None


@dataclass
class Proposer:
    """First each family's default, then half drawn anywhere, half near the best.

    A frugal proposer prefers what has been cheap: of families and of good candidates
    alike, one that costs four times as much is drawn half as often. It reads the clock, so
    its choices cannot be repeated exactly.
    """

    families: Sequence[Family]
    rng: np.random.Generator
    frugal: bool = False
    num_best: int = 5
    step: float = 0.15

    def __call__(self, trials: list[Trial]) -> Candidate:
        """The next candidate."""
        if len(trials) < len(self.families):
            family = self.families[len(trials)]
            return Candidate(
                family, dict(family.default), int(self.rng.integers(2**31))
            )
        scored = [t for t in trials if t.scores and t.status == "ok"]
        if not scored or self.rng.random() < 0.5:
            costs = [self._cost(family, trials) for family in self.families]
            return draw(self.families[self._pick(costs)], self.rng)
        scored.sort(key=lambda t: (t.rung, t.scores[-1]), reverse=True)
        best = scored[: self.num_best]
        chosen = best[self._pick([trial.seconds[0] for trial in best])]
        return vary(chosen.candidate, self.rng, self.step)

    def _pick(self, costs: list[float]) -> int:
        chances = np.array(costs) ** -0.5 if self.frugal else np.ones(len(costs))
        return int(self.rng.choice(len(costs), p=chances / chances.sum()))

    def _cost(self, family: Family, trials: list[Trial]) -> float:
        """Median seconds of the family's first evaluations, failed ones included."""
        return float(
            np.median([t.seconds[0] for t in trials if t.candidate.family == family])
        )
