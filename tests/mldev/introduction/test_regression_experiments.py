"""The claims of the first page on regression: each fails when its method is swapped for the baseline."""

import numpy as np
import pandas as pd
import pytest

from mldev.experiments import interval, paired_difference, ratio_interval, repeat
from mldev.introduction import regression_experiments as chapter
from mldev.introduction.regression import least_squares, r2, ridge


def frame(run, seeds, **options):
    rows = repeat(run, seeds, **options)
    return pd.DataFrame(sum(rows, []) if isinstance(rows[0], list) else rows)


def test_polynomials_explode_beyond_their_rows_and_a_modest_degree_does_not():
    runs = frame(chapter.degree_run, 100, degrees=(1, 2, 9))
    errors = runs.pivot(index="seed", columns=["rows", "degree"], values="error")
    richest = runs.groupby("seed")["richest"].first()

    def falls(rows):
        return errors[rows].diff(axis=1).iloc[:, 1:].max().max() <= 0

    def ratio(degree, where):
        found = np.log10(errors["validation"][degree] / errors["validation"][1])
        return interval(found[richest == where])

    assert falls("training") and not falls("validation")
    assert ratio(9, "held out").above(3) and not ratio(2, "held out").above(3)
    within = ratio(9, "trained on")
    assert within.above(0) and within.below(1), "the claim's second half"
    assert not within.above(3) and not ratio(9, "held out").below(1), "swapped, each half fails"
    assert not ratio(2, "trained on").above(0)


def test_degree_2_beats_the_line_and_degree_9_does_not():
    errors = frame(chapter.degree_run, 100, degrees=(1, 2, 9))
    errors = errors[errors["rows"] == "validation"].pivot(index="seed", columns="degree", values="error")

    def better(degree):
        return interval((errors[degree] < errors[1]).astype(float)).above(0.5)

    assert better(2) and not better(9) and not better(1)


def test_the_richest_household_is_found():
    X, _ = chapter.households()
    for seed in range(6):
        order = np.random.default_rng(seed).permutation(len(X))
        trained = X.max() in X[order[: len(X) // 2]]
        assert {row["richest"] for row in chapter.degree_run(seed, (1,))} == {"trained on" if trained else "held out"}


def test_folds_are_nearer_the_truth_and_random_splits_are_not():
    errors = frame(chapter.truth_run, 150)
    off = errors.drop(columns="truth").sub(errors["truth"], axis=0) ** 2
    assert ratio_interval(off["one split"], off["five folds"]).above(1.2)
    assert ratio_interval(off["five splits"], off["five folds"]).above(1)
    again = off["five splits"].to_numpy()
    assert not ratio_interval(again, np.roll(again, 1)).above(1.2)


def test_the_true_error_is_that_of_the_population():
    X, y = chapter.population()
    model = least_squares(*chapter.sample(0, 50))
    direct = chapter.mean_squared_error(y, model.predict(X))
    assert chapter.true_error(model) == pytest.approx(direct, rel=1e-8)


def test_one_split_is_a_lottery_and_five_folds_are_not():
    spread = frame(chapter.split_run, 30).std()
    assert spread["one split"] > 3 * spread["five folds"]
    assert spread["five splits"] > 1.5 * spread["five folds"]


@pytest.fixture(scope="module")
def tries():
    return frame(chapter.coverage_run, 400, num_folds=(5, 20))


def holds(tries, kind, folds):
    part = tries[(tries["kind"] == kind) & (tries["folds"] == folds)]
    return interval(part["covers"])


def test_quantiles_are_no_interval_and_the_corrected_one_is(tries):
    def no_interval(kind):
        return holds(tries, kind, 5).below(0.95) and holds(tries, kind, 20).above(0.98)

    def proper(kind):
        return all(holds(tries, kind, k).above(0.93) for k in (5, 20))

    assert holds(tries, "quantiles", 20).above(0.98) and holds(tries, "quantiles", 5).below(0.97)
    assert not no_interval("corrected") and not no_interval("plain")
    assert proper("corrected") and not proper("plain") and not proper("quantiles")


def test_quantiles_widen_with_more_folds_and_the_others_narrow(tries):
    width = tries.groupby(["kind", "folds"])["width"].mean().unstack()
    assert width.loc["quantiles", 20] > 2 * width.loc["quantiles", 5]
    assert width.loc["corrected", 20] < width.loc["corrected", 5]


def test_heavy_ridge_underfits_unless_the_unit_hides_it():
    units = frame(chapter.unit_run, 5, alphas=(0.1, 10_000))
    units = units.pivot(index="seed", columns=["factor", "alpha"], values="r2")
    lost = {f: paired_difference(units[f][0.1], units[f][10_000]) for f in (1, 1000)}
    assert lost[1].above(0.3) and lost[1000].below(0.001)
    assert not lost[1000].above(0.3) and not lost[1].below(0.001)


def test_the_penalty_divides_by_the_square_of_the_factor():
    X, y, _ = chapter.diabetes()
    heavy = ridge(1000 * X, y, 10_000).predict(1000 * X)

    def largest(divisor):
        return np.abs(heavy - ridge(X, y, 10_000 / divisor).predict(X)).max()

    assert largest(1000**2) < 1e-6
    assert not largest(1000) < 1e-6 and not largest(1) < 1e-6


def test_the_lasso_zeroes_and_ridge_does_not():
    found = chapter.paths({"ridge": np.geomspace(0.1, 1e5, 6), "lasso": np.geomspace(0.3, 46, 6)})
    zeros = {method: (coefficients == 0).sum(axis=1) for method, coefficients in found.items()}
    assert not zeros["ridge"].any()
    assert zeros["lasso"][-1] == 10 and zeros["lasso"].sum() > 10


def test_the_best_penalty_keeps_noise_and_the_cautious_one_does_not():
    kept = frame(chapter.selection_run, 10)
    assert interval(kept["noise, best"]).above(3) and not interval(kept["noise, cautious"]).above(3)
    assert paired_difference(kept["noise, best"], kept["noise, cautious"]).above(0)
    assert interval(kept["real, best"]).above(3)


def test_a_penalty_chosen_inside_pays_for_few_rows_only():
    def gains(**options):
        chosen = frame(chapter.chosen_run, 20, penalties=chapter.PENALTIES[::4], **options)
        return [paired_difference(chosen[method], chosen["none"]).above(0) for method in chapter.METHODS]

    assert all(gains())
    assert not any(gains(num_rows=350)), "with many rows least squares hardly overfits"


def test_no_choice_is_the_penalty_itself_and_the_test_patients_have_no_say(monkeypatch):
    chosen = chapter.chosen_run(3, penalties=(1.0,))
    fixed = {row["method"]: row["r2"] for row in chapter.penalty_run(3, penalties=(1.0,))}
    assert chosen == pytest.approx(fixed)
    X, y, names = chapter.diabetes()
    here = np.random.default_rng(3).permutation(len(y))[:50]
    other = np.full(len(y), 1.0)
    other[here] = 0
    picks = []
    real = chapter.fit
    monkeypatch.setattr(chapter, "fit", lambda *a: picks.append((a[0], a[3], len(a[2]))) or real(*a))
    chapter.chosen_run(3)
    first, picks[:] = [p for p in picks if p[2] == 50], []
    monkeypatch.setattr(chapter, "diabetes", lambda: (X, y + 500 * other * np.arange(len(y)), names))
    chapter.chosen_run(3)
    assert first == [p for p in picks if p[2] == 50] and len(first) == 2


def gain(method, penalty, num_rows):
    few = frame(chapter.penalty_run, 10, num_rows=num_rows, penalties=(penalty,))
    plain = few[few["method"] == "none"].set_index("seed")["r2"]
    return paired_difference(few[few["method"] == method].set_index("seed")["r2"], plain)


@pytest.mark.parametrize(("method", "penalty"), [("ridge", 10**-0.5), ("lasso", 10**0.5)])
def test_penalties_pay_for_few_rows_only(method, penalty):
    assert gain(method, penalty, 50).above(0)
    assert not gain(method, penalty, 350).above(0)
    assert gain(method, 1000.0, 50).below(0), "a heavy penalty underfits"


def test_small_folds_spoil_r2():
    bias = frame(chapter.small_fold_run, 40)
    assert interval(bias[5]).below(0) and paired_difference(bias[20], bias[5]).below(0)
    assert not paired_difference(bias[5], bias[20]).below(0)


def test_the_fast_lasso_is_the_one_by_hand():
    X, y, _ = chapter.diabetes()
    (Z,) = chapter.standardised(X)
    from mldev.introduction.regression import lasso

    assert np.allclose(chapter.fit("lasso", Z, y, 3.0).coef, lasso(Z, y, 3.0).coef, atol=0.05)
    assert np.allclose(chapter.fit("ridge", Z, y, 2.0).coef, ridge(Z, y, 2.0 * len(y)).coef)
    with pytest.raises(ValueError, match="method 'net'.*ridge, lasso"):
        chapter.fit("net", Z, y, 1.0)


def test_runs_depend_on_the_seed_alone():
    assert chapter.split_run(3) == chapter.split_run(3) != chapter.split_run(4)
    assert chapter.coverage_run(1, num_folds=(5,)) == chapter.coverage_run(1, num_folds=(5,))
    assert chapter.selection_run(2) == chapter.selection_run(2)


def test_powers_and_standardised_columns():
    assert chapter.powers(np.array([[2.0], [3.0]]), 3).tolist() == [[2, 4, 8], [3, 9, 27]]
    train, new = chapter.standardised(np.array([[1.0], [3.0]]), np.array([[5.0]]))
    assert train.ravel().tolist() == [-1, 1] and new.ravel().tolist() == [3]
    assert r2(np.array([0.0, 2.0]), np.array([1.0, 1.0])) == 0
