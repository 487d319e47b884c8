"""The measurements of the chapter: problems, searches, costs, and claims that fail when a method is swapped."""

import numpy as np
import optuna
import pytest
from optuna.distributions import FloatDistribution

from mldev.experiments import interval
from mldev.training import hyperparameter_tuning as chapter
from mldev.training import hyperparameter_tuning_costs as costs
from mldev.training import hyperparameter_tuning_genetic as genetic
from mldev.training import hyperparameter_tuning_gp as gp
from mldev.training import hyperparameter_tuning_hyperband as hyperband
from mldev.training import hyperparameter_tuning_search as search
from mldev.training.hyperparameter_tuning_hyperband import Rung
from mldev.training.hyperparameter_tuning_problems import Problem, every_configuration, split
from mldev.training.hyperparameter_tuning_studies import costs_of, regret_curves
from mldev.training.hyperparameter_tuning_tables import PROBLEMS, load_problem


@pytest.mark.parametrize("name", PROBLEMS)
def test_tables_hold_every_configuration_and_searches_see_no_test_loss(name):
    problem = load_problem(name)
    assert len(problem.table) == len(every_configuration(problem.space))
    params = problem.cube.random(1, np.random.default_rng(0))[0]
    assert problem.optimum <= problem.loss(params) != problem.test_loss(params)


@pytest.mark.parametrize("name", PROBLEMS)
def test_a_look_up_is_a_training(name):
    problem = load_problem(name)
    params = problem.cube.random(1, np.random.default_rng(1))[0]
    trained = problem.train(params, problem.load_split(0))
    for budget in (1, 27):
        assert trained[f"valid_{budget}"] == pytest.approx(problem.loss(params, budget), abs=0.02)


def test_a_network_that_diverges_counts_as_wrong_everywhere():
    network = load_problem("network")
    params = {"log10_learning_rate": 300.0, "log2_memory": 6, "log2_width": 2, "log10_alpha": -1, "activation": "relu"}
    losses = network.train(params, network.load_split(0))
    assert losses["valid_27"] == losses["test"] == 1.0


def test_splits_do_not_overlap_and_leave_test_rows():
    X = np.arange(50.0)[:, None]
    parts = split(X, X[:, 0], 20, 10, seed=3)
    rows = np.concatenate([parts.X_train, parts.X_valid, parts.X_test])[:, 0]
    assert sorted(rows) == list(range(50)) and len(parts.y_test) == 20
    with pytest.raises(ValueError, match="num_train"):
        split(X, X[:, 0], 40, 10)


def test_bad_names_and_spaces_are_named():
    with pytest.raises(KeyError, match="svm"):
        load_problem("forest")
    with pytest.raises(KeyError, match="not in the space"):
        load_problem("svm").loss({"log2_C": 0.3, "log2_gamma": 0.0})
    with pytest.raises(ValueError, match="step"):
        every_configuration({"x": FloatDistribution(0, 1)})
    with pytest.raises(ValueError, match="share"):
        chapter.trials_needed(1.5, 0.9)
    rows = chapter.STUDIES["regret"].rows()
    with pytest.raises(KeyError, match="nobody"):
        regret_curves(rows, "svm", "nobody")
    with pytest.raises(KeyError, match="nobody"):
        costs_of(chapter.STUDIES["costs"].rows(), "svm", "nobody")


@pytest.mark.parametrize("method", search.SEARCHES)
def test_every_search_is_reproducible_and_counts_its_trials(method):
    problem = load_problem("network")
    runs = [search.SEARCHES[method](problem, 14, seed) for seed in (4, 4, 5)]
    assert len(runs[0]) <= 14 and (method == "grid" or len(runs[0]) == 14)
    assert np.array_equal(runs[0], runs[1]) and not np.array_equal(runs[0], runs[2])


@pytest.mark.parametrize("method", costs.METHODS)
def test_every_cost_is_reproducible(method):
    paid = [costs.cost(load_problem("network"), costs.METHODS[method], 3, cap=400) for _ in range(2)]
    assert paid[0] == paid[1]


def test_regret_falls_to_the_optimum_and_a_short_search_stays():
    curve = search.regret(np.array([0.5, 0.7, 0.2]), 0.1, 5)
    assert curve == pytest.approx([0.4, 0.4, 0.1, 0.1, 0.1])


def test_trials_needed_is_the_first_number_that_suffices():
    n = chapter.trials_needed(0.05, 0.95)
    assert n == 59 and 1 - 0.95**n >= 0.95 > 1 - 0.95 ** (n - 1)


def test_full_training_score_is_the_median_of_simulated_searches():
    problem = load_problem("boosting")
    finals = [search.random_search(problem, 27, seed).min() for seed in range(300)]
    low, high = np.quantile(finals, [0.4, 0.6])
    assert low <= costs.full_training_score(problem) <= high


def test_saving_is_a_share():
    halved = chapter.saving(np.full(20, 5.0), 10.0)
    assert (halved.low, halved.estimate, halved.high) == pytest.approx((0.5, 0.5, 0.5))
    assert chapter.saving(np.full(20, 15.0), 10.0).below(0)


@pytest.mark.parametrize("name", PROBLEMS)
@pytest.mark.parametrize("num_trials", [1, 10])
def test_expected_regret_of_random_search_is_that_of_simulated_searches(name, num_trials):
    problem = load_problem(name)
    found = interval(chapter.final_regrets(search.random_search, problem, num_trials, 400), level=0.999)
    exact = chapter.expected_random_regret(problem, num_trials)
    assert not found.above(exact) and not found.below(exact)
    if num_trials == 1:
        assert exact == pytest.approx(problem.table["valid_27"].mean() - problem.optimum)


@pytest.mark.parametrize("name", PROBLEMS)
def test_expected_cost_of_full_training_is_that_of_simulated_searches(name):
    problem = load_problem(name)
    paid = interval([costs.cost(problem, costs.full_training, seed) for seed in range(300)], level=0.999)
    exact = chapter.expected_full_cost(problem)
    assert not paid.above(exact) and not paid.below(exact)


# Each method by hand, and the same code with the method swapped for its baseline: the claims must fall with it.


def gp_claim():
    return chapter.regret_saved(search.gp_search, load_problem("svm"), num_trials=25, num_seeds=12).above(0)


def test_claim_of_the_gaussian_process_needs_the_gaussian_process(monkeypatch):
    assert gp_claim()
    monkeypatch.setattr(gp, "propose", lambda X, targets, cube, rng, xi: rng.random(cube.num_columns))
    assert not gp_claim()


def test_claim_of_the_gaussian_process_needs_expected_improvement(monkeypatch):
    right = gp.expected_improvement
    monkeypatch.setattr(gp, "expected_improvement", lambda *args, **options: -right(*args, **options))
    assert not gp_claim()


def genetic_claim():
    return chapter.regret_saved(search.genetic_search, load_problem("network"), num_trials=200, num_seeds=20).above(0)


def test_claim_of_the_genetic_algorithm_needs_evolution(monkeypatch):
    assert genetic_claim()

    def redraw(vector, probability, std, rng):
        vector[:] = [rng.random() for _ in vector]

    monkeypatch.setattr(genetic, "mutate", redraw)
    monkeypatch.setattr(genetic, "select", lambda parents, tournament, rng: range(len(parents.vectors)))
    monkeypatch.setattr(genetic, "cross", lambda left, right, rng: None)
    assert not genetic_claim()


def hyperband_claim():
    return chapter.cost_saved(costs.hyperband_looks, load_problem("network"), num_seeds=200).above(0)


def test_claim_of_hyperband_needs_early_stopping(monkeypatch):
    assert hyperband_claim()
    monkeypatch.setattr(costs, "hyperband_brackets", lambda max_budget: [[Rung(1, max_budget)]])
    assert not hyperband_claim()


def bracket_gain():
    """Share of good configurations among survivors of the boldest bracket, minus that among all."""
    problem = load_problem("network")
    bar = costs.full_training_score(problem)
    rungs = costs.hyperband_brackets(27)[0]
    survivors = [
        list(hyperband.successive_halving(problem.cube.random(27, np.random.default_rng(seed)), rungs, problem.loss))
        for seed in range(100)
    ]
    return interval([looks[-1].loss <= bar for looks in survivors]), (problem.table["valid_27"] <= bar).mean()


def test_claim_of_the_bracket_needs_looks_that_order(monkeypatch):
    after, before = bracket_gain()
    assert after.above(before)
    real = Problem.loss
    blind = np.random.default_rng(0)
    monkeypatch.setattr(Problem, "loss", lambda self, params, budget=27: (
        real(self, params, budget) if budget == 27 else blind.random()
    ))  # fmt: skip
    after, before = bracket_gain()
    assert not after.above(before)


def grid_claim():
    problem = load_problem("network")
    size = len(search.grid_search(problem, 50, seed=0))
    return chapter.regret_saved(search.grid_search, problem, size, num_seeds=200).below(0)


def test_claim_of_random_search_against_the_grid_needs_the_grid(monkeypatch):
    assert grid_claim()
    monkeypatch.setattr(search, "grid_search", search.random_search)
    assert not grid_claim()


def later_look_claim():
    problem = load_problem("svm")
    brackets = costs.hyperband_brackets(27)
    early, late = (
        chapter.cost_saved(lambda p, seed, some=brackets[first:]: costs.run_brackets(p, seed, some), problem, 60)
        for first in (0, 2)
    )
    return late.low > early.high


def test_claim_of_the_later_look_needs_first_looks_that_deceive(monkeypatch):
    assert later_look_claim()
    real = Problem.loss
    monkeypatch.setattr(Problem, "loss", lambda self, params, budget=27: real(self, params, 27))
    assert not later_look_claim()


def test_claim_of_choosing_needs_a_sampler_that_chooses(monkeypatch):
    problem = load_problem("svm")
    assert chapter.cost_saved(costs.gp_looks, problem, num_seeds=8).above(0)

    class Blind(optuna.samplers.RandomSampler):
        pass

    monkeypatch.setattr(costs, "GaussianProcessSampler", Blind)
    assert not chapter.cost_saved(costs.gp_looks, problem, num_seeds=8).above(0)
