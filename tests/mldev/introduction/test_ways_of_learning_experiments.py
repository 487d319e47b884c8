"""The runs of the chapter on ways of learning, and its claims: each fails when its method is swapped for a baseline."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans

from mldev.experiments import interval, paired_difference, ratio_interval, repeat
from mldev.introduction import ways_of_learning_experiments as chapter
from mldev.introduction.ways_of_learning import (
    epsilon_greedy,
    one_hot,
    propagate_labels,
    similarity,
    spread_labels,
    ucb1,
)
from mldev.introduction.ways_of_learning_pictures import probe_curve
from mldev.introduction.ways_of_learning_pretext import STUDIES

SEEDS = 6
SPREAD, COPIED, NAMED, LINEAR = "label spreading", "1 neighbour", "clusters, named", "logistic regression"
SIZES = (20, 40, 80, 160, 640)


@pytest.fixture(scope="module")
def runs():
    return pd.DataFrame(sum(repeat(chapter.label_run, SEEDS, sizes=SIZES), []))


def accuracy(runs, way, size):
    return chapter.curve(runs, way=way)[:, SIZES.index(size)]


def test_named_clusters_stop_learning_and_one_neighbour_does_not(runs):
    def stops(way):
        growth = paired_difference(accuracy(runs, way, 640), accuracy(runs, way, 160))
        return interval(accuracy(runs, way, 640)).below(0.85) and growth.below(0.02)

    assert stops(NAMED) and not stops(COPIED)


def test_spreading_saves_labels_and_copying_does_not(runs):
    def saves(way):
        needed = [chapter.labels_needed(chapter.curve(runs, way=w), SIZES, 0.85) for w in (way, COPIED)]
        return ratio_interval(*needed).below(0.75)

    assert saves(SPREAD) and not saves(COPIED)
    assert paired_difference(accuracy(runs, SPREAD, 640), accuracy(runs, COPIED, 640)).below(0.01)
    assert not paired_difference(accuracy(runs, SPREAD, 40), accuracy(runs, COPIED, 40)).below(0.01)


def test_clusters_choose_well_and_chance_does_not():
    table = pd.DataFrame(sum(repeat(chapter.chosen_run, SEEDS, sizes=(40,)), []))
    cluster, same, chance = (chapter.curve(table, way=w)[:, 0] for w in table["way"].unique())
    assert paired_difference(same, chance).above(0.05) and paired_difference(cluster, same).below(0.03)
    assert not paired_difference(chance, chance).above(0.05)


def test_ten_chosen_labels_exceed_what_ten_random_ones_allow():
    table = pd.DataFrame(sum(repeat(chapter.chosen_run, 20, sizes=(10,)), []))
    chosen, _, drawn = (chapter.curve(table, way=w)[:, 0] for w in table["way"].unique())
    ceiling = np.array([len(np.unique(chapter.split(s)[1][:10])) for s in range(20)]) / 10
    assert paired_difference(chosen, ceiling).above(0) and not paired_difference(drawn, ceiling).above(0)
    assert (drawn <= ceiling + 0.01).all()


def test_spreading_bets_on_likeness():
    table = pd.DataFrame(sum(repeat(chapter.question_run, SEEDS), []))
    digit, ink = (table[table["question"] == q] for q in table["question"].unique())

    def gain(part, over):
        return paired_difference(part[SPREAD], part[over])

    assert gain(digit, COPIED).above(0) and gain(ink, COPIED).below(0) and gain(ink, LINEAR).below(-0.05)
    assert not gain(digit, COPIED).below(0) and not gain(digit, LINEAR).below(-0.05)
    assert digit["neighbours agree"].min() > ink["neighbours agree"].max()


def test_self_training_harms_with_few_labels_and_not_with_many():
    def harm(size):
        taught = pd.DataFrame(repeat(chapter.self_training_run, 5, size=size))
        echo = paired_difference(taught["own labels right"], taught["alone"])
        worse = paired_difference(taught["self-trained"], taught["alone"]).below(0)
        first = taught["first labels right"]
        later = paired_difference(taught["own labels right"], first).below(0)
        assert interval(first).above(0.9)
        return worse, later, echo.below(0), taught["first digits"].mean()

    few, many = harm(40), harm(320)
    assert few[:3] == (True, True, True) and few[3] < 8
    assert many[2] is False and many[3] == 10


def test_the_first_round_of_a_model_taught_wrong_labels_is_not_right(monkeypatch):
    X, y, X_test, y_test = chapter.split(0)
    wrong = (X, np.where(np.arange(len(y)) < 40, (y + 1) % 10, y), X_test, y_test)
    monkeypatch.setattr(chapter, "split", lambda seed: wrong)
    assert chapter.self_training_run(0, size=40)["first labels right"] < 0.5


def test_moved_copies_help_one_neighbour_and_a_linear_model_cannot_hear_them():
    told = pd.DataFrame(sum(repeat(chapter.told_moves_run, SEEDS, sizes=(80,)), []))
    assert paired_difference(told["moved copies"], told["as they are"]).above(0.1)
    assert not paired_difference(told["as they are"], told["as they are"]).above(0.1)
    learned = probe_curve(STUDIES["pretexts"].rows(), "off centre", "moved")[:SEEDS, chapter.SIZES.index(80)]

    def holds(features):
        ahead, unheard = (paired_difference(*pair) for pair in (
            (told["moved copies"], features), (features, told["moved copies, linear"])
        ))  # fmt: skip
        return ahead.above(0.1), unheard.above(0.2)

    assert holds(learned) == (True, True)
    assert holds(told["moved copies, linear"]) == (True, False) and holds(told["moved copies"]) == (False, True)


def test_semi_supervised_is_cheapest_and_its_lead_shrinks(runs):
    def holds(way):
        cheap, usual = chapter.curve(runs, way=way), chapter.curve(runs, way=COPIED)
        prices = (
            ratio_interval(*(chapter.labels_needed(c, SIZES, target) for c in (cheap, usual))) for target in (0.7, 0.9)
        )
        lead = cheap - usual
        return all(p.below(1) for p in prices), paired_difference(lead[:, -1], lead[:, SIZES.index(40)]).below(0)

    assert holds(SPREAD) == (True, True) and holds(COPIED) == (False, False)


def test_the_guarantee_costs():
    policies = {"greedy": partial(epsilon_greedy, epsilon=0.0), "eps": epsilon_greedy, "UCB1": ucb1}
    lost = pd.DataFrame(repeat(chapter.readers_run, 20, policies=policies, num_rounds=600))
    assert paired_difference(lost["UCB1"], lost["eps"]).above(0)
    assert not paired_difference(lost["eps"], lost["UCB1"]).above(0)
    scatter = {name: interval(lost[name], statistic=np.std) for name in lost}
    assert scatter["greedy"].above(scatter["UCB1"].high) and not scatter["UCB1"].above(scatter["UCB1"].high)
    assert lost.min().min() >= 0


def final(way, **options):
    return chapter.curve(chapter.answer_table(way, num_seeds=SEEDS, **options))


def test_rewards_cost_more_than_labels_and_are_no_labels():
    told, drawn, best = (final(way) for way in ("told the label", "any answer", "LinUCB"))

    def price(curves):
        return ratio_interval(*(chapter.labels_needed(c, chapter.SIZES, 0.6) for c in (curves, told)))

    assert price(drawn).above(3) and price(best).above(3) and not price(told).above(3)
    tempted = chapter.answer_table("LinUCB", num_seeds=SEEDS, right_is_label=True)
    silent = tempted.query("size == 1200")["digits never named"]
    assert paired_difference(chapter.curve(tempted)[:, -1], best[:, -1]).below(-0.1)
    assert interval(silent).above(1)
    # where the answers are drawn, what is seen does not depend on what is believed
    assert not paired_difference(final("any answer", right_is_label=True)[:, -1], drawn[:, -1]).below(-0.1)


def test_spreading_beats_propagation_which_stands_still_for_its_self_likeness(runs):
    def holds(W_of, rule, rounds):
        def older(seed, num_rounds):
            X, y, X_test, _ = chapter.split(seed)
            F = rule(W_of(similarity(X, X)), one_hot(chapter.hidden(y, 80), 10), num_rounds=num_rounds)
            return (similarity(X_test, X) @ F).argmax(axis=1)

        early, late = (np.array(repeat(older, 5, num_rounds=n)) for n in rounds)
        right = late == [chapter.split(seed)[3] for seed in range(5)]
        ahead = paired_difference(accuracy(runs, SPREAD, 80)[:5], right.mean(axis=1))
        return ahead.above(0), bool((early == late).all())

    assert holds(lambda W: W, propagate_labels, (10, 100)) == (True, True)
    assert holds(lambda W: W, spread_labels, (9, 10))[0] is False
    # without the diagonal, the same rule moves on
    assert holds(lambda W: W - np.eye(len(W)), propagate_labels, (10, 20))[1] is False


def test_spreading_from_chosen_images_beats_random_ones(runs):
    def chosen(seed, at_random):
        X, y, X_test, y_test = chapter.split(seed)
        asked = KMeans(40, n_init=1, random_state=seed).fit(X).transform(X).argmin(axis=0)
        known = np.full(len(y), -1)
        rows = np.arange(40) if at_random else asked
        known[rows] = y[rows]
        (scores,) = chapter.spread_over(X, X_test, [known])
        return np.mean(scores.argmax(axis=1) == y_test)

    base = accuracy(runs, SPREAD, 40)
    assert paired_difference(repeat(chosen, SEEDS, at_random=False), base).above(0)
    assert repeat(chosen, SEEDS, at_random=True) == base.tolist()


def test_labels_needed_reads_the_curve():
    sizes, curves = (10, 20, 40), np.array([[0.5, 0.7, 0.9], [0.8, 0.8, 0.9], [0.1, 0.2, 0.3]])
    needed = chapter.labels_needed(curves, sizes, 0.8)
    assert needed[0] == pytest.approx(20 * 2**0.5) and needed[1] == 10 and np.isinf(needed[2])


def test_names_are_the_majority_and_unlabelled_clusters_take_the_commonest():
    clusters = np.array([0, 0, 0, 1, 1, 2])
    assert chapter.name_clusters(clusters, np.array([3, 3, 4, 7, -1, -1]), 3).tolist() == [3, 7, 3]


def test_the_other_question_has_its_answer():
    left = np.zeros((8, 8))
    left[:, 1] = 1
    assert chapter.more_left(np.stack([left.ravel(), left[:, ::-1].ravel()])).tolist() == [1, 0]


def test_runs_depend_on_the_seed_alone_and_test_images_stay_apart():
    first, again = (chapter.label_run(3, sizes=(20,)) for _ in range(2))
    assert first == again != chapter.label_run(4, sizes=(20,))
    X, _, X_test, _ = chapter.split(3)
    assert len(X) == 1200 and len(X_test) == 597
    assert chapter.answer_run(1, "epsilon-greedy") == chapter.answer_run(1, "epsilon-greedy")


def test_curve_wants_one_row_per_seed_and_size():
    table = pd.DataFrame({"seed": [0, 0], "size": [10, 10], "way": ["a", "b"], "accuracy": [0.1, 0.2]})
    assert chapter.curve(table, way="b").tolist() == [[0.2]]
    with pytest.raises(ValueError, match="one row per seed and size"):
        chapter.curve(table)
    with pytest.raises(ValueError, match="'c'"):
        chapter.curve(table, way="c")
