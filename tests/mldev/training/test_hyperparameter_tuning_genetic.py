"""The genetic algorithm: DEAP's numbers, and what its operators must satisfy."""

import random

import deap
import numpy as np
import pytest
from deap import algorithms, base, tools
from hypothesis import given
from hypothesis import strategies as st

from mldev.training.hyperparameter_tuning_genetic import Generation, GeneticAlgorithm, cross, mutate, select


def rough_bowl(vector):
    return sum((g - 0.3) ** 2 + 0.1 * np.sin(20 * g) for g in vector)


class Fitness(base.Fitness):
    weights = (-1.0,)


class Individual(list):
    def __init__(self, genes):
        super().__init__(genes)
        self.fitness = Fitness()


def deap_generations(settings, num_genes, num_generations, seed):
    """DEAP's eaSimple with the same operators, its population recorded after every generation."""
    toolbox = base.Toolbox()
    toolbox.register("evaluate", lambda v: (rough_bowl(v),))
    toolbox.register("select", tools.selTournament, tournsize=settings.tournament)
    toolbox.register("mate", tools.cxUniform, indpb=0.5)
    toolbox.register("mutate", tools.mutGaussian, mu=0, sigma=settings.mutation_std, indpb=settings.gene_mutation)

    def stay_inside(operator):
        def wrapped(*args, **kwargs):
            children = operator(*args, **kwargs)
            for child in children:
                child[:] = [min(max(g, 0.0), 1.0) for g in child]
            return children

        return wrapped

    toolbox.decorate("mutate", stay_inside)
    random.seed(seed)
    population = [Individual([random.random() for _ in range(num_genes)]) for _ in range(settings.population)]
    seen = []
    stats = tools.Statistics(lambda ind: list(ind))
    stats.register("all", seen.append)
    rates = settings.crossover, settings.mutation
    algorithms.eaSimple(population, toolbox, *rates, num_generations, stats, verbose=False)
    return seen


@pytest.mark.parity
def test_every_gene_equals_deap(record_property):
    worst = 0.0
    for seed in range(10):
        settings = GeneticAlgorithm(population=9 + seed % 2, tournament=2 + seed % 3)
        ours = settings.run(rough_bowl, num_genes=4, num_generations=15, seed=seed)
        theirs = deap_generations(settings, 4, 15, seed)
        assert len(ours) == len(theirs) == 16
        worst = max(worst, *(np.abs(np.subtract(a.vectors, b)).max() for a, b in zip(ours, theirs, strict=True)))
    record_property("parity", {
        "algorithm": "Genetic algorithm: every gene of every generation", "library": "deap",
        "version": deap.__version__, "tolerance": 1e-12, "difference": float(worst), "kind": "numbers",
    })  # fmt: skip
    assert worst <= 1e-12


def test_losses_belong_to_their_vectors():
    for generation in GeneticAlgorithm().run(rough_bowl, 3, 10, seed=0):
        assert generation.losses == [rough_bowl(v) for v in generation.vectors]


def test_an_unchanged_child_is_not_evaluated_again():
    calls = []
    GeneticAlgorithm(population=6, crossover=0.0, mutation=0.0).run(lambda v: calls.append(v) or 0.0, 2, 5, seed=0)
    assert len(calls) == 6


def test_selection_prefers_the_better():
    parents = Generation([[0.0]] * 10, [float(i) for i in range(10)])
    chosen = [i for seed in range(200) for i in select(parents, 3, random.Random(seed))]
    blind = [i for seed in range(200) for i in select(parents, 1, random.Random(seed))]
    assert np.mean(chosen) < 3.2 < 4.2 < np.mean(blind)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.integers(0, 999))
def test_crossover_keeps_the_genes_and_mutation_stays_inside(genes, seed):
    left, right = list(genes), [1 - g for g in genes]
    pairs = [{a, b} for a, b in zip(left, right, strict=True)]
    cross(left, right, random.Random(seed))
    assert [{a, b} for a, b in zip(left, right, strict=True)] == pairs
    mutate(left, 1.0, 5.0, random.Random(seed))
    assert all(0 <= g <= 1 for g in left)


def test_evolution_beats_its_first_generation():
    runs = [GeneticAlgorithm(population=20).run(rough_bowl, 4, 20, seed=s) for s in range(10)]
    assert all(min(r[-1].losses) < min(r[0].losses) for r in runs)


@pytest.mark.parametrize("settings, word", [({"population": 1}, "population"), ({"mutation": 1.5}, "mutation")])
def test_bad_settings_are_named(settings, word):
    with pytest.raises(ValueError, match=word):
        GeneticAlgorithm(**settings)
