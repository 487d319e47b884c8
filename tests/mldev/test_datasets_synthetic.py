"""Synthetic data: the right model finds the truth that is stated, and the traps that are promised are there."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from mldev.datasets import REGISTRY, load
from mldev.datasets_streams import KINDS, SHIFT, WEIGHTS

TABLES = ("churn", "credit", "housing")


def fitted(table):
    """Coefficients and their standard errors of the model that the truth names."""
    terms = sm.add_constant(table.truth.design(table.X)).rename(columns={"const": "intercept"})
    model = sm.Logit(table.y, terms).fit(disp=0) if table.truth.link == "logit" else sm.OLS(table.y, terms).fit()
    return model.params, model.bse


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("name", TABLES)
def test_right_model_recovers_the_coefficients(name, seed):
    table = load(name, num_rows=20_000, seed=seed)
    found, error = fitted(table)
    true = pd.Series(table.truth.coefficients)
    assert set(found.index) == set(true.index)
    assert (error < 0.15 * true.abs()).all()  # the tolerance below is a tight one
    assert ((found - true).abs() < 4 * error).all(), (found - true) / error


@pytest.mark.parametrize("name", TABLES)
def test_columns_are_causes_proxies_or_noise(name):
    table = load(name)
    truth = table.truth
    parts = [*truth.causes, *truth.proxies, *truth.noise]
    assert sorted(parts) == sorted(table.X.columns)
    assert all(cause in table.X.columns for cause in truth.proxies.values())
    rng = np.random.default_rng(0)
    for column in table.X.columns:
        shuffled = table.X.assign(**{column: rng.permutation(table.X[column].to_numpy())})
        matters = not np.allclose(truth.mean(shuffled), truth.mean(table.X))
        assert matters == (column in truth.causes), column


@pytest.mark.parametrize("name", TABLES)
def test_noise_is_noise_and_proxies_follow(name):
    table = load(name, num_rows=20_000)
    codes = table.X.apply(lambda column: pd.factorize(column, sort=True)[0] if column.dtype == object else column)
    residual = table.y - table.truth.mean(table.X)
    for column in [*table.truth.noise, *table.truth.proxies]:
        assert abs(np.corrcoef(codes[column], residual)[0, 1]) < 4 / np.sqrt(20_000), column
    for column, cause in table.truth.proxies.items():
        assert abs(codes[column].corr(codes[cause], method="spearman")) > 0.2, column


@pytest.mark.parametrize("name", [*TABLES, "drift"])
def test_seeds(name):
    first, again, other = load(name, num_rows=500), load(name, num_rows=500, seed=0), load(name, num_rows=500, seed=1)
    assert first.X.equals(again.X) and first.y.equals(again.y)
    assert not first.X.equals(other.X)
    assert len(first.X) == 500
    assert REGISTRY[name].synthetic


def test_offer_helps_but_looks_harmful():
    table = load("churn", num_rows=50_000)
    offered = table.X["retention_offer"] == 1
    naive = table.y[offered].mean() - table.y[~offered].mean()
    true = table.truth.effects["retention_offer"]
    assert true < -0.05 < 0.02 < naive
    everybody, nobody = (table.truth.mean(table.X.assign(retention_offer=value)) for value in (1, 0))
    assert true == pytest.approx((everybody - nobody).mean())
    # standardising over the one confounder, support calls, frees the effect
    by_calls = table.y.groupby([table.X["support_calls"].clip(upper=5), table.X["retention_offer"]]).mean().unstack()
    share = table.X["support_calls"].clip(upper=5).value_counts(normalize=True)
    assert ((by_calls[1] - by_calls[0]) * share).sum() == pytest.approx(true, abs=0.02)


def test_label_bias_is_the_share_stated():
    fair, biased = load("credit", num_rows=40_000), load("credit", num_rows=40_000, label_bias=0.3)
    assert fair.y.equals(fair.truth.unbiased_y) and fair.X.equals(biased.X)
    assert fair.y.equals(biased.truth.unbiased_y)
    changed = biased.y != biased.truth.unbiased_y
    in_b = biased.X["group"] == "B"
    assert not changed[~in_b].any()
    good = in_b & (biased.truth.unbiased_y == 0)
    assert changed[good].mean() == pytest.approx(0.3, abs=0.02) and (biased.y[changed] == 1).all()


def test_district_gives_the_group_away():
    X = load("credit").X
    shares = pd.crosstab(X["district"], X["group"], normalize="index")["B"]
    assert shares.max() > 0.5 and shares.min() < 0.1


def test_a_straight_line_misses_the_housing_truth():
    table = load("housing", noise=0)
    assert np.allclose(table.y, table.truth.mean(table.X))
    line = sm.OLS(table.y, sm.add_constant(table.X[["area", "age", "distance", "garden"]])).fit()
    assert line.rsquared < 0.95 < sm.OLS(table.y, sm.add_constant(table.truth.design(table.X))).fit().rsquared


def weights_of(table, rows):
    model = LogisticRegression(C=np.inf, max_iter=1000).fit(table.X.iloc[rows], table.y.iloc[rows])
    return model.coef_[0]


@pytest.mark.parametrize("kind", KINDS)
def test_law_before_and_after(kind):
    table = load("drift", kind=kind, num_rows=30_000)
    truth = table.truth
    first = truth.changes[0][0] if truth.changes else 30_000
    assert np.allclose(weights_of(table, slice(0, first)), WEIGHTS.loc["A"], atol=0.2)
    last = truth.changes[-1][1] if truth.changes else 0
    after = "B" if kind in ("sudden", "gradual", "incremental") else "A"
    assert np.allclose(weights_of(table, slice(last, 30_000)), WEIGHTS.loc[after], atol=0.2)
    assert (truth.share_new[:first] == 0).all()
    if kind == "recurring":
        (start, _), (end, _) = truth.changes
        assert np.allclose(weights_of(table, slice(start, end)), WEIGHTS.loc["B"], atol=0.2)


@pytest.mark.parametrize("kind", ["sudden", "recurring", "gradual", "incremental"])
def test_a_fixed_model_fails_exactly_from_the_stated_time(kind):
    table = load("drift", kind=kind, num_rows=30_000)
    start, end = table.truth.changes[0]
    model = LogisticRegression().fit(table.X[: start // 2], table.y[: start // 2])
    score = model.decision_function(table.X)
    before = roc_auc_score(table.y[start - 2000 : start], score[start - 2000 : start])
    after = roc_auc_score(table.y[end : end + 2000], score[end : end + 2000])
    assert before > 0.85 and after < 0.6


def test_covariate_shift_moves_features_only():
    table, still = load("drift", kind="covariate"), load("drift", kind="none")
    (start, _), *_ = table.truth.changes
    moved = table.X - still.X
    assert (moved[:start] == 0).all(axis=None)
    assert np.allclose(moved[start:][["x1", "x4"]], SHIFT) and (moved[start:][["x2", "x3", "x5"]] == 0).all(axis=None)
    assert (table.truth.share_new == 0).all()


@pytest.mark.parametrize("kind", KINDS)
def test_stated_probability_is_calibrated(kind):
    table = load("drift", kind=kind, num_rows=50_000)
    bins = pd.cut(table.truth.probability, np.linspace(0, 1, 11), labels=False)
    gap = table.y.groupby(bins).mean() - pd.Series(table.truth.probability).groupby(bins).mean()
    assert gap.abs().max() < 0.03
