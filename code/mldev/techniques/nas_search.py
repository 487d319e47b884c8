"""Search strategies over the cell space, and how they are judged on the table.

A strategy is given a function that trains an architecture and returns its validation accuracy, a budget of trainings
and a seed. It returns the architectures in the order in which it trained them. Nothing is trained twice: a strategy
that asks for an architecture again is given the accuracy it has already paid for.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from math import comb

import numpy as np
import optuna

from mldev.techniques.nas_space import (
    EDGES,
    OPERATIONS,
    Genotype,
    Graph,
    allowed,
    architectures,
    canonical,
    mutate,
    random_genotype,
)

Evaluate = Callable[[Graph], float]
Search = Callable[[Evaluate, int, int], list[Graph]]
GIVE_UP = 30  # asks per training, before a strategy that only repeats itself is stopped


@dataclass
class Memory:
    """Trains each architecture once, in the order in which they are asked for."""

    evaluate: Evaluate
    budget: int
    asked: int = 0
    scores: dict[Graph, float] = field(default_factory=dict)

    @property
    def spent(self) -> bool:
        """Whether the budget is used up, or the strategy runs in circles."""
        return len(self.scores) >= self.budget or self.asked >= GIVE_UP * self.budget

    def __call__(self, genotype: Genotype) -> float:
        graph = canonical(genotype)
        self.asked += 1
        if graph not in self.scores:
            self.scores[graph] = self.evaluate(graph)
        return self.scores[graph]


def random_search(evaluate: Evaluate, budget: int, seed: int) -> list[Graph]:
    """Architectures drawn without repetition, each equally likely."""
    graphs = architectures()
    order = np.random.default_rng(seed).permutation(len(graphs))[:budget]
    for i in order:
        evaluate(graphs[i])
    return [graphs[i] for i in order]


def regularised_evolution(
    evaluate: Evaluate,
    budget: int,
    seed: int,
    population_size: int = 20,
    sample_size: int = 5,
) -> list[Graph]:
    """The best of a small sample has a child; the oldest dies, however good it is."""
    rng = np.random.default_rng(seed)
    memory = Memory(evaluate, budget)
    population: deque[tuple[float, Genotype]] = deque(maxlen=population_size)
    while not memory.spent:
        if len(population) < population_size:
            child = random_genotype(rng)
        else:
            chosen = rng.integers(population_size, size=sample_size)
            _, parent = max(population[i] for i in chosen)
            child = mutate(parent, rng)
        population.append((memory(child), child))  # the oldest falls out
    return list(memory.scores)


def tpe_search(evaluate: Evaluate, budget: int, seed: int) -> list[Graph]:
    """Optuna's tree-structured Parzen estimator: one category per edge; a forbidden cell is a pruned trial."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    with warnings.catch_warnings():  # one density over all edges is called experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = optuna.samplers.TPESampler(
            seed=seed, n_startup_trials=20, multivariate=True
        )
    study = optuna.create_study(direction="maximize", sampler=sampler)
    memory = Memory(evaluate, budget)
    while not memory.spent:
        trial = study.ask()
        genotype = tuple(
            trial.suggest_categorical(f"{start}>{end}", OPERATIONS)
            for start, end in EDGES
        )
        if allowed(genotype):
            study.tell(trial, memory(genotype))
        else:
            memory.asked += 1
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
    return list(memory.scores)


@dataclass(frozen=True)
class Table:
    """Every architecture with its accuracies: one row per graph, one column per training seed."""

    graphs: tuple[Graph, ...]
    scores: np.ndarray  # (architectures, seeds)

    @cached_property
    def mean(self) -> np.ndarray:
        """Mean accuracy over the seeds: what the page calls an architecture's accuracy."""
        return self.scores.mean(1)

    @cached_property
    def place(self) -> dict[Graph, int]:
        """The row of each graph."""
        return {graph: i for i, graph in enumerate(self.graphs)}

    def top(self, share: float = 0.01) -> frozenset[Graph]:
        """The best architectures: this share of the table, by mean accuracy."""
        size = max(1, int(share * len(self.graphs)))
        return frozenset(self.graphs[i] for i in np.argsort(-self.mean)[:size])

    def looks(self, seed: int) -> np.ndarray:
        """The trainings of every architecture, in an order of their own: (architectures, seeds).

        A search sees the first; it may pay for more from the first half; the second half judges it.
        """
        size, num_seeds = self.scores.shape
        order = np.tile(np.arange(num_seeds), (size, 1))
        order = np.random.default_rng([seed, 1]).permuted(order, axis=1)
        return np.take_along_axis(self.scores, order, axis=1)

    def one_training(self, seed: int) -> Evaluate:
        """Evaluation as a search meets it: one training run of each architecture."""
        seen = self.looks(seed)[:, 0]
        return lambda graph: float(seen[self.place[graph]])

    def judge(self, seed: int) -> Evaluate:
        """Mean accuracy in the trainings that this search can never have seen."""
        unseen = self.looks(seed)[:, self.scores.shape[1] // 2 :].mean(1)
        return lambda graph: float(unseen[self.place[graph]])

    def true_accuracy(self, graph: Graph) -> float:
        """Mean accuracy of one architecture."""
        return float(self.mean[self.place[graph]])

    def evaluations_to(
        self, goal: frozenset[Graph], trained: list[Graph], budget: int
    ) -> int:
        """Trainings until one of the goal was trained; one more than the budget where none was."""
        hits = [i for i, graph in enumerate(trained, start=1) if graph in goal]
        return hits[0] if hits else budget + 1

    def regret(
        self, trained: list[Graph], evaluate: Evaluate, judge: Evaluate, budget: int
    ) -> np.ndarray:
        """After each training: the table's best mean, minus the judged accuracy of what looks best so far."""
        seen = np.array([evaluate(graph) for graph in trained])
        judged = np.array([judge(graph) for graph in trained])
        leader = [int(np.argmax(seen[: t + 1])) for t in range(len(seen))]
        curve = self.mean.max() - judged[leader]
        return np.pad(curve, (0, budget - len(curve)), mode="edge")


def winner_of_final(
    search: Search,
    table: Table,
    seed: int,
    num_trainings: int = 80,
    num_finalists: int = 10,
) -> Graph:
    """Search with part of the budget, train the best looking cells twice more, and take the best mean of three."""
    evaluate, means = table.one_training(seed), table.looks(seed)[:, :3].mean(1)
    trained = search(evaluate, num_trainings, seed)
    finalists = sorted(trained, key=evaluate)[-num_finalists:]
    return max(finalists, key=lambda graph: means[table.place[graph]])


def miss_probability(size: int, good: int, drawn: int) -> float:
    """Chance that draws without repetition miss every good one (hypergeometric)."""
    return comb(size - good, drawn) / comb(size, drawn)


def expected_random_evaluations(size: int, good: int, budget: int) -> float:
    """Exact mean of `Table.evaluations_to` for random search."""
    return 1 + sum(miss_probability(size, good, t) for t in range(1, budget + 1))
