"""Selecting features by hand: parity with the libraries, exact properties, and clear errors."""

import itertools

import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_classification
from sklearn.feature_selection import RFE, mutual_info_classif
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import mutual_info_score
from sklearn.utils.estimator_checks import check_estimator

from mldev.data import features as chapter


def record(record_property, algorithm, difference, tolerance, kind="numbers", library="scikit-learn"):
    record_property("parity", {
        "algorithm": algorithm, "library": library, "version": sklearn.__version__,
        "tolerance": tolerance, "difference": float(difference), "kind": kind,
    })  # fmt: skip


@pytest.mark.parity
def test_information_of_categories_equals_scikit_learn(record_property):
    rng = np.random.default_rng(0)
    pairs = [(rng.integers(0, a, 300), rng.integers(0, b, 300)) for a, b in ((2, 2), (3, 7), (40, 5))]
    pairs.append((pairs[0][0], pairs[0][0]))
    worst = max(abs(chapter.mutual_information(a, b) - mutual_info_score(a, b)) for a, b in pairs)
    record(record_property, "mutual information of two columns of categories", worst, 1e-12)
    assert worst < 1e-12


@pytest.mark.parity
def test_information_of_numbers_equals_scikit_learn(record_property):
    rng = np.random.default_rng(1)
    y = rng.integers(0, 3, 300)
    X = rng.normal(size=(300, 6))
    X[:, 0] += y
    X[:, 1] *= 1 + y
    worst = 0.0
    for k in (1, 3, 8):
        ours = [chapter.mutual_information_numbers(x, y, k) for x in X.T]
        theirs = mutual_info_classif(X, y, n_neighbors=k, random_state=0)
        worst = max(worst, np.abs(ours - theirs).max())
    record(record_property, "mutual information of numbers and a label (nearest neighbours)", worst, 1e-9)
    assert worst < 1e-9
    assert chapter.mutual_information_numbers(X[:, 0], y) > 0.1


def tied_columns():
    """Columns whose numbers repeat, or lie far from zero, and a label that each says something about."""
    rng = np.random.default_rng(2)
    y = rng.integers(0, 2, 400)
    z = rng.normal(y)
    return {
        "the label": y.astype(float), "binary": (rng.random(400) < 0.2 + 0.4 * y).astype(float),
        "counts": rng.poisson(3 + 2 * y).astype(float), "rounded": np.round(z, 1),
        "far": z + 100, "small": 1e-8 * z, "large": 1e12 * z,
    }, y, z  # fmt: skip


@pytest.mark.parity
def test_information_of_tied_and_shifted_numbers_equals_scikit_learn(record_property, monkeypatch):
    columns, y, _ = tied_columns()
    theirs = {n: mutual_info_classif(x[:, None], y, random_state=0)[0] for n, x in columns.items()}

    def worst():
        return max(abs(chapter.mutual_information_numbers(x, y) - theirs[n]) for n, x in columns.items())

    found = worst()
    record(record_property, "mutual information of tied, rounded and shifted numbers", found, 1e-9)
    assert found < 1e-9
    label = chapter.mutual_information_numbers(columns["the label"], y)
    assert label == pytest.approx(chapter.mutual_information(y, y), abs=0.02)
    monkeypatch.setattr(chapter, "without_ties", lambda x: x)
    assert worst() > 0.5
    assert chapter.mutual_information_numbers(columns["the label"], y) > 2 * label, "ties make it any number"


def test_neither_unit_nor_origin_changes_the_information():
    _, y, z = tied_columns()
    score = chapter.mutual_information_numbers(z, y)
    assert score > 0.05
    for moved in (z + 1e6, z + 1.7e9, -3e5 * z, z / 1e9 - 1):
        assert chapter.mutual_information_numbers(moved, y) == pytest.approx(score, abs=1e-6)
    assert chapter.mutual_information_numbers(np.full(400, 0.1), y) == 0


def test_a_class_of_one_row_tells_nothing():
    x = np.random.default_rng(0).normal(size=41)  # no ties: the library breaks them at random
    y = np.array([0] * 20 + [1] * 20 + [2])
    theirs = mutual_info_classif(x[:, None], y, n_neighbors=3, random_state=0)[0]
    assert chapter.mutual_information_numbers(x, y) == pytest.approx(theirs, abs=1e-9)
    assert chapter.mutual_information_numbers(x + 9 * y, y) > 0.5


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 4))
def test_neighbour_distances_are_those_of_all_pairs(seed, k):
    x = np.random.default_rng(seed).normal(size=12)
    away = np.sort(np.abs(x[:, None] - x[None, :]), axis=1)
    assert np.allclose(chapter.neighbour_distance(x, k), away[:, k])


@pytest.mark.parity
def test_the_filter_passes_the_suite_of_scikit_learn(record_property):
    results = check_estimator(chapter.MutualInformationFilter(), on_fail=None, on_skip=None)
    failed = [r["check_name"] for r in results if r["status"] == "failed"]
    record(record_property, "MutualInformationFilter as a selector", len(failed), 0, "conformance")
    assert len(results) > 30 and not failed


def test_the_filter_keeps_the_best_and_complains():
    X, y = make_classification(200, 8, n_informative=2, n_redundant=0, shuffle=False, random_state=0)
    kept = chapter.MutualInformationFilter(2).fit(X, y)
    assert kept.transform(X).shape == (200, 2) and kept.get_support()[:2].any()
    assert chapter.MutualInformationFilter(50).fit(X, y).get_support().all()
    for name in ("num_kept", "k"):
        with pytest.raises(ValueError, match=f"{name} 0"):
            chapter.MutualInformationFilter(**{name: 0}).fit(X, y)


@pytest.mark.parity
def test_elimination_equals_scikit_learn(record_property):
    X, y = make_classification(150, 20, n_informative=5, random_state=0)
    models = (LogisticRegression(max_iter=1000), RidgeClassifier(3.0))
    differ = 0
    for model, kept, share in itertools.product(models, (1, 5), (None, 0.2)):
        ours = chapter.eliminate(model, X, y, kept, share)
        theirs = RFE(model, n_features_to_select=kept, step=share or 1).fit(X, y).support_
        differ += int((ours != theirs).sum())
    record(record_property, "recursive feature elimination: columns that differ", differ, 0)
    assert differ == 0
    with pytest.raises(ValueError, match="num_kept 21"):
        chapter.eliminate(models[0], X, y, 21)


def test_correlations_are_numpys_and_zero_for_constants():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(50, 4)), rng.normal(size=50)
    X[:, 2] = 1
    ours = chapter.correlations(X, y)
    assert ours[2] == 0
    for j in (0, 1, 3):
        assert ours[j] == pytest.approx(np.corrcoef(X[:, j], y)[0, 1])


def kuncheva(selections):
    """The mean over pairs of (overlap - k^2 / p) / (k - k^2 / p), for selections of k of p columns."""
    p, k = selections.shape[1], selections[0].sum()
    pairs = itertools.combinations(selections, 2)
    return np.mean([((a & b).sum() - k**2 / p) / (k - k**2 / p) for a, b in pairs])


@pytest.mark.parity
def test_stability_is_kunchevas_index_when_all_keep_as_many(record_property):
    rng = np.random.default_rng(0)
    worst = 0.0
    for k in (1, 4, 9):
        chosen = np.array([np.isin(np.arange(12), rng.permutation(12)[:k]) for _ in range(7)])
        worst = max(worst, abs(chapter.stability(chosen) - kuncheva(chosen)))
    record(
        record_property, "stability of selections of one size", worst, 1e-12, library="Kuncheva's index, pair by pair"
    )
    assert worst < 1e-12


def test_stability_is_one_for_equal_and_zero_for_random_selections():
    rng = np.random.default_rng(0)
    same = np.tile(np.arange(10) < 3, (5, 1))
    assert chapter.stability(same) == pytest.approx(1)
    chance = [chapter.stability(rng.random((20, 30)) < 0.3) for _ in range(200)]
    assert abs(np.mean(chance)) < 0.01
    for bad in (same[:1], np.zeros((4, 5), bool), np.ones((4, 5), bool)):
        with pytest.raises(ValueError, match="selections"):
            chapter.stability(bad)


def test_jaccard_counts_shared_columns():
    a, b = np.array([1, 1, 0, 0], bool), np.array([0, 1, 1, 0], bool)
    assert chapter.jaccard(a, b) == 1 / 3 and chapter.jaccard(a, a) == 1
    assert chapter.jaccard(a & ~a, b & ~b) == 0
