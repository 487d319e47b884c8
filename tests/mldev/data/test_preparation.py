"""The claims of the first page on preparation: each fails when its method is swapped for the baseline."""

import difflib

import numpy as np
import pandas as pd
import pytest
import scipy
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import median_abs_deviation
from sklearn.experimental import enable_iterative_imputer  # noqa: F401
from sklearn.impute import IterativeImputer, SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from mldev.data import preparation_treatments as chapter
from mldev.data.preparation import diagnose
from mldev.data.preparation_imputation import ChainedRegressions
from mldev.data.preparation_values import (
    MAD_TO_SD,
    dates_in,
    edit_distance,
    is_nothing,
    nearest_level,
    number_in,
    robust_fences,
    robust_scores,
)
from mldev.experiments import interval, paired_difference, ratio_interval, repeat


def frame(run, seeds, **options):
    rows = repeat(run, seeds, **options)
    return pd.DataFrame(sum(rows, []) if isinstance(rows[0], list) else rows)


def holes(seed=0, num_rows=60):
    """A table of related columns with gaps, and new rows with gaps."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(num_rows, 4)) @ rng.normal(size=(4, 4)) + rng.normal(size=4)
    X[rng.random(X.shape) < 0.2] = np.nan
    return X[: num_rows // 2], X[num_rows // 2 :]


def parity(record_property, algorithm, library, version, tolerance, difference):
    assert difference < tolerance
    seen = {
        "algorithm": algorithm,
        "library": library,
        "version": version,
        "tolerance": tolerance,
        "difference": float(difference),
        "kind": "numbers",
    }
    record_property("parity", seen)


@pytest.mark.parity
def test_chained_regressions_equal_scikit_learns(record_property):
    train, new = holes()
    library = IterativeImputer(LinearRegression(), max_iter=5, tol=0).set_params(imputation_order="ascending")
    with pytest.warns(sklearn.exceptions.ConvergenceWarning):
        library.fit(train)
    by_hand = ChainedRegressions(5).fit(train)
    off = max(np.abs(by_hand.transform(X) - library.transform(X)).max() for X in (train, new))
    parity(
        record_property,
        "chained regressions",
        "scikit-learn (IterativeImputer)",
        sklearn.__version__,
        1e-6,
        off,
    )


@pytest.mark.parity
def test_fillings_equal_simple_imputers(record_property):
    train, new = (X.round() for X in holes(1))
    off = 0.0
    for way, strategy in (("mean", "mean"), ("median", "median"), ("most frequent", "most_frequent")):
        library = SimpleImputer(strategy=strategy).fit(train).transform(new)
        off = max(off, np.abs(chapter.fill(train, new, way) - library).max())
    parity(
        record_property,
        "fillings by one value",
        "scikit-learn (SimpleImputer)",
        sklearn.__version__,
        1e-12,
        off,
    )


@pytest.mark.parity
def test_scales_equal_scikit_learns(record_property):
    rng = np.random.default_rng(0)
    train, new = rng.normal(3, 5, size=(40, 3)), rng.normal(3, 5, size=(10, 3))
    train[:, 2] = 4.0  # a constant column is left where it is
    pairs = ((chapter.min_max, MinMaxScaler()), (chapter.z_score, StandardScaler()))
    off = max(np.abs(scale(train, new) - library.fit(train).transform(new)).max() for scale, library in pairs)
    parity(
        record_property,
        "min-max scaling and z-scores",
        "scikit-learn (MinMaxScaler, StandardScaler)",
        sklearn.__version__,
        1e-12,
        off,
    )


@pytest.mark.parity
def test_robust_spread_equals_scipys(record_property):
    rng = np.random.default_rng(0)
    half = np.abs(rng.normal(size=200))
    values = np.concatenate([5 - half, 5 + half])  # symmetric: both sides have the spread of the whole
    spread = median_abs_deviation(values, scale="normal")
    off = np.abs(robust_scores(values) - np.abs(values - np.median(values)) / spread).max()
    assert MAD_TO_SD == pytest.approx(1 / scipy.stats.norm.ppf(0.75))
    parity(record_property, "robust scores", "SciPy (median_abs_deviation)", scipy.__version__, 1e-9, off)


def test_each_side_has_its_own_spread():
    values = np.concatenate([-np.linspace(0, 1, 51)[1:], [0.0], 10 * np.linspace(0, 1, 51)[1:]])
    scores = robust_scores(values)
    assert scores[49] == pytest.approx(scores[-1], rel=1e-6)
    low, high = robust_fences(values, 3.0)
    assert robust_scores(np.append(values, high + 0.01))[-1] > 2.9
    assert high / -low == pytest.approx(10, rel=1e-6)


def slow_distance(a, b):
    """Damerau's distance by its definition, with neighbours swapped once."""
    if not a or not b:
        return len(a) + len(b)
    found = [
        slow_distance(a[1:], b) + 1,
        slow_distance(a, b[1:]) + 1,
        slow_distance(a[1:], b[1:]) + (a[0] != b[0]),
    ]
    if len(a) > 1 and len(b) > 1 and a[0] == b[1] and a[1] == b[0]:
        found.append(slow_distance(a[2:], b[2:]) + 1)
    return min(found)


WORDS = st.text("abc", max_size=5)


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS)
def test_edit_distance_is_its_definition(a, b):
    assert edit_distance(a, b) == slow_distance(a, b)
    matched = sum(block.size for block in difflib.SequenceMatcher(None, a, b).get_matching_blocks())
    assert edit_distance(a, b) <= len(a) + len(b) - 2 * matched  # difflib's script has no replacements


def test_a_slip_is_told_from_another_word():
    levels = ("Lisbon", "Warsaw", "yes", "no")
    assert nearest_level("Lisbno", levels) == "Lisbon"
    assert nearest_level(" WARSAW", levels) == "Warsaw"
    assert nearest_level("yeah", levels) is None
    assert nearest_level("ye", levels) is None, "short words are too alike"
    assert nearest_level("lend", ("land", "bend")) is None, "two candidates are none"


@pytest.mark.parametrize(
    ("text", "number"),
    [("80 kg", 80), ("71,5", 71.5), ("1,234.5", 1234.5), ("-3", -3), ("$3", 3), ("0,096", 0.096), ("5%", 5)],
)
def test_numbers_in_text(text, number):
    assert number_in(text) == number


@pytest.mark.parametrize("text", ["", "n/a", "12-14", "1.2.3", "kg", "seven"])
def test_text_without_a_number(text):
    assert np.isnan(number_in(text))


def test_the_size_of_the_others_decides_what_a_comma_means():
    assert number_in("1,234", typical=1.3) == 1.234
    assert number_in("1,234", typical=900) == 1234


def test_words_for_nothing():
    assert is_nothing(" N/A ") and is_nothing("") and not is_nothing("nope") and not is_nothing(0)


def test_dates_of_several_formats():
    dates, places = dates_in(pd.Series(["2001-02-03", "03.02.2001", "Feb 03, 2001", "soon", None]))
    assert (dates[:3] == pd.Timestamp("2001-02-03")).all() and dates[3:].isna().all()
    assert places.tolist() == [0, 2, 5, -1, -1]


def test_yes_and_no_and_nothing_else():
    words = pd.Series(["Yes", "no", None, " y "])
    assert chapter.yes_no(words).tolist()[:2] == [1, 0] and chapter.yes_no(words).isna().sum() == 1
    with pytest.raises(ValueError, match="got 'maybe', allowed: yes, no"):
        chapter.yes_no(pd.Series(["maybe"], name="employed"))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: chapter.fill(np.eye(2), np.eye(2), "zero"), "way: got 'zero'"),
        (lambda: chapter.scaled(np.eye(2), "robust"), "scale: got 'robust'"),
        (lambda: chapter.gaps(np.eye(2), 0.1, "small", np.random.default_rng(0)), "pattern: got 'small'"),
        (lambda: chapter.flag_run(0, reason="moon"), "reason: got 'moon'"),
    ],
)
def test_bad_input_gets_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_regressions_fill_best_and_not_where_columns_are_unrelated(monkeypatch):
    ways = ("drop rows", "mean", "most frequent", "regressions")

    def scores(pattern, ways):
        r2 = frame(chapter.filling_run, 10, pattern=pattern, ways=ways)
        return r2.pivot(index="seed", columns="way", values="r2")

    for pattern in ("any", "large"):
        r2 = scores(pattern, ways)
        assert paired_difference(r2["regressions"], r2["mean"]).above(0)
        assert paired_difference(r2["most frequent"], r2["drop rows"]).above(0)
        assert not paired_difference(r2["drop rows"], r2["most frequent"]).above(0)
    X, y = chapter.patients()
    shuffled = np.random.default_rng(0).permuted(X, axis=0)
    monkeypatch.setattr(chapter, "patients", lambda: (shuffled, y))
    r2 = scores("any", ("mean", "regressions"))
    assert not paired_difference(r2["regressions"], r2["mean"]).above(0), "columns that say nothing of one another"


def test_flags_pay_for_reasons_and_not_for_chance():
    gain = {}
    for reason in ("target", "chance"):
        r2 = frame(chapter.flag_run, 20, reason=reason)
        gain[reason] = paired_difference(r2["flagged"], r2["filled"])
    assert gain["target"].above(0.05) and not gain["chance"].above(0.05)
    assert gain["chance"].below(0) and not gain["target"].below(0)


def test_repeats_flatter_and_their_absence_does_not():
    flattery = {}
    for share in (0.0, 0.5):
        r2 = frame(chapter.repeats_run, 20, share=share)
        flattery[share] = paired_difference(r2["cross-validated"], r2["new patients"])
    assert flattery[0.5].above(0.1) and not flattery[0.0].above(0.1)
    assert flattery[0.0].below(0.05) and not flattery[0.5].below(0.05)


def test_outliers_mask_themselves_only_when_they_are_many():
    def gain(share):
        found = frame(chapter.outlier_run, 20, share=share).pivot(index="seed", columns="rule", values="found")
        return paired_difference(found["median and its spread"], found["mean and standard deviation"])

    assert gain(0.1).above(0.5) and not gain(0.02).above(0.5)


def test_one_hot_beats_an_invented_order_and_not_a_true_one(monkeypatch):
    scores = frame(chapter.encoding_run, 20)
    assert paired_difference(scores["one-hot"], scores["places"]).above(0)
    table = chapter.datasets.load("penguins")
    two = table.X[["island", "sex"]].assign(island=table.X["island"].eq("Biscoe").map({True: "a", False: "b"}))
    two["sex"] = two["sex"].eq("male").map({True: "m", False: "f"})
    plain = type(table)(two, table.y, *[getattr(table, f) for f in list(table.__dataclass_fields__)[2:]])
    monkeypatch.setattr(chapter.datasets, "load", lambda name: plain)
    same = frame(chapter.encoding_run, 20)
    assert not paired_difference(same["one-hot"], same["places"]).above(0), "two words have no order to invent"


@pytest.fixture(scope="module")
def steps():
    scales = chapter.SCALES[1:]
    rows = frame(chapter.convergence_run, 20, scales=scales, num_steps=1000)
    return rows.pivot(index="seed", columns="scale", values="steps")


def test_scaling_speeds_descent(steps):
    raw = frame(chapter.convergence_run, 5, scales=("raw",), num_steps=1000)["steps"]
    assert (raw == 1000).all() and not (steps == 1000).any(axis=None)
    assert interval(steps["min-max"]).below(200)
    assert ratio_interval(steps["min-max"], steps["z-score"]).above(3)
    assert not ratio_interval(steps["min-max"], np.roll(steps["min-max"], 1)).above(3)


def test_centring_is_most_of_the_gain(steps):
    def removed(by):
        return ratio_interval(steps["min-max"] - steps[by], steps["min-max"] - steps["z-score"])

    assert removed("min-max, centred").above(0.5) and not removed("min-max").above(0.5)


def test_the_rest_is_the_intercept(steps):
    def slower(scale):
        return ratio_interval(steps[scale], steps["z-score"])

    assert slower("min-max, centred, enlarged").below(1.5) and not slower("min-max, centred").below(1.5)
    assert slower("z-score, a fifth").above(3) and slower("min-max, centred").above(3)
    assert not slower("min-max, centred, enlarged").above(3)


def test_one_value_slows_min_max_and_not_z_scores(steps):
    options = {"scales": ("min-max", "z-score"), "num_steps": 1000}
    after = frame(chapter.convergence_run, 20, outlier=10.0, **options)
    after = after.pivot(index="seed", columns="scale", values="steps")
    assert ratio_interval(after["min-max"], steps["min-max"]).above(1.3)
    assert not ratio_interval(after["z-score"], steps["z-score"]).above(1.3)
    assert not paired_difference(after["z-score"], steps["z-score"]).above(0)
    assert paired_difference(after["min-max"], steps["min-max"]).above(0)


def test_descent_follows_the_gradient():
    X, y = chapter.patients()
    X = chapter.z_score(X, X)[:, :3]
    losses, steps, condition = chapter.descend(X, y, 200)
    w, Z = np.zeros(4), np.column_stack([np.ones(len(X)), X])
    values = np.linalg.eigvalsh(Z.T @ Z / len(Z))
    best = chapter.line_of(X, y)
    for step in range(3):
        excess = np.mean((Z @ w - y) ** 2) - np.mean((Z @ best - y) ** 2)
        start = np.mean(y**2) - np.mean((Z @ best - y) ** 2)
        assert losses[step] == pytest.approx(excess / start)
        w = w - 2 / (values[0] + values[-1]) * Z.T @ (Z @ w - y) / len(Z)
    assert losses[steps] < 0.01 <= losses[steps - 1]
    assert condition == pytest.approx(values[-1] / values[0])


def test_the_unit_of_the_chart_is_least_in_the_middle():
    needed = chapter.unit_paths([0.25, 1.0, 4.0]).groupby("factor")["needed"].first()
    assert needed[1.0] < min(needed[0.25], needed[4.0])


def test_the_example_is_found_and_clean_rows_are_not():
    X, y = chapter.spoilt_patients()
    put_in = set(range(17)) | set(range(20, 53)) | set(range(60, 90)) | set(range(600, 612))
    found = {row for one in diagnose(X, y) for row in one.rows}
    assert put_in <= found
    clean = chapter.datasets.load("actg175").X[list(X)].iloc[:600].reset_index(drop=True)
    assert not put_in <= {row for one in diagnose(clean) for row in one.rows}
