"""Least squares, ridge, lasso and cross-validation by hand: scikit-learn's numbers, optimality, and bad input."""

import numpy as np
import pytest
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn.linear_model import Lasso, LinearRegression, Ridge
from sklearn.metrics import mean_squared_error, r2_score
from sklearn.model_selection import cross_val_score

from mldev.introduction import regression as chapter
from mldev.introduction.regression_experiments import diabetes, standardised


@pytest.fixture(scope="module")
def patients():
    X, y, _ = diabetes()
    return standardised(X)[0], y


def parity(record_property, algorithm, tolerance, difference):
    record_property("parity", {
        "algorithm": algorithm, "library": "scikit-learn", "version": sklearn.__version__,
        "tolerance": tolerance, "difference": float(difference), "kind": "numbers",
    })  # fmt: skip


def apart(ours, theirs):
    return max(np.abs(ours.coef - theirs.coef_).max(), abs(ours.intercept - theirs.intercept_))


@pytest.mark.parity
def test_least_squares_equals_scikit_learn(patients, record_property):
    X, y = patients
    difference = apart(chapter.least_squares(X, y), LinearRegression().fit(X, y))
    parity(record_property, "least squares: coefficients and intercept", 1e-8, difference)
    assert difference < 1e-8


@pytest.mark.parity
def test_ridge_equals_scikit_learn(patients, record_property):
    X, y = patients
    difference = max(apart(chapter.ridge(X, y, a), Ridge(alpha=a).fit(X, y)) for a in (0.01, 1, 100, 10_000))
    parity(record_property, "ridge in closed form: coefficients and intercept", 1e-8, difference)
    assert difference < 1e-8


@pytest.mark.parity
def test_lasso_equals_scikit_learn(patients, record_property):
    X, y = patients
    worst = 0.0
    for alpha in (0.1, 1, 10, 40):
        theirs = Lasso(alpha=alpha, tol=1e-15, max_iter=100_000).fit(X, y)
        ours = chapter.lasso(X, y, alpha, tolerance=1e-12)
        assert np.array_equal(ours.coef == 0, theirs.coef_ == 0)
        worst = max(worst, apart(ours, theirs))
    parity(record_property, "lasso by coordinate descent: coefficients and intercept", 1e-6, worst)
    assert worst < 1e-6


@pytest.mark.parity
def test_scores_equal_scikit_learn(patients, record_property):
    X, y = patients
    predicted = chapter.least_squares(X, y).predict(X)
    splits = chapter.folds(len(y), 7, np.random.default_rng(0))
    ours = chapter.cross_validate(X, y, splits, chapter.r2)
    differences = [
        abs(chapter.r2(y, predicted) - r2_score(y, predicted)),
        abs(chapter.rmse(y, predicted) - np.sqrt(mean_squared_error(y, predicted))),
        np.abs(ours - cross_val_score(LinearRegression(), X, y, cv=splits)).max(),
    ]
    parity(record_property, "R2, RMSE and cross-validated scores", 1e-9, max(differences))
    assert max(differences) < 1e-9


@pytest.mark.parametrize("alpha", [0.05, 1.0, 20.0])
def test_the_lasso_meets_its_optimality_conditions_and_least_squares_does_not(patients, alpha):
    X, y = patients
    model = chapter.lasso(X, y, alpha)
    assert chapter.optimality_gap(X, y, model, alpha) < 1e-6
    assert chapter.optimality_gap(X, y, chapter.least_squares(X, y), alpha) > alpha / 2
    moved = chapter.Linear(model.intercept, model.coef + 0.01)
    assert chapter.optimality_gap(X, y, moved, alpha) > 1e-3


def test_no_step_lowers_the_objectives(patients):
    X, y = patients
    rng = np.random.default_rng(0)

    def cost(model, method, alpha):
        squares = np.sum((y - model.predict(X)) ** 2)
        if method is chapter.ridge:
            return squares + alpha * np.sum(model.coef**2)
        return squares / (2 * len(y)) + alpha * np.abs(model.coef).sum()

    for method, alpha in ((chapter.ridge, 50.0), (chapter.lasso, 2.0)):
        best = method(X, y, alpha)
        for _ in range(20):
            other = chapter.Linear(best.intercept, best.coef + 1e-3 * rng.normal(size=len(best.coef)))
            assert cost(other, method, alpha) > cost(best, method, alpha)


def test_the_strongest_penalty_is_the_least_that_zeroes_all(patients):
    X, y = patients
    top = chapter.strongest_penalty(X, y)
    assert not chapter.lasso(X, y, top).coef.any()
    assert chapter.lasso(X, y, 0.99 * top).coef.any()


def test_no_penalty_is_least_squares_and_a_constant_column_is_left_out(patients):
    X, y = patients
    free = chapter.least_squares(X, y).coef
    assert np.allclose(chapter.ridge(X, y, 0).coef, free)
    assert np.allclose(chapter.lasso(X, y, 0).coef, free, atol=1e-4)
    constant = np.column_stack([X[:, :2], np.ones(len(y))])
    assert chapter.lasso(constant, y, 1.0).coef[2] == 0


@settings(max_examples=50, deadline=None)
@given(st.floats(-5, 5), st.floats(0, 5))
def test_soft_threshold_shrinks_and_stops(value, threshold):
    moved = chapter.soft_threshold(value, threshold)
    assert moved == pytest.approx(np.sign(value) * max(abs(value) - threshold, 0))
    assert abs(moved) <= abs(value) and moved * value >= 0


@settings(max_examples=50, deadline=None)
@given(st.integers(4, 60), st.integers(2, 10), st.integers(0, 2**20))
def test_every_row_is_tested_once(num_rows, num_folds, seed):
    if num_folds > num_rows:
        return
    splits = chapter.folds(num_rows, num_folds, np.random.default_rng(seed))
    assert len(splits) == num_folds
    assert sorted(np.concatenate([test for _, test in splits])) == list(range(num_rows))
    for train, test in splits:
        assert not set(train) & set(test) and len(train) + len(test) == num_rows


def test_the_plain_interval_is_right_for_independent_scores():
    """The formula itself: for independent normal scores it covers 95 %, and the quantiles of five do not."""
    rng = np.random.default_rng(0)
    draws = rng.normal(size=(2000, 5))

    def share(kind):
        return np.mean([low <= 0 <= high for low, high in (chapter.fold_interval(d, kind) for d in draws)])

    assert share("plain") == pytest.approx(0.95, abs=0.015)
    assert share("corrected") > 0.97
    assert share("quantiles") < 0.94


def test_intervals_by_hand():
    scores = np.array([1.0, 2.0, 3.0, 4.0, 5.0])
    low, high = chapter.fold_interval(scores, "corrected", level=0.9)
    half = stats.t.ppf(0.95, 4) * scores.std(ddof=1) * np.sqrt(1 / 5 + 1 / 4)
    assert (low, high) == pytest.approx((3 - half, 3 + half))
    assert chapter.fold_interval(scores, "quantiles") == pytest.approx((1.1, 4.9))


def test_the_ratio_of_random_splits_widens_the_corrected_interval_alone():
    scores = np.arange(12.0)
    half = stats.t.ppf(0.975, 11) * scores.std(ddof=1) * np.sqrt(1 / 12 + 1 / 4)
    assert chapter.fold_interval(scores, ratio=1 / 4) == pytest.approx((5.5 - half, 5.5 + half))
    assert chapter.fold_interval(scores, ratio=1 / 11) == chapter.fold_interval(scores)
    assert chapter.fold_interval(scores, "plain", ratio=1 / 4) == chapter.fold_interval(scores, "plain")
    for ratio in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match=f"ratio {ratio}"):
            chapter.fold_interval(scores, ratio=ratio)


def test_bad_input_is_named():
    X, y = np.ones((4, 1)), np.arange(4.0)
    with pytest.raises(ValueError, match="alpha -1"):
        chapter.ridge(X, y, -1)
    with pytest.raises(ValueError, match="alpha nan"):
        chapter.lasso(X, y, float("nan"))
    with pytest.raises(ValueError, match="num_folds 5.*4 rows"):
        chapter.folds(4, 5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="kind 'bayes'.*corrected"):
        chapter.fold_interval(y, "bayes")
    with pytest.raises(RuntimeError, match="no convergence in 1 sweeps"):
        chapter.lasso(np.random.default_rng(0).normal(size=(9, 3)), np.arange(9.0), 0.01, max_sweeps=1)
