"""A genetic algorithm by hand: selection by tournament, uniform crossover, Gaussian mutation.

Individuals are vectors in the unit cube (lists of genes). Random numbers are drawn in the order in which DEAP's
``eaSimple`` draws them, so that the two can be compared gene by gene (see the tests).
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice

import numpy as np

Vector = list[float]


@dataclass(frozen=True)
class Generation:
    """One population and the loss of each member."""

    vectors: list[Vector]
    losses: list[float]


@dataclass(frozen=True)
class GeneticAlgorithm:
    """Settings of the algorithm: how many live, how often they cross, how often and how far they mutate."""

    population: int = 20
    tournament: int = 3
    crossover: float = 0.7
    mutation: float = 0.6
    gene_mutation: float = 0.4
    mutation_std: float = 0.15

    def __post_init__(self) -> None:
        if self.population < 2 or self.tournament < 1:
            raise ValueError(
                f"population: {self.population}, tournament: {self.tournament}; at least 2 and 1"
            )
        for name in ("crossover", "mutation", "gene_mutation"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(
                    f"{name}: {getattr(self, name)}; a probability lies between 0 and 1"
                )

    def run(
        self,
        loss: Callable[[Vector], float],
        num_genes: int,
        num_generations: int,
        seed: int,
    ) -> list[Generation]:
        """A random population and the generations that evolve from it."""
        return list(islice(self.evolve(loss, num_genes, seed), num_generations + 1))

    def evolve(
        self, loss: Callable[[Vector], float], num_genes: int, seed: int
    ) -> Iterator[Generation]:
        """Generation after generation, for ever; a child that equals its parent is not evaluated again."""
        rng = random.Random(seed)
        vectors = [
            [rng.random() for _ in range(num_genes)] for _ in range(self.population)
        ]
        generation = Generation(vectors, [loss(v) for v in vectors])
        while True:
            yield generation
            generation = self._next(generation, loss, rng)

    def _next(
        self, parents: Generation, loss: Callable[[Vector], float], rng: random.Random
    ) -> Generation:
        chosen = select(parents, self.tournament, rng)
        vectors = [list(parents.vectors[i]) for i in chosen]
        losses: list[float | None] = [parents.losses[i] for i in chosen]
        for i in range(1, len(vectors), 2):
            if rng.random() < self.crossover:
                cross(vectors[i - 1], vectors[i], rng)
                losses[i - 1] = losses[i] = None  # new genes: the loss must be measured
        for i, vector in enumerate(vectors):
            if rng.random() < self.mutation:
                mutate(vector, self.gene_mutation, self.mutation_std, rng)
                losses[i] = None
        return Generation(
            vectors,
            [
                loss(v) if old is None else old
                for v, old in zip(vectors, losses, strict=True)
            ],
        )


def select(parents: Generation, tournament: int, rng: random.Random) -> list[int]:
    """Indices of the parents of the next generation: each the best of a few drawn at random."""
    size = len(parents.vectors)
    draws = [[rng.randrange(size) for _ in range(tournament)] for _ in range(size)]
    return [min(indices, key=lambda i: parents.losses[i]) for indices in draws]


def cross(left: Vector, right: Vector, rng: random.Random) -> None:
    """Swap each gene of two children with probability one half, in place."""
    for gene in range(len(left)):
        if rng.random() < 0.5:
            left[gene], right[gene] = right[gene], left[gene]


def mutate(vector: Vector, probability: float, std: float, rng: random.Random) -> None:
    """Add Gaussian noise to some genes, in place, and stay inside the cube."""
    for gene in range(len(vector)):
        if rng.random() < probability:
            vector[gene] = float(np.clip(vector[gene] + rng.gauss(0, std), 0, 1))
