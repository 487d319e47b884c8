"""Bias in data, by hand: representation, strata, weights, disparities, uniqueness."""

import numpy as np
import pandas as pd
import pytest
import scipy
import sklearn
import sklego
import statsmodels
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import bootstrap
from sklearn.utils.class_weight import compute_sample_weight
from sklego.metrics import equal_opportunity_score, p_percent_score

from mldev.data import responsible_data as chapter
from mldev.data.responsible_data_experiments import LADDER, arrests_table, with_bands

CITY = {"Black": 8.4, "White": 53.1}


@pytest.fixture(scope="module")
def people():
    return arrests_table()


@pytest.fixture(scope="module")
def black(people):
    return (people["colour"] == "Black").to_numpy()


@pytest.fixture(scope="module")
def released(people):
    return people["released"].to_numpy(float)


def entry(algorithm, library, module, tolerance, difference, kind="numbers"):
    version = str(module.__version__)
    return {
        "algorithm": algorithm, "library": library, "version": version,
        "tolerance": tolerance, "difference": float(difference), "kind": kind,
    }  # fmt: skip


def test_representation_is_a_ratio_of_shares():
    table = chapter.representation(pd.Series(list("aabb")), {"a": 1, "b": 3})
    assert table["ratio"].tolist() == [2.0, pytest.approx(2 / 3)]
    assert chapter.representation(pd.Series(["a"]), {"a": 1, "b": 1}).loc["b", "ratio"] == 0


def test_representation_refuses_bad_populations(people):
    with pytest.raises(ValueError, match="population: no size for Black"):
        chapter.representation(people["colour"], {"White": 1})
    with pytest.raises(ValueError, match="sizes must be positive"):
        chapter.representation(people["colour"], {"White": 1, "Black": 0})


def test_overrepresentation_vanishes_against_the_arrests_themselves(people, black):
    def beyond(population):
        expected = chapter.representation(people["colour"], population).loc["Black", "in the population"]
        ratio = chapter.people_interval(lambda n: n @ black / n.sum() / expected, len(people), 200)
        return ratio.above(1.5)

    assert beyond(CITY)
    assert not beyond(people["colour"].value_counts().to_dict())


@pytest.mark.parity
def test_strata_equal_a_regression(record_property, people, black, released):
    stratum = chapter.strata(people, LADDER["+ employed, citizen"])
    design = np.column_stack([black, pd.get_dummies(stratum)]).astype(float)
    difference = abs(chapter.stratified_difference(released, black, stratum) - sm.OLS(released, design).fit().params[0])
    record_property(
        "parity",
        entry("difference among people alike (OLS with strata)", "statsmodels", statsmodels, 1e-9, difference),
    )
    assert difference < 1e-9


def test_without_strata_it_is_the_raw_difference(people, black, released):
    raw = released[black].mean() - released[~black].mean()
    none = chapter.strata(people, ())
    assert chapter.stratified_difference(released, black, none) == pytest.approx(raw)
    twice = chapter.stratified_difference(released, black, none, np.full(len(black), 2.0))
    assert twice == pytest.approx(raw)


def test_counts_are_copies(people, black, released):
    stratum = chapter.strata(people, ["checks"])
    rows = np.random.default_rng(0).integers(len(people), size=len(people))
    counts = np.bincount(rows, minlength=len(people)).astype(float)
    copied = chapter.stratified_difference(released[rows], black[rows], stratum[rows])
    assert chapter.stratified_difference(released, black, stratum, counts) == pytest.approx(copied)


def test_strata_without_both_groups_are_left_out():
    y, group = np.array([1.0, 0.0, 1.0]), np.array([True, False, True])
    assert chapter.stratified_difference(y, group, np.array([0, 0, 1])) == 1.0
    with pytest.raises(ValueError, match="no stratum has rows of both groups"):
        chapter.stratified_difference(y, group, np.array([0, 1, 2]))
    with pytest.raises(ValueError, match="group: expected True"):
        chapter.stratified_difference(y, np.array([1, 0, 1]), np.array([0, 0, 0]))


def test_compared_counts_those_with_a_counterpart(people, black):
    group, stratum = np.array([True, False, True, False]), np.array([0, 0, 1, 2])
    assert chapter.compared(group, stratum) == (1, 1)
    assert chapter.compared(black, chapter.strata(people, ())) == (black.sum(), (~black).sum())


def test_a_gap_is_a_value_of_its_own():
    frame = pd.DataFrame({"x": [1.0, None, 1.0, None]})
    assert chapter.strata(frame, ["x"]).tolist() == [0, 1, 0, 1]


def labels_hold(people, black, released):
    banded = with_bands(people)
    alike, none = chapter.strata(banded, LADDER["+ year"]), chapter.strata(people, ())
    exact = chapter.strata(banded, LADDER["+ exact age"])

    def gap(stratum):
        return lambda n: chapter.stratified_difference(released, black, stratum, n)

    left = chapter.people_interval(gap(alike), len(people), 200)
    explained = chapter.people_interval(lambda n: gap(none)(n) - gap(alike)(n), len(people), 200)
    closest = chapter.people_interval(gap(exact), len(people), 200)
    return left.below(0) and closest.below(0), explained.below(0)


def test_label_disparity_needs_the_real_groups(people, black, released):
    assert labels_hold(people, black, released) == (True, True)
    mixed = np.random.default_rng(0).permutation(black)
    assert labels_hold(people, mixed, released) == (False, False)


@pytest.mark.parity
def test_people_interval_is_a_percentile_bootstrap(record_property, released):
    ours = chapter.people_interval(lambda n: n @ released / n.sum(), len(released), 2000)
    theirs = bootstrap((released,), np.mean, n_resamples=2000, method="percentile", rng=0, batch=100)
    low, high = theirs.confidence_interval
    difference = max(abs(ours.low - low), abs(ours.high - high))
    record_property(
        "parity", entry("percentile bootstrap over people", "SciPy", scipy, 1e-3, difference, "distribution")
    )
    assert difference < 1e-3 and ours.n == len(released)


@pytest.mark.parity
def test_weights_equal_three_balanced_weights(record_property, black, released):
    pairs = 2 * black + released
    balanced = [compute_sample_weight("balanced", values) for values in (pairs, black, released)]
    expected = balanced[0] / (balanced[1] * balanced[2])
    difference = np.abs(chapter.reweighing(black, released) - expected).max()
    record_property("parity", entry("reweighing", "scikit-learn", sklearn, 1e-9, difference))
    assert difference < 1e-9


tables = st.lists(st.integers(1, 9), min_size=4, max_size=4)


@settings(max_examples=50, deadline=None)
@given(tables)
def test_weighted_groups_and_labels_are_independent(counts):
    group, y = np.repeat([0, 0, 1, 1], counts), np.repeat([0, 1, 0, 1], counts)
    weights = chapter.reweighing(group, y)
    rates = [np.average(y[group == g], weights=weights[group == g]) for g in (0, 1)]
    assert rates[0] == pytest.approx(rates[1]) == pytest.approx(y.mean())
    assert weights.sum() == pytest.approx(len(y))
    assert np.allclose(chapter.reweighing(group, y, 0), 1)


@settings(max_examples=50, deadline=None)
@given(tables, st.integers(0, 99))
def test_resampled_counts_fit_the_weights(counts, seed):
    group, y = np.repeat([0, 0, 1, 1], counts), np.repeat([0, 1, 0, 1], counts)
    rows = chapter.resampling(group, y, np.random.default_rng(seed))
    weights = chapter.reweighing(group, y)
    for g in (0, 1):
        for label in (0, 1):
            cell = (group == g) & (y == label)
            drawn = np.sum(cell[rows])
            assert abs(drawn - weights[cell].sum()) < 0.5 + 1e-9
            copies = np.bincount(rows, minlength=len(y))[cell]
            assert copies.max() - copies.min() <= 1


def test_weights_refuse_empty_cells():
    for method in (chapter.reweighing, lambda g, y: chapter.resampling(g, y, np.random.default_rng(0))):
        with pytest.raises(ValueError, match="no row has group 1 and label 1"):
            method(np.array([0, 0, 1]), np.array([0, 1, 0]))
    with pytest.raises(ValueError, match="strength -1"):
        chapter.reweighing(np.array([0, 1]), np.array([0, 1]), -1)


class Given:
    """A model whose predictions are known beforehand."""

    def __init__(self, decision):
        self.decision = decision

    def predict(self, X):
        return self.decision


@pytest.mark.parity
def test_disparity_equals_scikit_lego(record_property, black, released):
    decision = np.random.default_rng(0).random(len(black)) < np.where(black, 0.6, 0.8)
    X = pd.DataFrame({"black": black.astype(int)})
    found = chapter.disparity(decision, released, black)
    model, worst = Given(decision.astype(int)), 0.0
    for score, gap, among in (
        (p_percent_score("black"), found.parity, released >= 0),
        (equal_opportunity_score("black"), found.opportunity, released == 1),
    ):
        white = decision[among & ~black].mean()
        worst = max(worst, abs((white + gap) / white - score(model, X, released)))
    record_property("parity", entry("statistical parity, equal opportunity", "scikit-lego", sklego, 1e-12, worst))
    assert worst < 1e-12


def test_disparity_of_equal_decisions_is_zero():
    y, group = np.array([0, 1, 0, 1]), np.array([True, True, False, False])
    assert chapter.disparity(y == 1, y, group) == chapter.Disparity(0.0, 0.0, 0.0)
    with pytest.raises(ValueError, match="opportunity: one of the groups has nobody"):
        chapter.disparity(y == 1, np.array([0, 0, 0, 1]), group)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("ab")), min_size=1, max_size=12))
def test_group_sizes_count_equal_rows(rows):
    frame = pd.DataFrame(rows, columns=["x", "word"])
    assert chapter.group_sizes(frame, ["x", "word"]).tolist() == [rows.count(row) for row in rows]


def test_group_sizes_refuse_unknown_columns(people):
    for columns in ([], ["name"]):
        with pytest.raises(ValueError, match="expected one or more of colour"):
            chapter.group_sizes(people, columns)
