"""The runs of the chapter on kinds of data, and its claims: each fails when its method is swapped for the baseline."""

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy.stats import binom
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from mldev.experiments import interval, paired_difference, repeat
from mldev.introduction import data_experiments as chapter
from mldev.introduction.data import measured_accuracy, stratified_split

SEEDS = 5
MANY, VOTE, LINEAR = chapter.MODELS


@pytest.fixture(scope="module")
def runs():
    rows = repeat(chapter.label_run, 8, sizes=(200, 1000))
    return pd.DataFrame(sum(rows, []))


def accuracy(runs, model, size=1000, share=0.0, kind="at random"):
    return chapter.scores(runs, model=model, size=size, share=share, kind=kind)


@pytest.mark.parity
def test_the_vote_equals_scikit_learn(record_property):
    X, y = chapter.digits()
    train, test = stratified_split(y, (300, 300), np.random.default_rng(0))
    neighbours = chapter.nearest(X[train], X[test], 15)
    differ = 0
    for k in (1, 3, 15):
        theirs = KNeighborsClassifier(k).fit(X[train], y[train]).predict(X[test])
        differ += int(np.sum(chapter.vote(y[train][neighbours[:, :k]]) != theirs))
    record_property("parity", {
        "algorithm": "vote of the nearest neighbours: predicted classes that differ", "library": "scikit-learn",
        "version": sklearn.__version__, "tolerance": 0, "difference": differ, "kind": "numbers",
    })  # fmt: skip
    assert differ == 0


def test_the_earlier_stop_costs_no_accuracy():
    X, y = chapter.digits()
    differences = []
    for seed in range(SEEDS):
        train, test = stratified_split(y, (500, 597), np.random.default_rng(seed))
        full = LogisticRegression(max_iter=2000).fit(X[train], y[train]).score(X[test], y[test])
        ours = chapter.logistic_regression().fit(X[train], y[train]).score(X[test], y[test])
        differences.append(ours - full)
    assert abs(np.mean(differences)) < 0.01


def test_the_vote_survives_random_errors_and_one_neighbour_does_not(runs):
    """Swap the vote for its baseline, one neighbour, and the claim fails; so does it with look-alikes."""

    def survives(model, kind):
        lost = paired_difference(accuracy(runs, model), accuracy(runs, model, share=0.4, kind=kind))
        return lost.below(0.03)

    assert survives(VOTE, "at random")
    assert not survives(MANY, "at random")
    assert not survives(VOTE, "look-alikes")


def test_patterns_cost_more_for_the_vote_only(runs):
    def extra(model, kind):
        return paired_difference(accuracy(runs, model, share=0.4), accuracy(runs, model, share=0.4, kind=kind))

    assert extra(VOTE, "look-alikes").above(0.1) and extra(LINEAR, "look-alikes").above(0.1)
    assert not extra(VOTE, "at random").above(0.1)
    assert not extra(MANY, "look-alikes").above(0.1)


def test_the_two_offers(runs):
    def gain(model, kind):
        return paired_difference(accuracy(runs, model, share=0.4, kind=kind), accuracy(runs, model, size=200))

    assert gain(VOTE, "at random").above(0) and gain(VOTE, "look-alikes").below(0)
    assert gain(MANY, "at random").below(0)


def test_the_faulty_offer_wins_at_its_best_only_with_the_vote(runs):
    clean = {m: accuracy(runs, m, size=200) for m in chapter.MODELS}
    best = max(clean.values(), key=np.mean)

    def wins(model, kind):
        return paired_difference(accuracy(runs, model, share=0.4, kind=kind), best).above(0)

    assert not wins(MANY, "at random") and not wins(LINEAR, "at random") and not wins(VOTE, "look-alikes")
    assert paired_difference(accuracy(runs, VOTE, share=0.2), best).above(0)


def test_validation_chooses_and_training_cannot():
    tables = repeat(chapter.choose_run, SEEDS, counts=(1, 9, 15))
    best = {way: [t[way].idxmax() for t in tables] for way in ("training", "validation")}

    def gain(way):
        chosen = [t.loc[k, "test"] for t, k in zip(tables, best[way], strict=True)]
        return paired_difference(chosen, [t.loc[1, "test"] for t in tables])

    assert gain("validation").above(0)
    assert not gain("training").above(0)


def test_choosing_on_shares_of_zero_gives_no_injustice():
    """Without wrong labels the validation score and the test score agree: the claim is about the errors."""
    tables = repeat(chapter.choose_run, SEEDS, counts=(1, 9), share=0.0)
    gap = interval([t.loc[1, "test"] - t.loc[1, "validation"] for t in tables])
    assert not gap.above(0.01)


def test_dropping_rows_loses_to_filling_in_and_not_without_holes():
    gaps = chapter.missing_table(SEEDS, shares=(0, 0.1, 0.4))

    def gain(share, better="fill in means"):
        after = [chapter.scores(gaps, way=way, share=share) for way in (better, "drop rows")]
        return paired_difference(*after)

    assert gain(0.1).above(0)
    assert not gain(0).above(0) and not gain(0.1, better="drop rows").above(0)
    kept = gaps[(gaps["share"] == 0.1) & (gaps["way"] == "drop rows")]["rows"]
    assert kept.mean() == pytest.approx(400 * 0.9**30, abs=8)
    assert gaps[(gaps["share"] == 0.4) & (gaps["way"] == "drop rows")]["accuracy"].isna().all()


def test_few_columns_lose_more_from_holes_in_new_rows():
    four = ("worst radius", "worst texture", "worst smoothness", "worst concavity")

    def cost(columns, way):
        table = chapter.missing_table(SEEDS, columns=columns, shares=(0, 0.4))
        return chapter.scores(table, way=way, share=0) - chapter.scores(table, way=way, share=0.4)

    way = "new rows lack cells, too"
    assert paired_difference(cost(four, way), cost((), way)).above(0)
    assert not paired_difference(cost(four, "fill in means"), cost((), way)).above(0)


def test_shuffled_columns_insure_nothing_and_real_ones_do():
    four = ("worst radius", "worst texture", "worst smoothness", "worst concavity")

    def cost(**options):
        table = chapter.missing_table(12, shares=(0, 0.4), **options)
        way = "new rows lack cells, too"
        return chapter.scores(table, way=way, share=0) - chapter.scores(table, way=way, share=0.4)

    thirty = cost()
    assert paired_difference(cost(columns=four, shuffle_others=True), thirty).above(0)
    assert not paired_difference(cost(shuffle_others=True), thirty).above(0), "no column is left to shuffle"


def test_the_binomial_bounds_the_vote_and_holds_among_friends(runs):
    """The claim fails on images whose neighbours are all of the right class: there is nothing left to explain."""
    ideal = float(binom.cdf(7, 15, 0.4))
    friends = interval(repeat(chapter.unanimous_run, 20, share=0.4))
    assert interval(accuracy(runs, VOTE, share=0.4, kind="look-alikes")).below(ideal)
    assert not friends.below(ideal)
    assert friends.above(ideal - 0.03) and friends.below(ideal + 0.03)
    other = interval(repeat(chapter.unanimous_run, 20, share=0.2))
    assert not other.below(ideal + 0.03)


def test_correction_looks_like_harm_only_on_uncorrected_test_labels():
    def seems(share, on):
        habit = pd.DataFrame(repeat(chapter.habit_run, 20, share=share))
        return paired_difference(habit[f"{on}, corrected"], habit[f"{on}, given"])

    assert seems(0.8, "measured").below(0) and seems(0.8, "true").above(0)
    assert not seems(0.0, "measured").below(0)
    assert seems(0.3, "measured").above(0) and not seems(0.8, "measured").above(0)
    assert not seems(0.3, "measured").below(0), "a vote outvotes a habit that fewer than half of the labels follow"


def test_the_formula_holds_and_the_true_accuracy_does_not():
    dirty = pd.DataFrame(repeat(chapter.dirty_test_run, 10, share=0.1))

    def within(expected):
        off = interval(dirty["measured"] - expected)
        return off.above(-0.005) and off.below(0.005)

    assert within(measured_accuracy(dirty["true"], 0.1, 10))
    assert not within(dirty["true"])


def test_the_random_split_flatters_forecasts():
    errors = pd.DataFrame(repeat(chapter.forecast_run, SEEDS))
    assert paired_difference(errors["next"], errors["random"]).above(0)
    again = pd.DataFrame([chapter.forecast_run(seed) for seed in range(SEEDS)])
    assert not paired_difference(errors["random"], again["random"]).above(0)


def test_shuffled_pixels_change_nothing_and_pixels_shuffled_apart_do():
    X, _ = chapter.digits()
    rng = np.random.default_rng(0)
    shuffle = rng.permutation(64)
    plain = chapter.nearest(X[:300], X[300:500], 15)
    assert np.array_equal(plain, chapter.nearest(X[:300, shuffle], X[300:500, shuffle], 15))
    assert not np.array_equal(plain, chapter.nearest(X[:300, shuffle], X[300:500], 15))


def test_training_and_test_rows_are_apart_and_results_depend_on_the_seed_alone():
    first, again = (chapter.label_run(3, sizes=(50,)) for _ in range(2))
    assert first == again != chapter.label_run(4, sizes=(50,))
    _, y = chapter.digits()
    train, test = stratified_split(y, (1000, chapter.NUM_TEST), np.random.default_rng(3))
    assert not set(train) & set(test)


def test_scores_wants_one_row_per_seed():
    table = pd.DataFrame({"seed": [0, 0], "model": ["a", "b"], "accuracy": [0.1, 0.2]})
    assert chapter.scores(table, model="b").tolist() == [0.2]
    with pytest.raises(ValueError, match="one row per seed"):
        chapter.scores(table)
    with pytest.raises(ValueError, match="'c'"):
        chapter.scores(table, model="c")


def test_one_class_left_cannot_be_learned():
    X = np.random.default_rng(0).normal(size=(5, 2))
    assert np.isnan(chapter.accuracy(X, np.zeros(5), X, np.zeros(5)))
