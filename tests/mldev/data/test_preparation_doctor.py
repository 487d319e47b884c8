"""The data doctor as a tool: conformance, any input, training data only, order, pickle, explanations."""

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
    before = doctor.transform(frame.iloc[:20])
    strange = frame.assign(age=np.linspace(40, 60, len(frame)), income=5000.0)
    doctor.transform(strange)
    assert_frame_equal(doctor.transform(frame.iloc[:20]), before)
    for fix in Doctor().fit(frame.iloc[:150], y[:150]).fills_:
        assert fix in Doctor().fit(pd.concat([frame.iloc[:150]]), y[:150]).fills_


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
    assert set(changes["column"]) <= set(frame.columns)
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
