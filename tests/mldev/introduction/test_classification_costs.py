"""Base rates, thresholds and costs: what the runs must satisfy, and each claim with its baseline in its place."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from mldev.experiments import interval, paired_difference, repeat
from mldev.introduction import classification_costs as chapter
from mldev.introduction.classification import (
    auc,
    confusion_matrix,
    corrected_interval,
    cost_per_case,
    cost_threshold,
    recall,
)

SEEDS = 8
FIVE, MANY, STAMP, LINEAR = "5 neighbours", "45 neighbours", "always 'stays'", "logistic regression"
BASE_RATES = (0.5, 0.2, 0.1, 0.01)
RATIOS = (1 / 50, 1 / 20, 1 / 5, 1, 5, 20, 50)


@pytest.fixture(scope="module")
def rare():
    return pd.DataFrame(sum(repeat(chapter.rare_run, SEEDS), []))


@pytest.fixture(scope="module")
def rates():
    return pd.DataFrame(sum(repeat(chapter.base_rate_run, 20, base_rates=BASE_RATES), []))


@pytest.fixture(scope="module")
def costs():
    return pd.DataFrame(sum(repeat(chapter.cost_run, 30, ratios=(1 / 5, 1, 20)), []))


@pytest.fixture(scope="module")
def fresh():
    run = partial(chapter.cost_run, ratios=(1 / 5, 1, 20), parts=chapter.customer_parts)
    return pd.DataFrame(sum(repeat(run, 30), []))


def over(table, metric, first, second):
    return paired_difference(*(chapter.column(table, metric, model=m) for m in (first, second)))


def test_nine_stay_for_each_who_leaves():
    for seed in range(3):
        parts = chapter.nine_to_one(seed)
        assert [round(float(y.mean()), 2) for y in parts[2:]] == [0.1, 0.1]


@pytest.mark.parametrize("base_rate", [0.01, 0.1, 0.5, 0.9])
def test_thinning_gives_the_base_rate_and_keeps_what_it_can(base_rate):
    y = np.random.default_rng(0).permutation(np.r_[np.zeros(800, int), np.ones(200, int)])
    rows = chapter.thin(y, base_rate)
    assert y[rows].mean() == pytest.approx(base_rate, abs=0.002)
    assert len(set(rows)) == len(rows)
    counts = np.bincount(y[rows])
    assert counts[0] > 790 or counts[1] == 200


def test_the_stamp_is_right_about_everyone_who_stays(rare):
    stamp = rare[rare["model"] == STAMP]
    assert np.allclose(stamp["accuracy"], 0.9, atol=0.002)
    assert (stamp[["recall", "precision"]] == 0).all().all() and (stamp["AUC"] == 0.5).all()


def test_accuracy_hides_who_knows(rare):
    """With the two votes swapped, or logistic regression for the worse of them, each part of the claim fails."""
    assert over(rare, "accuracy", FIVE, STAMP).below(0)
    assert not over(rare, "accuracy", LINEAR, STAMP).below(0)
    assert interval(chapter.column(rare, "recall", model=MANY)).below(0.02)
    assert not interval(chapter.column(rare, "recall", model=FIVE)).below(0.02)
    assert over(rare, "AUC", MANY, FIVE).above(0) and not over(rare, "AUC", FIVE, MANY).above(0)


def test_the_stamp_calls_better(rare):
    assert over(rare, "found by calls", MANY, FIVE).above(0)
    assert not over(rare, "found by calls", FIVE, MANY).above(0)
    assert not over(rare, "found by calls", STAMP, FIVE).above(0)


def test_a_ranking_retold_keeps_its_order_and_takes_the_other_values():
    scores, values = np.array([0.2, 0.9, 0.5, 0.5]), np.array([1.0, 0.0, 0.0, 1.0])
    told = chapter.retold(scores, values, seed=0)
    assert sorted(told) == sorted(values) and told[0] == 0 and told[1] == 1
    orders = {tuple(chapter.retold(scores, np.arange(4.0), seed)) for seed in range(20)}
    assert orders == {(0, 3, 1, 2), (0, 3, 2, 1)}, "ties fall both ways"


def test_five_votes_are_a_noisy_guess(rare):
    """Told in six values the better ranking stays ahead; the ranking of 5 neighbours itself does not."""

    def gain(name):
        coarse, plain = (chapter.column(rare, m, model=n) for m, n in (("coarse AUC", name), ("AUC", FIVE)))
        return paired_difference(coarse, plain)

    assert gain(MANY).above(0)
    assert not gain(FIVE).above(0) and not gain(STAMP).above(0)
    fine = (chapter.column(rare, m, model=MANY) for m in ("AUC", "coarse AUC"))
    assert paired_difference(*fine).above(0)


def test_a_roc_curve_of_the_table_starts_and_ends_at_its_corners(rare):
    for curve in rare["curve"]:
        assert len(curve) == len(chapter.GRID) and curve[-1] == 1 and (np.diff(curve) >= 0).all()


def test_the_same_accuracy_has_another_worth(rates):
    def at(metric, base_rate):
        return chapter.column(rates, metric, base_rate=base_rate)

    def lost(metric, to):
        return paired_difference(at(metric, 0.5), at(metric, to))

    for metric in ("accuracy", "AUC"):
        assert lost(metric, 0.01).above(-0.04) and lost(metric, 0.01).below(0.04)
    assert lost("precision", 0.01).above(0.5) and not lost("precision", 0.5).above(0.5)
    worth = {p: paired_difference(at("accuracy", p), at(STAMP, p)) for p in (0.5, 0.2)}
    assert worth[0.5].above(0) and worth[0.2].below(0)


def test_precision_follows_the_base_rate_and_nothing_else(rates):
    """Foretold for another base rate, or from the recall of another model, it is missed."""

    def at(metric, base_rate):
        return chapter.column(rates, metric, base_rate=base_rate)

    def foretold(to, assumed=None, lost=0.0):
        b = to if assumed is None else assumed
        found = at("recall", 0.5) - lost
        cleared = 2 * at("accuracy", 0.5) - at("recall", 0.5)
        off = interval(at("precision", to) - found * b / (found * b + (1 - cleared) * (1 - b)))
        return off.above(-0.01) and off.below(0.01)

    others = (0.2, 0.1, 0.01)
    assert all(foretold(b) for b in others)
    assert not any(foretold(b, assumed=0.5) for b in others)
    assert not foretold(0.2, lost=0.2) and not foretold(0.1, lost=0.2)


def test_the_balanced_threshold_balances():
    rng = np.random.default_rng(0)
    y = (rng.random(2000) < 0.2).astype(int)
    scores = rng.normal(y, 1)
    cut = chapter.balanced_threshold(y, scores)
    assert np.mean(scores[y == 1] >= cut) == pytest.approx(np.mean(scores[y == 0] < cut), abs=0.01)


def test_the_parts_of_the_tumours_are_apart():
    parts = chapter.tumour_parts(0)
    assert [len(part) for part in parts] == [229, 170, 170] * 2
    rows = np.concatenate(parts[:3])
    assert len(np.unique(rows, axis=0)) == len(np.unique(chapter.tumours()[0], axis=0))


def test_the_parts_of_a_company_are_cut_in_order():
    parts = chapter.customer_parts(3)
    assert [len(part) for part in parts] == [230, 170, 4000] * 2
    X, y = chapter.customers(3, 4400)
    assert np.array_equal(np.concatenate(parts[:3]), X) and np.array_equal(np.concatenate(parts[3:]), y)
    assert not np.array_equal(parts[0], chapter.customer_parts(4)[0])


def dearer(table, first, second, ratio):
    one, two = (chapter.column(table, "cost", way=w, ratio=ratio) for w in (first, second))
    return one - two


def test_neither_metric_is_the_metric_of_medicine(costs):
    """Swap one metric for the other, or exchange the prices, and the claim fails."""

    def fair(first, second, ratio):
        return corrected_interval(dearer(costs, first, second, ratio), num_train=229, num_test=170)

    assert fair("F0.5", "F2", 20).above(0) and fair("F2", "F0.5", 1 / 5).above(0)
    assert not fair("F2", "F0.5", 20).above(0) and not fair("F0.5", "F2", 1 / 5).above(0)


def test_costs_beat_every_metric_and_one_half_beats_none(fresh):
    def dear(way, other, ratio):
        return interval(dearer(fresh, way, other, ratio))

    ways = ("F2", "F0.5", "F1", "one half")
    prices = (20, 1 / 5)
    assert all(dear(way, "formula", r).above(0) for way in ways for r in prices)
    assert not all(dear(way, "one half", r).above(0) for way in ways[:3] for r in prices)
    assert not dear("one half", "formula", 1).above(0), "at equal prices the formula is one half"


def test_the_same_tumours_do_not_separate_the_nearer_rivals(costs):
    """What the page says of the splits: by the correction two metrics are not dearer than the formula."""
    for way, ratio in (("F2", 20), ("F0.5", 1 / 5)):
        difference = dearer(costs, way, "formula", ratio)
        assert interval(difference).above(0)
        assert not corrected_interval(difference, num_train=229, num_test=170).above(0)


def test_search_needs_rows_and_the_formula_needs_honest_probabilities():
    """The claim that the formula beats the search fails when the probabilities are distorted."""

    def extra(class_weight, num_seeds):
        run = partial(chapter.cost_run, ratios=RATIOS, class_weight=class_weight, parts=chapter.customer_parts)
        means = pd.DataFrame(sum(repeat(run, num_seeds), [])).groupby(["seed", "way"])["cost"].mean().unstack()
        return paired_difference(means["search"], means["formula"])

    assert extra(None, 30).above(0)
    assert extra({0: 1, 1: 4}, 10).below(0)


def test_balancing_moves_the_threshold_and_not_the_ranking():
    def run(seed, weight, miss=5):
        X_train, X_test, y_train, y_test = chapter.nine_to_one(seed)
        model = chapter.scaled(LogisticRegression(class_weight=weight)).fit(X_train, y_train)
        p = model.predict_proba(X_test)[:, 1]
        matrix = confusion_matrix(y_test, (p >= cost_threshold(miss, 1)).astype(int))
        return auc(y_test, p), cost_per_case(matrix, miss, 1)

    plain, balanced = (np.array([run(seed, w) for seed in range(SEEDS)]) for w in (None, "balanced"))
    area = paired_difference(balanced[:, 0], plain[:, 0])
    assert area.above(-0.01) and area.below(0.01)
    assert paired_difference(balanced[:, 1], plain[:, 1]).above(0)
    assert not paired_difference(plain[:, 1], plain[:, 1]).above(0)


def test_every_threshold_is_tried_once():
    y, scores = np.array([0, 1, 0, 1]), np.array([0.2, 0.9, 0.2, 0.5])
    thresholds, matrices = chapter.all_matrices(y, scores)
    assert thresholds.tolist() == [0.2, 0.5, 0.9, np.inf]
    assert [recall(matrix) for matrix in matrices] == [1, 1, 0.5, 0]


def test_the_search_is_the_cheapest_on_the_rows_that_it_saw():
    _, X_valid, _, y_train, y_valid, _ = chapter.tumour_parts(0)
    row = next(r for r in chapter.cost_run(0, ratios=(5,)) if r["way"] == "search")
    model = chapter.scaled(LogisticRegression()).fit(chapter.tumour_parts(0)[0], y_train)
    p = model.predict_proba(X_valid)[:, 1]

    def price(cut):
        return cost_per_case(confusion_matrix(y_valid, (p >= cut).astype(int)), 5 / 6, 1 / 6)

    assert price(row["threshold"]) == min(price(cut) for cut in np.r_[p, np.inf])


def test_a_column_wants_one_row_per_seed():
    table = pd.DataFrame({"seed": [1, 0], "base rate": [0.1, 0.1], "AUC": [0.8, 0.7]})
    assert chapter.column(table, "AUC", base_rate=0.1).tolist() == [0.7, 0.8]
    with pytest.raises(ValueError, match="one row per seed"):
        chapter.column(table, "AUC", base_rate=0.2)
    with pytest.raises(ValueError, match="one row per seed"):
        chapter.column(pd.concat([table, table]), "AUC", base_rate=0.1)
