"""Neighbours, metrics and intervals by hand: scikit-learn's numbers, ties included, what must hold, and bad input."""

import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as library
from sklearn.neighbors import KNeighborsClassifier
from sklearn.utils.estimator_checks import check_estimator

from mldev import datasets
from mldev.introduction import classification as chapter

LABELS = st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=60)


def parity(record_property, algorithm, tolerance, difference, kind="numbers"):
    record_property("parity", {
        "algorithm": algorithm, "library": "scikit-learn", "version": sklearn.__version__,
        "tolerance": tolerance, "difference": float(difference), "kind": kind,
    })  # fmt: skip


def coarse(seed, num_rows=150):
    """Points on a small grid of whole numbers: most of them have several neighbours at the same distance."""
    rng = np.random.default_rng(seed)
    X, X_new = (rng.integers(0, 6, (n, 2)).astype(float) for n in (num_rows, 60))
    return X, rng.integers(0, 3, num_rows), X_new


def ranks(X, X_new):
    """For each new row the rank of each row of X by distance, the earlier one first in a tie."""
    squared = ((X_new[:, None] - X) ** 2).sum(axis=-1)
    return squared.argsort(axis=1, kind="stable").argsort(axis=1).astype(float)


@pytest.mark.parity
def test_neighbours_equal_scikit_learn_on_digits(record_property):
    digits = datasets.load("digits")
    X, y, X_new = digits.X[:700], digits.y[:700], digits.X[700:900]
    differ = 0
    for k in (1, 2, 3, 4, 10, 15):  # even ones and small ones tie in the vote
        ours, theirs = (m.fit(X, y) for m in (chapter.Neighbours(k), KNeighborsClassifier(k)))
        differ += int(np.sum(ours.predict(X_new) != theirs.predict(X_new)))
        assert np.allclose(ours.predict_proba(X_new), theirs.predict_proba(X_new), rtol=0, atol=1e-12)
    parity(record_property, "k nearest neighbours on digits: answers that differ", 0, differ)
    assert differ == 0


@pytest.mark.parity
def test_neighbours_equal_scikit_learn_in_every_tie(record_property):
    """With tied distances, the library gets the same order of the rows, as precomputed distances."""
    differ, tied = 0, 0
    for seed in range(5):
        X, y, X_new = coarse(seed)
        inner, outer = ranks(X, X), ranks(X, X_new)
        for k in (1, 2, 3, 4, 7, 10, 50):
            theirs = KNeighborsClassifier(k, metric="precomputed").fit(inner, y)
            ours = chapter.Neighbours(k).fit(X, y)
            differ += int(np.sum(ours.predict(X_new) != theirs.predict(outer)))
            share = np.sort(ours.predict_proba(X_new), axis=1)
            tied += int(np.sum(share[:, -1] == share[:, -2]))
    assert tied > 100, "the test needs ties in the vote"
    parity(record_property, "k nearest neighbours with tied distances and votes: answers that differ", 0, differ)
    assert differ == 0


def test_the_library_s_own_searches_disagree_in_ties():
    X, y, X_new = coarse(0)
    brute, tree = (KNeighborsClassifier(1, algorithm=a).fit(X, y).predict(X_new) for a in ("brute", "kd_tree"))
    assert np.any(brute != tree)


@pytest.mark.parity
def test_neighbours_are_an_estimator(record_property):
    check_estimator(chapter.Neighbours(k=1))
    check_estimator(chapter.Neighbours())
    parity(record_property, "k nearest neighbours: check_estimator", 0, 0, "conformance")


def test_the_earlier_of_two_equally_near_rows_counts():
    X = np.array([[1.0], [-1.0], [5.0]])
    assert chapter.nearest_rows(X, np.array([[0.0]]), 1).tolist() == [[0]]
    assert chapter.nearest_rows(X[[1, 0, 2]], np.array([[0.0]]), 2).tolist() == [[0, 1]]


def test_words_are_classes_too():
    model = chapter.Neighbours(1).fit([[0.0], [1.0]], ["stays", "leaves"])
    assert model.predict([[0.1], [0.9]]).tolist() == ["stays", "leaves"]
    assert model.classes_.tolist() == ["leaves", "stays"]


@pytest.mark.parametrize("k", [0, 3])
def test_a_k_without_enough_rows_is_refused(k):
    with pytest.raises(ValueError, match=rf"k={k}: expected 1 to n_samples = 2"):
        chapter.Neighbours(k).fit([[0.0], [1.0]], [0, 1]).predict([[0.5]])


@pytest.mark.parity
def test_metrics_equal_scikit_learn(record_property):
    worst = 0.0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        y, answers = rng.integers(0, 2, (2, rng.integers(1, 40)))
        matrix = chapter.confusion_matrix(y, answers)
        worst = max(worst, np.abs(matrix - library.confusion_matrix(y, answers, labels=[0, 1])).max())
        pairs = [
            (chapter.accuracy(matrix), library.accuracy_score(y, answers)),
            (chapter.precision(matrix), library.precision_score(y, answers, zero_division=0)),
            (chapter.recall(matrix), library.recall_score(y, answers, zero_division=0)),
        ] + [
            (chapter.f_score(matrix, beta), library.fbeta_score(y, answers, beta=beta, zero_division=0))
            for beta in (0.5, 1, 2)
        ]
        worst = max(worst, *(abs(ours - theirs) for ours, theirs in pairs))
    parity(record_property, "confusion matrix, accuracy, precision, recall and F scores", 1e-12, worst)
    assert worst < 1e-12


@pytest.mark.parity
def test_metrics_of_many_classes_equal_scikit_learn(record_property):
    rng = np.random.default_rng(0)
    y, answers = rng.integers(0, 5, (2, 300))
    matrix = chapter.confusion_matrix(y, answers, num_classes=5)
    ours = np.array([[m(matrix, positive=c) for m in (chapter.precision, chapter.recall)] for c in range(5)])
    theirs = np.transpose(library.precision_recall_fscore_support(y, answers)[:2])
    worst = np.abs(ours - theirs).max()
    parity(record_property, "precision and recall of each of five classes", 1e-12, worst)
    assert worst < 1e-12
    assert np.array_equal(matrix, library.confusion_matrix(y, answers))


@pytest.mark.parity
def test_roc_and_auc_equal_scikit_learn(record_property):
    worst = 0.0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        y = np.r_[0, 1, rng.integers(0, 2, 40)]
        scores = rng.random(42) if seed % 2 else rng.integers(0, 6, 42) / 5  # odd seeds: no ties, even ones: many
        ours = chapter.roc_curve(y, scores)
        theirs = library.roc_curve(y, scores, drop_intermediate=False)
        worst = max(worst, *(np.abs(a[1:] - b[1:]).max() for a, b in zip(ours, theirs, strict=True)))
        assert all(a[0] == b[0] for a, b in zip(ours, theirs, strict=True))
        worst = max(worst, abs(chapter.auc(y, scores) - library.roc_auc_score(y, scores)))
    parity(record_property, "ROC curve and AUC, with tied scores", 1e-12, worst)
    assert worst < 1e-12


def test_the_auc_counts_pairs_and_not_values():
    y, scores = np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.4, 0.8])
    assert chapter.auc(y, scores) == (3 + 0.5) / 4
    assert chapter.auc(y, scores**3) == chapter.auc(y, scores)
    assert chapter.auc(y, -scores) == 1 - chapter.auc(y, scores)


@settings(max_examples=50, deadline=None)
@given(LABELS)
def test_f_lies_between_precision_and_recall(pairs):
    y, answers = np.array(pairs).T
    matrix = chapter.confusion_matrix(y, answers)
    ends = sorted((chapter.precision(matrix), chapter.recall(matrix)))
    if ends[0] > 0:
        assert ends[0] - 1e-12 <= chapter.f_score(matrix) <= ends[1] + 1e-12
        far = chapter.f_score(matrix, beta=1000)
        assert far == pytest.approx(chapter.recall(matrix), abs=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_at_the_threshold_both_actions_cost_the_same(miss, alarm):
    p = chapter.cost_threshold(miss, alarm)
    assert p * miss == pytest.approx((1 - p) * alarm)


def test_the_cost_counts_each_error_at_its_price():
    matrix = np.array([[50, 3], [2, 45]])
    assert chapter.cost_per_case(matrix, miss=10, alarm=1) == (2 * 10 + 3) / 100


@pytest.mark.parametrize("costs", [(0, 0), (-1, 2), (1, np.nan)])
def test_costs_that_are_none_are_refused(costs):
    with pytest.raises(ValueError, match="miss="):
        chapter.cost_threshold(*costs)


def test_the_corrected_interval_without_shared_rows_is_students():
    values = np.random.default_rng(0).normal(size=12)
    ours = chapter.corrected_interval(values, num_train=1, num_test=0)
    low, high = stats.t.interval(0.95, 11, loc=values.mean(), scale=stats.sem(values))
    assert (ours.low, ours.high) == pytest.approx((low, high))


def test_repeating_does_not_make_the_corrected_interval_vanish():
    values = np.random.default_rng(0).normal(size=20)
    once, often = (chapter.corrected_interval(np.tile(values, n), 4, 1) for n in (1, 500))
    naive = chapter.corrected_interval(np.tile(values, 500), 1, 0)
    assert (often.high - often.low) > 0.8 * (once.high - once.low)
    assert (naive.high - naive.low) < 0.1 * (often.high - often.low)


def test_the_corrected_interval_holds_the_truth_and_the_naive_one_does_not():
    """Scores that share a part, as folds of one data set do: the naive interval misses the truth far too often."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(400, 1)) * np.sqrt(0.2)  # n_test / (n_train + n_test) of the variance
    scores = shared + rng.normal(size=(400, 25)) * np.sqrt(0.8)
    covered = {
        ratio: np.mean([
            chapter.corrected_interval(row, 4, ratio).low < 0 < chapter.corrected_interval(row, 4, ratio).high
            for row in scores
        ])
        for ratio in (0, 1)
    }  # fmt: skip
    assert covered[1] > 0.92 and covered[0] < 0.7


def test_bad_input_names_itself():
    with pytest.raises(ValueError, match="predicted: expected the shape of y"):
        chapter.confusion_matrix(np.array([0, 1]), np.array([0]))
    with pytest.raises(ValueError, match="one class only"):
        chapter.auc(np.array([1, 1]), np.array([0.2, 0.3]))
    with pytest.raises(ValueError, match="differences: expected two or more"):
        chapter.corrected_interval([0.1], 4, 1)
