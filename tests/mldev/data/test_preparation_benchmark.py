"""The benchmark: its injectors, its counts, its rivals, and the claims that rest on its rows."""

import cleanlab
import numpy as np
import pandas as pd
import pytest
from cleanlab.count import compute_confident_joint
from cleanlab.filter import find_label_issues

from mldev.data import preparation_benchmark as bench
from mldev.data import preparation_heldout as heldout
from mldev.data import preparation_rivals as rivals
from mldev.data import preparation_summary
from mldev.data.preparation import Doctor, diagnose
from mldev.data.preparation_checks import FACTORS
from mldev.data.preparation_contract import breaches, contract
from mldev.data.preparation_faults import CELL_FAULTS, ROW_FAULTS, inject, with_words_and_dates
from mldev.data.preparation_findings import KINDS, Finding
from mldev.data.preparation_rows import confident_classes, confident_joint
from mldev.experiments import interval, paired_difference


@pytest.fixture(scope="module")
def clean():
    return bench.task("diabetes", 3, dates=True)


@pytest.fixture(scope="module")
def rows():
    return bench.STUDIES["benchmark"].rows()


def guesses(seed=0, num_rows=300, num_classes=3):
    """Labels, some of them wrong, and probabilities of a model that is mostly right."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, num_classes, num_rows)
    logits = rng.normal(size=(num_rows, num_classes)) + 3 * np.eye(num_classes)[true]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    labels = np.where(rng.random(num_rows) < 0.1, rng.integers(0, num_classes, num_rows), true)
    return labels, probabilities


@pytest.mark.parity
def test_confident_learning_equals_cleanlabs(record_property):
    off = 0
    for seed in range(5):
        labels, probabilities = guesses(seed)
        theirs = compute_confident_joint(labels, probabilities, calibrate=False)
        off = max(off, np.abs(confident_joint(labels, probabilities) - theirs).max())
        issues = find_label_issues(
            labels, probabilities, filter_by="confident_learning", n_jobs=1, min_examples_per_class=0
        )
        given, sure = confident_classes(labels, probabilities)
        ours = (sure >= 0) & (sure != given)
        off = max(off, (ours != issues).sum())
    assert off == 0
    seen = {
        "algorithm": "confident learning",
        "library": "cleanlab (compute_confident_joint, find_label_issues)",
        "version": cleanlab.__version__,
        "tolerance": 1,
        "difference": int(off),
        "kind": "numbers",
    }
    record_property("parity", seen)


@pytest.mark.parity
def test_repeated_rows_are_those_of_pandas(record_property, clean):
    spoilt = inject("duplicate", clean.X_train, clean.y_train, 0)
    found = next(one for one in diagnose(spoilt.frame, spoilt.y) if one.kind == "duplicate")
    theirs = np.flatnonzero(spoilt.frame.assign(y=spoilt.y).duplicated())
    off = len(set(found.rows) ^ set(theirs))
    assert off == 0 and len(theirs)
    seen = {
        "algorithm": "exact duplicates",
        "library": "pandas (duplicated)",
        "version": pd.__version__,
        "tolerance": 1,
        "difference": off,
        "kind": "numbers",
    }
    record_property("parity", seen)


@pytest.mark.parametrize("kind", CELL_FAULTS)
def test_injectors_change_the_cells_of_their_mask_and_no_others(kind, clean):
    spoilt = inject(kind, clean.X_train, clean.y_train, 0)
    before, after = clean.X_train.astype(object), spoilt.frame.astype(object)
    if kind == "mixed_dates":
        before = before.map(lambda v: v.strftime("%Y-%m-%d") if isinstance(v, pd.Timestamp) else v)
    changed = ~((before == after) | (before.isna() & after.isna()))
    assert changed.to_numpy().any()
    assert (changed == spoilt.cells).all(axis=None)
    again = inject(kind, clean.X_train, clean.y_train, 0)
    pd.testing.assert_frame_equal(again.frame, spoilt.frame)


@pytest.mark.parametrize("kind", ROW_FAULTS)
def test_injectors_of_rows_mark_what_they_did(kind, clean):
    spoilt = inject(kind, clean.X_train, clean.y_train, 0)
    if kind == "leakage":
        assert spoilt.columns == ("closing code",) and not spoilt.rows.any()
    elif kind == "label_error":
        assert ((spoilt.y != clean.y_train) == spoilt.rows).all() and spoilt.rows.any()
    else:
        assert spoilt.rows.sum() == len(clean.X_train) // 10


def test_every_kind_of_finding_is_injected():
    assert set(KINDS) == set(bench.KINDS)


def test_an_unknown_fault_is_named():
    with pytest.raises(ValueError, match="kind: got 'rust', allowed: missing"):
        inject("rust", pd.DataFrame({"a": [1.0]}), pd.Series([0]), 0)


def test_tables_with_words_keep_them_and_others_get_some():
    plain = pd.DataFrame({c: np.arange(50.0) ** (i + 1) for i, c in enumerate("abcd")})
    told = with_words_and_dates(plain)
    assert told["a"].dtype.kind == "M" and told["a"].is_monotonic_increasing
    assert set(told["b"]) == {"small", "middling", "large"}
    worded = plain.assign(w="x")
    assert with_words_and_dates(worded)["b"].dtype == float


def test_training_and_test_rows_do_not_meet(clean):
    both = pd.concat([clean.X_train, clean.X_test])
    assert len(both.drop_duplicates()) == len(both)


def test_no_threshold_was_chosen_where_it_is_measured():
    assert not set(bench.CHOSEN_ON) & set(bench.MEASURED_ON)


def test_a_row_of_the_study_is_what_it_says(clean):
    row = {"table": "diabetes", "kind": "disguised_missing", "seed": 3}
    result = bench.run_row(row)
    again = bench.run_row(row)
    assert {k: v for k, v in again.items() if v == v} == {k: v for k, v in result.items() if v == v}
    assert result["true"] + result["missed"] == result["spoilt"] > 0
    assert result["doctor"] > result["plain"]


def test_mending_recovers_and_a_doctor_without_fixes_does_not(clean, monkeypatch):
    spoilt, X_test, cells = bench.spoil(clean, "disguised_missing", 3)
    findings = diagnose(spoilt.frame, spoilt.y)
    able = bench.scores(clean, spoilt, X_test, cells, findings)
    assert able["doctor"] > able["plain"] + 0.01
    monkeypatch.setattr(bench, "Doctor", lambda **options: Doctor(fixes=("missing",)))
    idle = bench.scores(clean, spoilt, X_test, cells, [])
    assert not idle["doctor"] > idle["plain"] + 0.01


def test_labels_are_not_judged_by_a_model_without_skill():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    chance = rng.integers(0, 2, 200)
    assert not any(one.kind == "label_error" for one in diagnose(X, chance))
    told = (X["a"] + X["b"] > 0).astype(int).to_numpy()
    told[:10] = 1 - told[:10]
    found = [one for one in diagnose(X, told) if one.kind == "label_error"]
    assert found and len(set(found[0].rows) & set(range(10))) >= 7


def test_a_leak_is_told_from_a_good_column():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(300, 3)), columns=list("abc"))
    y = 3 * X["a"] + 2 * X["b"] + X["c"]
    leaky = X.assign(total=y + 0.05 * rng.normal(size=300))
    noisy = y + 2 * rng.normal(size=300)
    assert not any(one.kind == "leakage" for one in diagnose(X, noisy))
    late = leaky.assign(total=noisy + 0.1 * rng.normal(size=300))
    assert [one.column for one in diagnose(late, noisy) if one.kind == "leakage"] == ["total"]


def test_coarse_rows_alike_are_no_duplicates():
    rng = np.random.default_rng(0)
    coarse = pd.DataFrame(rng.integers(0, 2, size=(300, 3)).astype(float), columns=list("abc"))
    fine = coarse.assign(d=rng.normal(size=300))
    assert not any(one.kind == "duplicate" for one in diagnose(coarse))
    twice = pd.concat([fine, fine.iloc[:5]], ignore_index=True)
    assert [one.rows for one in diagnose(twice, kinds=["duplicate"])] == [(300, 301, 302, 303, 304)]


def test_the_contract_accepts_its_table_and_names_breaches():
    table = pd.DataFrame({"age": [20.0, 60.0, np.nan], "city": ["a", "b", "a"]})
    schema = contract(table, bounds={"age": (0, 110)})
    assert breaches(schema, table).empty
    bad = pd.DataFrame({"age": [200.0], "city": ["c"]})
    found = breaches(schema, bad)
    assert set(found["column"]) == {"age", "city"}
    assert len(breaches(schema, table.drop(columns="city"))) == 1


def rate(rows, kind, name):
    return preparation_summary.finding_rates(rows).loc[kind, name]


def test_form_is_found_and_labels_are_not(rows):
    def holds(kinds):
        return all(rate(rows, kind, name).above(0.95) for kind in kinds for name in ("recall", "precision"))

    assert holds(["missing", "number_text", "mixed_dates"])
    assert not holds(["label_error"]) and not holds(["unit_mixup"])


def test_clean_tables_get_few_findings_and_spoilt_ones_do_not(rows):
    size = {name: bench.task(name, 0).X_train.size for name in bench.MEASURED_ON}

    def few(part, column):
        return interval((part[column] / part["table"].map(size)).groupby(part["seed"]).mean()).below(0.001)

    assert few(rows[rows["kind"] == "none"], "false")
    assert not few(rows[rows["kind"] == "missing"], "true")


def test_treating_clean_tables_costs_little_and_dropping_rows_of_holed_ones_does_not(rows):
    def cheap(kind, method):
        part = rows[rows["kind"] == kind]
        return interval((part["plain"] - part[method]).groupby(part["seed"]).mean()).below(0.005)

    assert cheap("none", "doctor") and not cheap("missing", "drop rows")


NO_LEAK = [kind for kind in bench.KINDS if kind != "leakage"]


def test_the_doctor_recovers_and_the_baselines_do_not(rows):
    kept = {m: preparation_summary.recovered(rows, m, NO_LEAK) for m in ("drop rows", "doctor")}
    assert kept["doctor"].above(0.5) and not kept["drop rows"].above(0.5)
    swapped = preparation_summary.recovered(rows.assign(doctor=rows["plain"]), "doctor", NO_LEAK)
    assert not swapped.above(0.5) and swapped.estimate == pytest.approx(0)
    assert kept["drop rows"].below(0) and not kept["doctor"].below(0)
    middle = preparation_summary.recovered_in_the_middle(rows.assign(doctor=rows["plain"]), "doctor", NO_LEAK)
    assert middle.estimate == pytest.approx(0)


def test_leaks_cost_most_and_only_leaks(rows):
    def most(lost, kind):
        cost = preparation_summary.by_kind(lost, "plain")
        return cost[kind].above(max(cost[other].high for other in bench.KINDS if other != kind))

    lost = preparation_summary.losses(rows, ("plain", "doctor"))
    assert most(lost, "leakage") and not any(most(lost, kind) for kind in NO_LEAK)
    plain, doctor = (preparation_summary.by_kind(lost, method) for method in ("plain", "doctor"))
    told = preparation_summary.by_kind(preparation_summary.losses(rows, ("told",)), "told")["number_text"]
    assert doctor["number_text"].below(told.low) and not plain["number_text"].below(told.low)
    assert doctor["mixed_dates"].below(1) and not plain["outlier"].below(1)
    assert plain["duplicate"].below(1) and plain["near_duplicate"].below(1)


def test_only_one_table_lies_at_the_gate():
    skills = pd.DataFrame([preparation_summary.gate_run(seed) for seed in range(3)])
    assert (skills[["arrests", "actg175"]] < 0.1).all(axis=None) and (skills["breast_cancer"] >= 0.5).all()
    assert (skills["diabetes"] > 0.1).all() and not (skills["diabetes"] >= 0.5).all()


def test_unlisted_units_are_found_but_misnamed():
    assert not set(heldout.RECIPES["unit_mixup"]["held out"]) & set(FACTORS)
    apart = {}
    for recipe in ("listed", "held out"):
        seen = [heldout.heldout_run(seed, "unit_mixup", recipe) for seed in range(2)]
        apart[recipe] = min(one["found"] - one["named"] for one in seen)
    assert apart["held out"] > 0.25 > apart["listed"] >= 0


def test_fillings_gain_where_there_is_something_to_gain(rows):
    for way, above in (("doctor", True), ("regressions", True), ("plain", False)):
        gain = preparation_summary.gains(rows, "missing_pattern", way)["diabetes"]
        assert interval(gain).above(0) == above


@pytest.mark.parametrize("kind", ["misspelling", "outlier"])
def test_rivals_find_fewer(rows, kind):
    rates = preparation_summary.rival_rates(rows, kind)
    ours, theirs = (rates[f"recall, {who}"] for who in ("doctor", "library"))
    assert ours.above(theirs.high) and not theirs.above(ours.high)


def test_skrub_by_steps():
    order = ["no date", "alpha tuned", "short texts"]
    steps = pd.DataFrame([preparation_summary.skrub_run(seed, order) for seed in range(5)])

    def more(better, worse):
        return paired_difference(steps[better], steps[worse]).above(0)

    for worse, better in zip(order[:-1], order[1:], strict=True):
        assert more(better, worse) and not more(worse, better)


def test_a_gated_finder_stays_silent_where_there_is_no_skill():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    hit, able = rivals.cleanlab_issues(X, pd.Series(rng.integers(0, 2, 200)))
    assert hit.any() and able < rivals.LEAST_SKILL
    y = 3 * X["a"] + 0.5 * rng.normal(size=200)
    y[:8] += 40
    hit, able = rivals.cleanlab_issues(X, y)
    assert hit[:8].any() and able > rivals.LEAST_SKILL


def test_a_forest_finds_rows_apart():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 3)))
    frame.iloc[:6] += 20
    assert rivals.isolated(frame, 0.02)[:6].all() and not rivals.isolated(frame, 0.0).any()


def test_findings_of_any_kind_are_counted_together():
    frame = pd.DataFrame({"a": [1.0, 2.0, 3.0], "b": [1.0, 2.0, 3.0]})
    cells = pd.DataFrame({"a": [True, True, False], "b": [False] * 3})
    spoilt = bench.Spoilt(frame, pd.Series([0, 1, 0]), cells, np.zeros(3, dtype=bool))
    findings = [Finding("outlier", "a", (0, 2), "", "low"), Finding("duplicate", None, (1,), "", "low")]
    assert bench.any_kind(findings, spoilt) == {"seen": 2, "spoilt": 2, "right": 2, "flagged": 3}


def test_listed_codes_are_found_and_others_less():
    found = {
        r: [heldout.heldout_run(s, "disguised_missing", r)["found"] for s in range(2)] for r in ("listed", "held out")
    }
    assert min(found["listed"]) > max(found["held out"])
    with pytest.raises(ValueError, match="recipe: got 'rust'"):
        heldout.heldout_run(0, "rust", "listed")


@pytest.mark.parametrize("name", heldout.INNOCENT)
def test_innocent_tables_get_no_finding_but_for_the_strong_column(name):
    counts = heldout.unspoilt_row({"table": name, "seed": 3})
    kinds = {kind for kind in KINDS if counts[kind]}
    assert kinds == ({"leakage"} if name == "strong column" else set())


def test_doctors_precision_is_not_that_of_a_gated_finder(rows):
    part = rows[(rows["kind"] == "label_error") & rows["gated true"].notna()]
    sums = part.groupby("seed")[["true", "false", "gated true", "gated false"]].sum()
    ours = sums["true"] / (sums["true"] + sums["false"])
    theirs = sums["gated true"] / (sums["gated true"] + sums["gated false"])
    assert paired_difference(ours, theirs).above(0) and not paired_difference(theirs, ours).above(0)


def test_suspects_help_less_than_the_truth(rows):
    labels = rows[(rows["kind"] == "label_error") & rows["cleanlab"].notna()]

    def more(better, worse):
        return paired_difference(
            *((labels[m] - labels["plain"]).groupby(labels["seed"]).mean() for m in (better, worse))
        ).above(0)

    assert more("told", "cleanlab") and more("told", "doctor")
    assert not more("told", "told") and not more("cleanlab", "told")


def test_small_factors_hide_and_large_ones_do_not():
    seen = {f: interval([preparation_summary.unit_run(s, f)["recall"] for s in range(5)]) for f in (1000.0, 2.2046)}
    assert seen[1000.0].above(0.9) and not seen[2.2046].above(0.9)
    assert seen[2.2046].below(0.4) and not seen[1000.0].below(0.4)


def test_rows_are_independent_only_while_the_doctor_learns_nothing_new():
    X = pd.DataFrame({"a": np.r_[np.arange(30.0), np.nan]})
    doctor = Doctor().fit(X)
    parts = [X.iloc[[30]], X.iloc[:10]]
    alone = pd.concat([doctor.transform(part) for part in parts])
    assert alone.equals(doctor.transform(pd.concat(parts)))
    relearned = pd.concat([Doctor().fit(part).transform(part) for part in parts])
    assert not alone.equals(relearned)
