"""The data doctor as a tool: conformance, any input, training data only, order, pickle, explanations."""

import datetime
import decimal
import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra import pandas as hpd
from pandas.testing import assert_frame_equal
from sklearn.utils.estimator_checks import check_estimator

from mldev.data.preparation import Doctor, diagnose, report, treat_training_rows
from mldev.data.preparation_findings import KINDS, SEVERITIES


def people(num_rows=200, seed=0):
    """A clean table with a target that follows from it."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "age": rng.integers(18, 80, num_rows).astype(float),
            "height": rng.normal(170, 8, num_rows).round(1),
            "income": np.exp(rng.normal(8, 0.4, num_rows)).round(),
            "city": rng.choice(["Lisbon", "Warsaw", "Helsinki"], num_rows),
            "member": rng.integers(0, 2, num_rows).astype(float),
        },
        index=[f"p{i}" for i in range(num_rows)],
    )
    y = (frame["age"] + 20 * frame["member"] + rng.normal(0, 3, num_rows) > 60).astype(int)
    return frame, y


def spoilt_people():
    """The same with one fault of most kinds; the rows of each are known."""
    frame, y = people()
    frame = frame.astype({"height": object, "city": object})
    frame.iloc[:3, 1] = ["171,5", "180 cm", "n/a"]
    frame.iloc[3:6, 3] = ["Lisbno", "WARSAW", ""]
    frame.iloc[6:10, 0] = -999
    frame.iloc[10:12, 0] = [180, 210]
    frame.iloc[12, 2] = 900_000
    frame.iloc[13:23, 2] = frame.iloc[13:23, 2] / 1000
    frame.iloc[23:26, 4] = [np.nan, np.nan, 7]
    return frame, y


def found(findings):
    return {(one.kind, one.column): set(one.rows) for one in findings}


def test_each_fault_is_found_where_it_is():
    seen = found(diagnose(*spoilt_people()))
    assert seen["disguised_missing", "height"] == {2} and seen["disguised_missing", "city"] == {5}
    assert {0, 1} <= seen["number_text", "height"]
    assert seen["misspelling", "city"] == {3, 4}
    assert seen["disguised_missing", "age"] == {6, 7, 8, 9}
    assert seen["impossible", "age"] == {10, 11} and seen["impossible", "member"] == {25}
    assert seen["outlier", "income"] == {12}
    assert seen["unit_mixup", "income"] == set(range(13, 23))
    assert seen["missing", "member"] == {23, 24}


def test_the_clean_table_has_no_findings():
    assert diagnose(*people()) == []


def test_a_finding_has_evidence_severity_and_a_proposal():
    findings = diagnose(*spoilt_people())
    for one in findings:
        assert one.kind in KINDS and one.severity in SEVERITIES
        assert one.evidence and one.proposal
    assert len(report(findings)) == len(findings)


def test_fixes_restore_the_values():
    clean, _ = people()
    mended = Doctor().fit(*spoilt_people()).transform(spoilt_people()[0])
    assert mended["height"].iloc[:2].tolist() == [171.5, 180.0]
    assert mended["city"].iloc[3:5].tolist() == ["Lisbon", "Warsaw"]
    np.testing.assert_allclose(mended["income"].iloc[13:23], clean["income"].iloc[13:23])
    assert not mended.isna().any().any()
    untouched = mended.iloc[30:]
    assert_frame_equal(untouched, clean.iloc[30:], check_dtype=False)


@pytest.mark.parity
def test_conformance_of_the_doctor(record_property):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of checks that skip themselves
        done = check_estimator(Doctor(), on_fail=None)
    failed = [one["check_name"] for one in done if one["status"] == "failed"]
    assert not failed
    assert sum(one["status"] == "passed" for one in done) > 40
    seen = {
        "algorithm": "Doctor",
        "library": "scikit-learn (check_estimator)",
        "version": sklearn.__version__,
        "tolerance": 0,
        "difference": len(failed),
        "kind": "conformance",
    }
    record_property("parity", seen)


@pytest.mark.parametrize("fill", ["median", "mean", "most_frequent", "model"])
def test_rows_keep_their_order_and_index(fill):
    frame, y = spoilt_people()
    doctor = Doctor(fill=fill).fit(frame, y)
    order = np.random.default_rng(1).permutation(len(frame))
    whole, shuffled = doctor.transform(frame), doctor.transform(frame.iloc[order])
    assert list(shuffled.index) == list(frame.index[order])
    assert_frame_equal(shuffled.loc[frame.index], whole)
    alone = doctor.transform(frame.iloc[[7]])
    assert_frame_equal(alone, whole.iloc[[7]])


def test_new_rows_teach_the_doctor_nothing():
    frame, y = spoilt_people()
    doctor = Doctor().fit(frame, y)
    before, fills = doctor.transform(frame.iloc[:20]), list(doctor.fills_)
    strange = frame.assign(age=np.linspace(40, 60, len(frame)), income=5000.0)
    doctor.transform(strange)
    assert_frame_equal(doctor.transform(frame.iloc[:20]), before)
    assert doctor.fills_ == fills
    assert Doctor().fit(strange, y).fills_ != fills, "training rows would have"


def test_unseen_words_stay_and_slips_of_known_ones_are_mended():
    frame, y = spoilt_people()
    doctor = Doctor().fit(frame, y)
    new = frame.iloc[[40, 41]].assign(city=["Reykjavik", "Helsniki"])
    assert doctor.transform(new)["city"].tolist() == ["Reykjavik", "Helsinki"]


def test_absent_and_newly_empty_columns_are_filled_and_unknown_ones_refused():
    frame, y = people()
    doctor = Doctor().fit(frame, y)
    mended = doctor.transform(frame.drop(columns="income"))
    assert list(mended.columns) == list(frame.columns)
    assert (mended["income"] == frame["income"].median()).all()
    assert set(doctor.explain(frame.drop(columns="income"))["why"]) == {"no such column came", "filled"}
    empty = doctor.transform(frame.assign(age=np.nan, city=None))
    assert not empty.isna().any().any()
    with pytest.raises(ValueError, match="no columns \\['income'\\]"):
        Doctor(absent="error").fit(frame, y).transform(frame.drop(columns="income"))
    with pytest.raises(ValueError, match="unknown columns \\['target'\\]"):
        doctor.transform(frame.assign(target=y))


def test_columns_in_another_order_come_back_in_theirs():
    frame, y = people()
    doctor = Doctor().fit(frame, y)
    assert_frame_equal(doctor.transform(frame[frame.columns[::-1]]), doctor.transform(frame))


def test_text_where_numbers_were_is_read_or_emptied():
    frame, y = people()
    doctor = Doctor().fit(frame, y)
    new = frame.iloc[:2].astype({"age": object})
    new["age"] = ["44 years", "old"]
    assert doctor.transform(new)["age"].tolist() == [44.0, frame["age"].median()]


def test_pickle_round_trip():
    frame, y = spoilt_people()
    doctor = Doctor(fill="model", bounds={"height": (100, 230)}).fit(frame, y)
    again = pickle.loads(pickle.dumps(doctor))
    assert_frame_equal(again.transform(frame), doctor.transform(frame))
    assert again.findings_ == doctor.findings_


def test_every_change_is_explained():
    frame, y = spoilt_people()
    doctor = Doctor().fit(frame, y)
    after = doctor.transform(frame)
    changes = doctor.explain(frame)
    last = changes.groupby(["row", "column"], sort=False)["after"].last()
    for name in frame:
        for row in frame.index:
            old, new = frame.at[row, name], after.at[row, name]
            if (row, name) in last.index:
                assert last[row, name] == new
            else:
                assert old == new
    assert changes["why"].str.len().gt(0).all()


def test_only_the_chosen_kinds_are_fixed():
    frame, y = spoilt_people()
    mended = Doctor(fixes=("misspelling",)).fit(frame, y).transform(frame)
    assert mended["city"].iloc[3] == "Lisbon" and mended["age"].iloc[6] == -999
    assert mended["member"].isna().sum() == 2


def test_bounds_of_the_user_count():
    frame, y = people()
    doctor = Doctor(bounds={"height": (150, 175)}).fit(frame, y)
    assert doctor.transform(frame)["height"].between(150, 175).all()


def test_repeated_rows_and_wrong_labels_go_from_the_training_table_only():
    frame, y = people()
    longer, target = pd.concat([frame, frame.iloc[:10]]), pd.concat([y, y.iloc[:10]])
    left, kept, findings = treat_training_rows(longer, target)
    assert len(left) == len(kept) == 200 and findings[0].kind == "duplicate"
    assert len(Doctor().fit(longer, target).transform(longer)) == 210


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda X, y: Doctor(fixes=["polish"]).fit(X, y), "fixes: got 'polish', allowed: "),
        (lambda X, y: Doctor(fixes="duplicate").fit(X, y), "fixes: got 'duplicate', allowed: "),
        (lambda X, y: Doctor(fill="zero").fit(X, y), "fill: got 'zero', allowed: median"),
        (lambda X, y: Doctor(absent="drop").fit(X, y), "absent: got 'drop', allowed: fill"),
        (lambda X, y: diagnose(X, y, kinds=["dirt"]), "kinds: got 'dirt', allowed: "),
        (lambda X, y: diagnose(X, y, bounds={"shoe": (1, 2)}), "bounds: X has no column 'shoe'"),
        (lambda X, y: diagnose(X, y, bounds={"age": (9, 2)}), "bounds: 'age' needs a lower"),
        (lambda X, y: diagnose(X, y[:-1]), "y: expected 200 values"),
        (lambda X, y: diagnose(X, y.where(y == 0)), "targets are missing"),
        (lambda X, y: diagnose(X.iloc[:0]), "0 sample"),
        (lambda X, y: diagnose(X[[]]), "0 feature"),
        (lambda X, y: diagnose(X[["age", "age"]]), "columns of the same name: age"),
    ],
)
def test_bad_input_gets_one_clear_error(call, message):
    with pytest.raises(ValueError, match=message):
        call(*people())


def test_cells_that_are_no_values_are_refused():
    with pytest.raises(TypeError, match="column 'a' of X: an argument must be a string"):
        diagnose(pd.DataFrame({"a": [1, {"b": 2}]}))


def test_dates_and_comma_numbers_mean_the_same_alone_as_in_a_batch():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(rng.integers(0, 400, 60), unit="D"),
            "size": rng.normal(1.3, 0.1, 60),
            "word": rng.choice(["5", "east", "west"], 60),
        }
    )
    doctor = Doctor().fit(frame)
    days = ["2020-01-05", "Feb 03, 2020", "05.04.2020", datetime.date(2020, 5, 6), pd.Timestamp("2020-07-08 10:00")]
    new = pd.DataFrame({"day": days, "size": ["1,234", "1.2", 1.1, "1,3", None], "word": [5, 5.0, "5", "east", None]})
    whole = doctor.transform(new)
    alone = pd.concat([doctor.transform(new.iloc[[row]]) for row in range(len(new))])
    assert_frame_equal(alone, whole)
    assert whole["day"].dt.strftime("%m-%d").tolist() == ["01-05", "02-03", "04-05", "05-06", "07-08"]
    assert whole["size"].iloc[0] == 1.234 and whole["word"].tolist()[:4] == ["5", "5", "5", "east"]


def test_the_order_of_day_and_month_is_learned():
    days = pd.Series([f"{d:02d}/04/2020" for d in range(1, 31)] + ["2020-04-02"] * 5)
    doctor = Doctor().fit(pd.DataFrame({"day": days}))
    assert doctor.transform(pd.DataFrame({"day": ["05/04/2020"]}))["day"].iloc[0] == pd.Timestamp("2020-04-05")


def test_faults_that_training_did_not_meet_are_mended_at_prediction():
    frame, y = people()
    doctor = Doctor().fit(frame, y)
    new = frame.iloc[:5].copy()
    new["age"], new["city"] = [-999.0, 212, -99, 40, 41], ["Lisbno", "n/a", "Lisbon", "Oslo", "WARSAW"]
    mended, usual = doctor.transform(new), frame["age"].median()
    assert mended["age"].tolist() == [usual, usual, usual, 40, 41]
    assert mended["city"].iloc[[0, 2, 3, 4]].tolist() == ["Lisbon", "Lisbon", "Oslo", "Warsaw"]
    assert mended["city"].iloc[1] in set(frame["city"])
    assert doctor.findings_ == []


def test_a_rare_word_of_training_is_not_a_slip_at_prediction():
    words = ["colour chart"] * 60 + ["colour charts"] * 10 + ["other"] * 30
    doctor = Doctor().fit(pd.DataFrame({"w": words}))
    new = pd.DataFrame({"w": ["colour charts", "colour chat"]})
    assert doctor.transform(new)["w"].tolist() == ["colour charts", "colour chart"]


def strong_column(num_rows=300):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(num_rows, 4)), columns=list("abcd"))
    return X, 3 * X["a"] + 0.9 * rng.normal(size=num_rows)


def test_a_strong_column_is_reported_and_stays_unless_told_otherwise():
    X, y = strong_column()
    found = [one for one in diagnose(X, y) if one.kind == "leakage"]
    assert [one.column for one in found] == ["a"] and "ask when" in found[0].proposal
    assert list(Doctor().fit(X, y).transform(X)) == list("abcd")
    dropping = Doctor(fixes=("leakage",)).fit(X, y)
    assert list(dropping.transform(X)) == list("bcd")
    told = dropping.explain(X.iloc[:3])
    assert told["why"].tolist() == ["column dropped"] * 3 and set(told["column"]) == {"a"}


def test_flags_are_explained():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"a": rng.normal(size=200), "b": rng.normal(size=200)})
    frame.loc[frame["b"] > 0.5, "a"] = np.nan
    doctor = Doctor().fit(frame)
    told = doctor.explain(frame)
    assert list(doctor.transform(frame)) == ["a", "b", "a was empty"]
    assert (told["column"] == "a was empty").sum() == 200


@pytest.mark.parametrize(
    "column",
    [
        np.random.default_rng(0).poisson(0.3, 1000).astype(float),
        np.r_[np.random.default_rng(1).normal(5, 3, 1000)],
        ["Australia"] * 300 + ["Austria"] * 9 + ["Iran"] * 300 + ["Iraq"] * 9 + ["Slovenia"] * 300 + ["Slovakia"] * 9,
        ["stage 1"] * 300 + ["stage 2"] * 9 + ["stage ii"] * 300 + ["stage i"] * 9,
        ["typical"] * 300 + ["atypical"] * 9,
    ],
    ids=["counts", "losses", "countries", "stages", "prefixes"],
)
def test_what_is_rare_and_right_is_left_alone(column):
    frame = pd.DataFrame({"a": column})
    wrong = [one for one in diagnose(frame) if one.kind in ("impossible", "misspelling")]
    assert wrong == []
    again = Doctor().fit(frame).transform(frame)["a"]
    assert (again == frame["a"]).mean() > 0.99  # an outlier may go


def test_slips_are_still_found_beside_what_is_right():
    words = ["Australia"] * 300 + ["Austria"] * 9 + ["Austarlia", "Ausstralia", "AUSTRALIA", "Austtralia"]
    mended = Doctor().fit(pd.DataFrame({"a": words})).transform(pd.DataFrame({"a": words}))["a"]
    assert mended.value_counts().to_dict() == {"Australia": 304, "Austria": 9}


def test_near_rows_are_judged_by_the_dimension():
    rng = np.random.default_rng(0)
    for width in (1, 2, 6):
        X = pd.DataFrame(rng.normal(size=(500, width)), columns=list("abcdef")[:width])
        assert diagnose(X, kinds=["near_duplicate"]) == []
    twice = pd.concat([X, X.iloc[:10] * 1.0001], ignore_index=True)
    assert diagnose(twice, kinds=["near_duplicate"])[0].rows == tuple(range(500, 510))


def test_repeats_in_a_long_table_are_found_along_a_few_directions():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(6000, 8)))
    twice = pd.concat([X, X.iloc[:100] * 1.0001], ignore_index=True)
    found = diagnose(twice, kinds=["near_duplicate"])[0].rows
    assert set(found) <= set(range(6000, 6100)) and len(found) > 95


def test_the_same_person_every_year_is_no_repeat():
    rng = np.random.default_rng(0)
    people = pd.DataFrame(rng.normal(size=(200, 3)), columns=list("abc"))
    years = pd.concat([people] * 4, ignore_index=True)
    visits = rng.poisson(3, len(years)).astype(float)
    assert diagnose(years, visits, kinds=["duplicate"]) == []
    assert diagnose(years, np.tile(visits[:200], 4), kinds=["duplicate"])


def test_quantities_are_judged_by_a_model_with_skill_only():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 3)), columns=list("abc"))
    noise = rng.normal(size=400)
    wrong = np.arange(400) < 10
    for slope, found in ((0.0, False), (3.0, True)):
        y = slope * X["a"] + noise + 40 * wrong
        assert bool(diagnose(X, y, kinds=["label_error"])) == found


STRANGE = {
    "texts of NumPy": [np.str_("1,5"), np.str_("2"), np.str_("n/a")] * 10,
    "early days": pd.Series(np.array(["1500-01-01", "1900-01-01", "2000-01-01"] * 10, dtype="datetime64[s]")),
    "too large": pd.Series([10**400, -(10**400), 3] * 10, dtype=object),
    "largest floats": [1e308, -1e308, 1.0] * 20,
    "days": [datetime.date(2020, 1, 1), pd.Timestamp("2021-01-01"), None] * 10,
    "days and text": [datetime.date(2020, 1, 1), "later", 3] * 10,
    "zones": [pd.Timestamp("2020-01-01", tz="Europe/Paris"), datetime.date(1, 1, 1), np.nan] * 10,
    "decimals": [decimal.Decimal("1.5"), decimal.Decimal("NaN"), 2] * 10,
    "durations": pd.to_timedelta(["1D", "2D", None] * 10),
    "single durations": [datetime.timedelta(days=1), np.timedelta64(2, "D"), 3.0] * 10,
    "periods": pd.period_range("2020-01", periods=30, freq="M"),
    "intervals": pd.interval_range(0, 30),
    "categories": pd.Categorical(["a", "b", None] * 10),
    "whole numbers with gaps": pd.array([1, None, 3] * 10, dtype="Int64"),
    "large ids": [2**53 + 1, 2**53 + 3, 2**53 + 5] * 10,
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_cells_are_read_or_emptied_and_every_row_stays(name):
    frame = pd.DataFrame({"a": STRANGE[name]})
    frame["b"] = np.arange(len(frame)) % 7.0
    for y in (None, np.arange(len(frame)) % 2, np.linspace(0, 1, len(frame)) ** 2):
        doctor = Doctor().fit(frame, y)
        mended = doctor.transform(frame)
        assert len(mended) == len(frame) and not mended.isna().any().any()
        assert len(doctor.explain(frame)) >= 0
        alone = pd.concat([doctor.transform(frame.iloc[[row]]) for row in range(3)])
        assert_frame_equal(alone, mended.iloc[:3])


def test_large_ids_stay_apart_and_durations_become_days():
    ids = pd.DataFrame({"id": np.arange(2**53, 2**53 + 40)})
    assert Doctor().fit(ids).transform(ids)["id"].tolist() == [str(one) for one in ids["id"]]
    lasting = pd.DataFrame({"a": pd.to_timedelta(np.arange(30), unit="h")})
    np.testing.assert_allclose(Doctor().fit(lasting).transform(lasting)["a"], np.arange(30) / 24)


def test_renamed_columns_are_refused_and_arrays_taken_by_place():
    frame, y = people()
    doctor = Doctor().fit(frame, y)
    with pytest.raises(ValueError, match="unknown columns"):
        doctor.transform(frame.rename(columns=str.upper))
    assert doctor.transform(frame.to_numpy()).shape == frame.shape


def test_dates_stored_as_text_in_one_format_are_read():
    frame = pd.DataFrame({"day": [f"2020-01-{day:02d}" for day in range(1, 31)]})
    assert [one.kind for one in diagnose(frame)] == ["mixed_dates"]
    assert Doctor().fit(frame).transform(frame)["day"].dtype.kind == "M"


PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
CELLS = st.one_of(
    st.none(),
    st.floats(),
    st.integers(-(10**6), 10**6),
    st.booleans(),
    st.text(max_size=6),
    st.sampled_from(["n/a", "", "-999", "1,234", "12,5", "3 kg", "2001-02-03", "03.02.2001", "Lisbon", "LISBON"]),
)
FRAMES = st.one_of(
    hpd.data_frames(
        [
            hpd.column("x", elements=st.floats()),
            hpd.column("w", elements=st.text(max_size=4)),
            hpd.column("d", dtype="datetime64[ns]"),
        ],
        index=hpd.range_indexes(min_size=1, max_size=40),
    ),
    st.integers(1, 30).flatmap(
        lambda n: st.fixed_dictionaries({name: st.lists(CELLS, min_size=n, max_size=n) for name in "ab"}).map(
            lambda cells: pd.DataFrame(cells, dtype=object)
        )
    ),
)


@settings(max_examples=50, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(FRAMES)
def test_no_frame_makes_it_crash(frame):
    doctor = Doctor().fit(frame)
    mended, changes = doctor.transform(frame), doctor.explain(frame)
    assert list(mended.index) == list(frame.index)
    assert not mended.isna().any().any()
    assert set(changes["column"]) <= set(frame.columns) | set(mended.columns)
    for one in doctor.findings_:
        assert all(0 <= row < len(frame) for row in one.rows)


@settings(max_examples=25, deadline=None, phases=PHASES, suppress_health_check=list(HealthCheck))
@given(
    st.lists(st.tuples(CELLS, CELLS, st.sampled_from(["yes", "no"])), min_size=2, max_size=60),
    st.booleans(),
)
def test_no_frame_with_a_target_makes_it_crash(rows, as_numbers):
    frame = pd.DataFrame([row[:2] for row in rows], columns=["a", "b"], dtype=object)
    y = np.array([row[2] for row in rows])
    target = (y == "yes") * 1.5 if as_numbers else y
    findings = diagnose(frame, target)
    left, kept, _ = treat_training_rows(frame, target)
    assert len(left) == len(kept)
    assert len(report(findings)) == len(findings)
