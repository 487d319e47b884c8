"""Splitting, spoiling and mending by hand: scikit-learn's numbers, what each must satisfy, and bad input."""

import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.model_selection import train_test_split

from mldev import datasets
from mldev.introduction.data import (
    complete_rows,
    fair_counts,
    fill_cells,
    look_alikes,
    measured_accuracy,
    remove_cells,
    stratified_split,
    wrong_labels,
)


def parity(record_property, algorithm, tolerance, difference):
    record_property("parity", {
        "algorithm": algorithm, "library": "scikit-learn", "version": sklearn.__version__,
        "tolerance": tolerance, "difference": float(difference), "kind": "numbers",
    })  # fmt: skip


@pytest.mark.parity
def test_stratified_counts_equal_scikit_learn(record_property):
    worst = 0
    for name, sizes in (("digits", (1000, 597)), ("breast_cancer", (400, 169)), ("penguins", (200, 75))):
        y = np.unique(np.asarray(datasets.load(name).y), return_inverse=True)[1]
        ours = stratified_split(y, sizes, np.random.default_rng(0))
        theirs = train_test_split(y, train_size=sizes[0], test_size=sizes[1], stratify=y, random_state=0)
        for part, labels in zip(ours, theirs, strict=True):
            # sorted: among classes of the same size scikit-learn draws by lot which gets an odd row
            counts = [np.sort(np.bincount(found)) for found in (y[part], labels)]
            worst = max(worst, np.abs(counts[0] - counts[1]).max())
    parity(record_property, "stratified split: rows of each class in each part", 0, worst)
    assert worst == 0


def test_three_parts_equal_two_calls_of_scikit_learn():
    y = np.unique(np.asarray(datasets.load("penguins").y), return_inverse=True)[1]
    ours = stratified_split(y, (206, 69, 69), np.random.default_rng(0))
    train, rest = train_test_split(np.arange(len(y)), train_size=206, stratify=y, random_state=0)
    valid, test = train_test_split(rest, train_size=69, stratify=y[rest], random_state=0)
    theirs = [np.bincount(y[part]) for part in (train, valid, test)]
    counts = [np.bincount(y[part]) for part in ours]
    assert np.array_equal(counts[0], theirs[0])
    assert np.abs(np.subtract(counts, theirs)).max() <= 1, "an odd row may go to either part"


@pytest.mark.parity
def test_filled_cells_equal_scikit_learn(record_property):
    worst = 0.0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        X_train, X_new = (remove_cells(rng.normal(size=(n, 6)), 0.3, rng) for n in (80, 30))
        theirs = SimpleImputer(strategy="mean").fit(X_train).transform(X_new)
        worst = max(worst, np.abs(fill_cells(X_train, X_new) - theirs).max())
    parity(record_property, "imputation by the training means", 1e-12, worst)
    assert worst < 1e-12


def test_filling_uses_training_means_only():
    X_train = np.array([[1.0, np.nan], [3.0, 4.0]])
    X_new = np.array([[np.nan, 100.0], [np.nan, np.nan]])
    assert fill_cells(X_train, X_new).tolist() == [[2.0, 100.0], [2.0, 4.0]]
    assert np.isnan(X_new[1]).all(), "the input was changed"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 3), min_size=20, max_size=120), st.integers(0, 2**20))
def test_parts_are_disjoint_and_fair(labels, seed):
    y = np.array(labels)
    sizes = (len(y) // 2, len(y) // 4)
    parts = stratified_split(y, sizes, np.random.default_rng(seed))
    assert [len(part) for part in parts] == list(sizes)
    assert len(np.unique(np.concatenate(parts))) == sum(sizes)
    for label in np.unique(y):
        exact = sizes[0] * np.mean(y == label)
        assert abs(np.sum(y[parts[0]] == label) - exact) < 1


def test_a_plain_random_split_is_not_fair():
    """The property that the stratified split has, and its baseline lacks."""
    y = np.repeat([0, 1], [90, 10])
    fair = [np.sum(y[stratified_split(y, (20,), np.random.default_rng(s))[0]]) for s in range(30)]
    plain = [np.sum(y[np.random.default_rng(s).permutation(100)[:20]]) for s in range(30)]
    assert set(fair) == {2} and len(set(plain)) > 2


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(sum), st.floats(0, 1))
def test_fair_counts_sum_to_the_size_and_stay_available(available, share):
    size = int(share * sum(available))
    counts = fair_counts(available, size)
    assert counts.sum() == size and (counts >= 0).all() and (counts <= available).all()


@settings(max_examples=50, deadline=None)
@given(st.floats(0, 1), st.integers(0, 2**20), st.booleans())
def test_exactly_the_share_is_wrong(share, seed, paired):
    y = np.random.default_rng(0).integers(0, 5, 200)
    partner = np.array([1, 2, 3, 4, 0]) if paired else None
    spoilt = wrong_labels(y, share, np.random.default_rng(seed), 5, partner)
    assert np.sum(spoilt != y) == round(share * 200)
    assert set(spoilt) <= set(range(5))
    if paired:
        assert np.all(spoilt[spoilt != y] == partner[y[spoilt != y]])


def test_errors_of_one_seed_are_nested():
    y = np.zeros(100, dtype=int)
    few, many = (wrong_labels(y, s, np.random.default_rng(3), 10) != y for s in (0.1, 0.4))
    assert np.all(many[few])


def test_random_errors_use_every_other_class_alike():
    spoilt = wrong_labels(np.full(9000, 4), 1.0, np.random.default_rng(0), 10)
    counts = np.bincount(spoilt, minlength=10)
    assert counts[4] == 0 and np.delete(counts, 4).min() > 850


def test_the_look_alike_is_the_nearest_other_mean():
    X = np.array([[0.0], [1.0], [10.0], [11.5]])
    assert look_alikes(X, np.arange(4)).tolist() == [1, 0, 3, 2]


def test_cells_vanish_independently_of_their_value():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40_000, 5))
    holes = remove_cells(X, 0.1, rng)
    gone = np.isnan(holes)
    assert np.allclose(gone.mean(axis=0), 0.1, atol=0.01)
    assert abs(X[gone].mean()) < 0.03
    assert complete_rows(holes).mean() == pytest.approx(0.9**5, abs=0.01)


@pytest.mark.parametrize("accuracy", [0.0, 0.3, 0.9, 1.0])
def test_the_formula_of_measured_accuracy_is_what_happens(accuracy):
    rng = np.random.default_rng(0)
    y = rng.integers(0, 10, 100_000)
    predicted = wrong_labels(y, 1 - accuracy, rng, 10)
    given_labels = wrong_labels(y, 0.2, rng, 10)
    assert np.mean(predicted == given_labels) == pytest.approx(measured_accuracy(accuracy, 0.2, 10), abs=0.006)


def test_bad_input_is_named():
    y, rng = np.zeros(10, dtype=int), np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"share 1\.5"):
        wrong_labels(y, 1.5, rng, 10)
    with pytest.raises(ValueError, match="share -1"):
        remove_cells(np.ones((2, 2)), -1, rng)
    with pytest.raises(ValueError, match=r"sizes \(8, 4\).*10 rows"):
        stratified_split(y, (8, 4), rng)
    with pytest.raises(ValueError, match="X_train: a column has no value"):
        fill_cells(np.full((3, 2), np.nan), np.ones((1, 2)))
