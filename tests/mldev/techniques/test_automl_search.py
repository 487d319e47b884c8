"""Halving, clock, proposer and ensemble: mechanisms, parity, and what breaks their claims."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from mldev.experiments import interval
from mldev.techniques import automl_ladder
from mldev.techniques.automl_ensemble import greedy_selection
from mldev.techniques.automl_evaluation import (
    Rung,
    Task,
    log_loss,
    mae,
    make_folds,
    make_rungs,
    predict_one,
    r2,
    roc_auc,
    train_one,
)
from mldev.techniques.automl_ladder import STUDIES, halving_gain, replay
from mldev.techniques.automl_search import Clock, Proposer, Trial, halving_search, promotable
from mldev.techniques.automl_space import FAMILIES, Candidate, Choice, Range, Situation, draw, vary


def search(scores, seconds=None, num_trials=None, price=1.0, clock_kind=Clock, eta=3):
    """A search over scores by candidate and rung, on a clock that the evaluations move."""
    now, log = [0.0], []

    def evaluate(trial, rung, left):
        spent = min(price, left)
        now[0] += spent
        trial.seconds.append(spent)
        log.append((trial.candidate, rung))
        if spent < price:
            trial.status = "too slow"
        else:
            trial.scores.append(scores[trial.candidate][rung])

    clock = clock_kind(seconds, now=lambda: now[0])
    num_trials = num_trials or len(scores)
    trials = halving_search(len, evaluate, (1, 5), clock, num_trials, eta)
    return trials, log, now[0]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30, unique=True))
def test_whoever_is_in_the_best_third_at_the_end_has_been_promoted(values):
    trials, log, _ = search([(value, value) for value in values])
    kept = sorted(values, reverse=True)[: max(1, len(values) // 3)]
    promoted = {trial.scores[0] for trial in trials if trial.rung == 1}
    assert set(kept) <= promoted
    assert len(log) == len(set(log)) == len(trials) + len(promoted)


def test_best_first_arrivals_promote_exactly_one_in_three():
    trials, log, _ = search([(1 - i / 100, 0) for i in range(21)])
    assert sum(trial.rung == 1 for trial in trials) == 7


def test_no_evaluation_starts_after_the_time_and_the_last_one_is_cut():
    scores = [(0.1, 0.1)] * 100
    trials, _, spent = search(scores, seconds=10.5)
    assert spent == 10.5
    assert [t.status for t in trials if t.status != "ok"] == ["too slow"]


def test_mutation_a_clock_that_is_not_read_breaks_the_budget():
    class Blind(Clock):
        def left(self):
            return 1e9

    scores = [(0.1, 0.1)] * 100
    kept = search(scores, seconds=20.0)[2] / 20.0
    broken = search(scores, seconds=20.0, clock_kind=Blind)[2] / 20.0
    assert 0.9 <= kept <= 1.1
    assert not 0.9 <= broken <= 1.1


def test_a_promotion_that_cannot_end_in_time_is_not_begun():
    trials = [Trial(i, scores=[s], seconds=[2.0]) for i, s in enumerate((0.9, 0.5, 0.1))]
    assert promotable(trials, (1, 5), 3, seconds=11.0) is trials[0]
    assert promotable(trials, (1, 5), 3, seconds=9.0) is None


def test_a_failed_trial_is_never_promoted():
    trials = [Trial(i, scores=[s], seconds=[0.0]) for i, s in enumerate((0.9, 0.5, 0.1))]
    trials[0].status = "too slow"
    assert promotable(trials, (1, 5), 3, seconds=9.0) is None
    assert promotable(trials, (1, 5), 3, seconds=9.0, last_call=True) is trials[1]


def test_the_clock_counts_down_and_without_a_budget_never_ends():
    now = [5.0]
    clock = Clock(3.0, now=lambda: now[0])
    now[0] = 7.0
    assert (clock.spent(), clock.left()) == (2.0, 1.0)
    assert Clock(None).left() == np.inf


def test_a_ladder_begins_lower_where_there_are_more_rows():
    assert make_rungs(500, 5) == (Rung(1, 1.0), Rung(5, 1.0))
    many = make_rungs(100_000, 5)
    assert [rung.num_folds for rung in many] == [1, 1, 5]
    assert many[0].share == pytest.approx(1 / 3)


def steep_ladder(num=100):
    """Candidates that differ much, whose first fold tells nearly everything, at a fifth of the price."""
    rng = np.random.default_rng(0)
    good = rng.permutation(num) / num
    return pd.DataFrame({"score_0": good, "seconds_0": 1.0, "score_1": good, "seconds_1": 5.0})


def test_halving_gains_where_one_fold_tells_all_and_not_when_promotion_is_blind(monkeypatch):
    ladder = steep_ladder()
    assert halving_gain(ladder, 0.1, num_draws=30, num_orders=12).above(0)
    honest = automl_ladder.halving_search

    def blind(propose, evaluate, costs, clock, num_trials, eta):
        if eta == 1:
            return honest(propose, evaluate, costs, clock, num_trials, eta)
        order = np.random.default_rng(0).random(1000)

        def shuffled(trial, rung, left):
            evaluate(trial, rung, left)
            if rung == 0 and trial.scores:
                trial.scores[0] = order[trial.candidate]

        return honest(propose, shuffled, costs, clock, num_trials, eta)

    monkeypatch.setattr(automl_ladder, "halving_search", blind)
    assert not halving_gain(ladder, 0.1, num_draws=30, num_orders=12).above(0)


def test_the_kept_ladder_does_not_decide_and_orders_alone_would_seem_to():
    ladder = STUDIES["ladder"].rows().query("table == 'arrests'")
    gain = halving_gain(ladder, 0.25, num_draws=60)
    assert not gain.above(0) and gain.below(0.005)
    seconds = 0.25 * ladder["seconds_1"].sum()
    orders = [replay(ladder, seconds, seed, 3) - replay(ladder, seconds, seed, 1) for seed in range(60)]
    assert interval(orders).above(0)  # the interval of the orders, with the candidates fixed


def test_a_replay_with_all_the_time_finds_the_best():
    ladder = STUDIES["ladder"].rows().query("table == 'diabetes'")
    assert replay(ladder, 1e9, seed=0, eta=1) == ladder["score_1"].max()


def test_the_defaults_come_first_then_families_in_their_ranges():
    rng = np.random.default_rng(0)
    proposer = Proposer(list(FAMILIES.values()), rng)
    trials = []
    for _ in range(40):
        trials.append(Trial(proposer(trials), scores=[rng.random()], seconds=[1.0]))
    first = [trial.candidate for trial in trials[: len(FAMILIES)]]
    assert [one.params for one in first] == [f.default for f in FAMILIES.values()]
    for trial in trials:
        for name, axis in trial.candidate.family.space.items():
            assert -1e-9 <= axis.place(trial.candidate.params[name]) <= 1 + 1e-9


def test_a_frugal_proposer_draws_cheap_families_more_often():
    families = [FAMILIES["linear"], FAMILIES["network"]]

    def share_of_cheap(frugal):
        rng = np.random.default_rng(0)
        proposer = Proposer(families, rng, frugal=frugal)
        trials = [
            Trial(Candidate(family, family.default), scores=[0.5], seconds=[cost])
            for family, cost in zip(families, (1.0, 16.0), strict=True)
        ]
        drawn = [proposer(trials).family.name for _ in range(400)]
        return drawn.count("linear") / 400

    assert abs(share_of_cheap(False) - 0.5) < 0.08
    assert abs(share_of_cheap(True) - 0.8) < 0.08


@given(st.floats(0, 1))
def test_a_range_and_its_place_are_inverse(u):
    for axis in (Range(1e-3, 10), Range(2, 5, log=False)):
        assert axis.place(axis.at(u)) == pytest.approx(u, abs=1e-9)
    assert Choice(("a", "b", "c")).at(Choice(("a", "b", "c")).place("b")) == "b"


def test_a_neighbour_is_nearer_than_a_draw():
    rng = np.random.default_rng(0)
    start = Candidate(FAMILIES["linear"], FAMILIES["linear"].default)
    axis = FAMILIES["linear"].space["C"]

    def distance(other):
        return abs(axis.place(other.params["C"]) - axis.place(start.params["C"]))

    near = np.mean([distance(vary(start, rng, 0.1)) for _ in range(50)])
    far = np.mean([distance(draw(FAMILIES["linear"], rng)) for _ in range(50)])
    assert near < far / 2


@pytest.mark.parametrize("classification", [True, False])
@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_builds_and_predicts_at_both_ends_of_its_space(name, classification):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 4))
    X[:, 3] = rng.integers(0, 3, 60)
    y = rng.integers(0, 3, 60) if classification else rng.normal(size=60)
    words = np.array([False, False, False, True])
    family = FAMILIES[name]
    for u in (0.0, 1.0):
        params = {key: axis.at(u) for key, axis in family.space.items()}
        params |= {key: min(params[key], 30) for key in ("trees", "epochs") if key in params}
        model = family.build(params, Situation(classification, words, 60, 0)).fit(X, y)
        predicted = predict_one(model, X, 3 if classification else 0)
        assert np.isfinite(predicted).all()
        assert predicted.shape == ((60, 3) if classification else (60,))


def voters(seed=0, num_rows=300, num_models=6):
    """Probabilities of models whose errors differ."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 2, num_rows)
    signal = np.where(y == 1, 1.0, -1.0)
    predictions = []
    for _ in range(num_models):
        p = 1 / (1 + np.exp(-(signal + rng.normal(0, 1.5, num_rows))))
        predictions.append(np.column_stack([1 - p, p]))
    return predictions, y


@pytest.mark.parity
def test_greedy_weights_approach_the_best_average(record_property):
    predictions, y = voters()
    weights = greedy_selection(predictions, y, log_loss, num_rounds=400)

    def loss(w):
        return -log_loss(y, np.einsum("m,mrc->rc", w, predictions))

    start = np.full(len(predictions), 1 / len(predictions))
    best = minimize(
        loss,
        start,
        method="SLSQP",
        bounds=[(0, 1)] * len(start),
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
    )
    difference = abs(loss(weights) - best.fun)
    assert difference < 1e-4
    seen = {
        "algorithm": "greedy ensemble selection, 400 rounds (log loss of the average)",
        "library": "SciPy (SLSQP)",
        "version": scipy.__version__,
        "tolerance": 1e-4,
        "difference": float(difference),
        "kind": "numbers",
    }
    record_property("parity", seen)


def test_selection_beats_the_best_single_model_and_the_single_model_does_not():
    gains, mutated = [], []
    for seed in range(10):
        predictions, y = voters(seed, num_rows=600)
        half = slice(0, 300), slice(300, 600)
        seen = [p[half[0]] for p in predictions]
        best = max(range(len(seen)), key=lambda m: log_loss(y[half[0]], seen[m]))
        for rounds, into in ((25, gains), (1, mutated)):
            weights = greedy_selection(seen, y[half[0]], log_loss, rounds)
            joined = np.einsum("m,mrc->rc", weights, [p[half[1]] for p in predictions])
            into.append(log_loss(y[half[1]], joined) - log_loss(y[half[1]], predictions[best][half[1]]))
    assert min(gains) > 0
    assert not max(mutated) > 0


def test_selection_stops_when_told_and_its_weights_sum_to_one():
    predictions, y = voters()
    rounds = iter([True, False])
    weights = greedy_selection(predictions, y, log_loss, go_on=lambda: next(rounds))
    assert weights.sum() == pytest.approx(1)
    assert np.count_nonzero(weights) <= 2


@given(st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_the_area_equals_scikit_learns(seed):
    rng = np.random.default_rng(seed)
    y = np.r_[0, 1, rng.integers(0, 2, 30)]
    p = rng.integers(0, 5, 32) / 5
    assert roc_auc(y, np.column_stack([1 - p, p])) == pytest.approx(roc_auc_score(y, p))


def test_metrics_of_degenerate_targets():
    assert r2(np.ones(3), np.zeros(3)) == 0
    assert mae(np.ones(2), np.zeros(2)) == -1
    assert roc_auc(np.ones(3, dtype=int), np.ones((3, 2))) == 0.5


@pytest.mark.parity
def test_cross_validated_predictions_equal_scikit_learns(record_property):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 4)), rng.integers(0, 3, 90)
    folds = make_folds(y, 5, classes=True, seed=0)
    task = Task(X, y, folds, make_rungs(90, 5), 3, np.zeros(4, dtype=bool), "log_loss")
    one = Candidate(FAMILIES["linear"], {"C": 0.5}, 0)
    ours = np.zeros((90, 3))
    for fold in range(5):
        train, valid = task.rows(fold)
        ours[valid] = predict_one(train_one(task, one, train), X[valid], 3)
    model = one.family.build(one.params, Situation(True, task.categorical, 72, 0))
    theirs = cross_val_predict(model, X, y, cv=PredefinedSplit(folds), method="predict_proba")
    difference = np.abs(ours - theirs).max()
    assert difference < 1e-12
    seen = {
        "algorithm": "cross-validated predictions of a candidate",
        "library": "scikit-learn (cross_val_predict)",
        "version": sklearn.__version__,
        "tolerance": 1e-12,
        "difference": float(difference),
        "kind": "numbers",
    }
    record_property("parity", seen)


def test_a_model_that_missed_a_class_gives_it_no_probability():
    model = SimpleNamespace(classes_=np.array([0, 2]), predict_proba=lambda X: np.full((len(X), 2), 0.5))
    assert predict_one(model, np.zeros((2, 1)), 3).tolist() == [[0.5, 0, 0.5]] * 2
