"""Successive halving and Hyperband: Ray's brackets, scikit-learn's survivors, and what every schedule must satisfy."""

from itertools import islice

import numpy as np
import pytest
import ray.tune.schedulers
import sklearn
from hypothesis import given
from hypothesis import strategies as st
from ray.tune.schedulers.hyperband import HyperBandScheduler
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.experimental import enable_halving_search_cv  # noqa: F401  (brings HalvingGridSearchCV)
from sklearn.model_selection import HalvingGridSearchCV

from mldev.training.hyperparameter_tuning_hyperband import (
    Look,
    Rung,
    bracket,
    cost_to_reach,
    hyperband,
    hyperband_brackets,
    successive_halving,
)


@pytest.mark.parity
def test_brackets_equal_those_of_ray(record_property):
    differences = []
    for max_budget, eta in [(27, 3), (81, 3), (16, 2), (64, 4), (256, 4)]:
        ours = hyperband_brackets(max_budget, eta)
        theirs = HyperBandScheduler(max_t=max_budget, reduction_factor=eta)
        for s, rungs in zip(range(len(ours) - 1, -1, -1), ours, strict=True):
            differences += [rungs[0].num_configs - theirs._get_n0(s), rungs[0].budget - theirs._get_r0(s)]
    worst = float(np.abs(differences).max())
    record_property("parity", {
        "algorithm": "Hyperband: configurations and first budget of every bracket", "library": "ray",
        "version": ray.__version__, "tolerance": 0, "difference": worst, "kind": "numbers",
    })  # fmt: skip
    assert worst == 0


class Known(ClassifierMixin, BaseEstimator):
    """A classifier whose accuracy is told by a table: parameter ``name`` after ``budget`` units."""

    table: dict = {}

    def __init__(self, name=0, budget=1):
        self.name = name
        self.budget = budget

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def score(self, X, y):
        return 1 - Known.table[self.name, self.budget]


@pytest.mark.parity
def test_survivors_equal_those_of_scikit_learn(record_property):
    mismatches = 0
    X, y = np.zeros((12, 1)), np.arange(12) % 2
    for seed in range(5):
        rng = np.random.default_rng(seed)
        Known.table = {(name, budget): float(rng.random()) for name in range(27) for budget in (1, 3, 9, 27)}
        search = HalvingGridSearchCV(
            Known(), {"name": list(range(27))}, resource="budget", min_resources=1, max_resources=27, factor=3, cv=2,
            refit=False,
        ).fit(X, y)  # fmt: skip
        names, rung = np.array(search.cv_results_["param_name"], dtype=int), search.cv_results_["iter"]
        theirs = [set(names[rung == k].tolist()) for k in range(search.n_iterations_)]
        looks = list(successive_halving([{"name": n} for n in range(27)], bracket(27, 1, 27),
                                        lambda config, budget: Known.table[config["name"], budget]))  # fmt: skip
        ours = [{look.config["name"] for look in looks if look.budget == b} for b in search.n_resources_]
        mismatches += sum(a != b for a, b in zip(ours, theirs, strict=True))
    record_property("parity", {
        "algorithm": "Successive halving: survivors of every rung", "library": "scikit-learn",
        "version": sklearn.__version__, "tolerance": 0, "difference": mismatches, "kind": "numbers",
    })  # fmt: skip
    assert mismatches == 0


@given(st.integers(1, 200), st.integers(1, 30), st.integers(2, 5))
def test_rungs_shrink_and_budgets_grow(num_configs, budget, eta):
    rungs = bracket(num_configs, budget, 300, eta)
    assert rungs[0] == Rung(num_configs, budget)
    for now, then in zip(rungs, rungs[1:], strict=False):
        assert then.num_configs == now.num_configs // eta >= 1
        assert then.budget == now.budget * eta <= 300


@given(st.integers(1, 300), st.integers(2, 5))
def test_every_bracket_ends_with_full_training_at_powers_of_eta(max_budget, eta):
    brackets = hyperband_brackets(max_budget, eta)
    assert brackets[-1][0].budget == max_budget
    assert eta ** (len(brackets) - 1) <= max_budget < eta ** len(brackets)


def by_number(config, budget):
    return config["loss"] / budget


def test_cost_counts_only_new_training_where_training_resumes():
    configs = [{"loss": float(i)} for i in range(9)]
    rungs = bracket(9, 1, 9)
    resumed = [look.cost for look in successive_halving(configs, rungs, by_number)]
    anew = [look.cost for look in successive_halving(configs, rungs, by_number, resume=False)]
    assert resumed == [1] * 9 + [2] * 3 + [6]
    assert anew == [1] * 9 + [3] * 3 + [9]


def test_the_best_survive():
    configs = [{"loss": float(i)} for i in (5, 3, 8, 1, 9, 2, 7, 6, 4)]
    looks = list(successive_halving(configs, bracket(9, 1, 9), by_number))
    assert sorted(look.config["loss"] for look in looks if look.budget == 3) == [1, 2, 3]
    assert looks[-1].config["loss"] == 1


def test_hyperband_runs_its_brackets_in_turn_for_ever():
    brackets = hyperband_brackets(9)
    one_round = sum(rung.num_configs for rungs in brackets for rung in rungs)
    looks = list(islice(hyperband(lambda n: [{"loss": 1.0}] * n, brackets, by_number), 2 * one_round))
    assert [look.budget for look in looks[:one_round]] == [look.budget for look in looks[one_round:]]


def test_cost_to_reach_wants_full_training_and_stops_at_the_cap():
    looks = [Look({}, 3, 0.0, 3), Look({}, 9, 0.5, 9), Look({}, 9, 0.1, 9)]
    assert cost_to_reach(iter(looks), target=0.2, max_budget=9, cap=100) == (21, True)
    assert cost_to_reach(iter(looks), target=0.2, max_budget=9, cap=12) == (12, False)
    assert cost_to_reach(iter(looks), target=0.0, max_budget=9, cap=100) == (100, False)


@pytest.mark.parametrize("arguments, word", [((9, 1, 9, 1), "eta"), ((0, 1, 9), "num_configs"), ((9, 10, 9), "budget")])
def test_bad_brackets_are_named(arguments, word):
    with pytest.raises(ValueError, match=word):
        bracket(*arguments)
    with pytest.raises(ValueError, match="max_budget"):
        hyperband_brackets(0)
