"""Lineage: the same hash for the same content, another for any other, and a chain that shows where it breaks."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mldev.data import responsible_data_lineage as chapter
from mldev.data.responsible_data_experiments import arrests_table

STEPS = {"adults": chapter.adults, "banded": chapter.banded, "without": chapter.without}


@pytest.fixture(scope="module")
def people():
    return arrests_table()


@pytest.fixture(scope="module")
def chain(people):
    frame, lineage = chapter.Lineage().then(people, chapter.adults, age=18)
    frame, lineage = lineage.then(frame, chapter.banded, years=5)
    frame, lineage = lineage.then(frame, chapter.without, column="citizen")
    return frame, lineage


values = st.one_of(st.integers(-3, 3), st.sampled_from(["", "a", "1"]), st.none(), st.floats(-1, 1))


@settings(max_examples=80, deadline=None)
@given(st.lists(values, min_size=1, max_size=6), st.integers(0, 5), values)
def test_any_other_value_is_another_hash(column, where, value):
    frame = pd.DataFrame({"x": pd.Series(column, dtype=object)})
    other = frame.copy()
    other.iloc[where % len(frame), 0] = value
    same = repr(frame["x"].tolist()) == repr(other["x"].tolist())
    assert (chapter.content_hash(frame) == chapter.content_hash(other)) == same


def test_names_types_order_and_index_count(people):
    small = people.head(20)
    variants = [
        small,
        small.rename(columns={"age": "years"}),
        small.astype({"age": "float64"}),
        small[small.columns[::-1]],
        small.iloc[::-1],
        small.set_index(np.arange(1, 21)),
        small.head(19),
    ]
    assert len({chapter.content_hash(variant) for variant in variants}) == len(variants)
    assert chapter.content_hash(small.copy()) == chapter.content_hash(small)


@pytest.mark.parity
def test_hashes_tell_tables_apart_as_pandas_does(record_property, people):
    rng, small, wrong = np.random.default_rng(0), people.head(50), 0
    reference = pd.util.hash_pandas_object(small).sum()
    for _ in range(100):
        other = small.copy()
        row, column = rng.integers(50), rng.choice(["age", "year", "colour", "checks"])
        other.loc[row, column] = small.loc[rng.integers(50), column]
        same = chapter.content_hash(other) == chapter.content_hash(small)
        wrong += same != (pd.util.hash_pandas_object(other).sum() == reference)
    record_property("parity", {
        "algorithm": "content hash: same or other table, 100 pairs", "library": "pandas",
        "version": str(pd.__version__), "tolerance": 0.0, "difference": float(wrong), "kind": "conformance",
    })  # fmt: skip
    assert wrong == 0


def test_the_chain_is_reproduced(people, chain):
    frame, lineage = chain
    assert lineage.verify(people, STEPS) == "reproduced"
    assert (frame["age"] % 5 == 0).all() and "citizen" not in frame
    assert lineage.table().shape == (3, 3)


def test_the_chain_says_where_it_breaks(people, chain):
    lineage = chain[1]
    changed = people.copy()
    changed.loc[0, "age"] += 1
    assert lineage.verify(changed, STEPS) == "step 1 (adults): other data came in"
    other_code = STEPS | {"banded": lambda frame, years: frame}
    assert lineage.verify(people, other_code) == "step 2 (banded): other code"


def test_a_step_that_does_not_repeat_itself_is_found(people):
    state = iter([1, 2])

    def moody(frame):
        return frame.head(next(state))

    _, lineage = chapter.Lineage().then(people, moody)
    assert lineage.verify(people, {"moody": moody}) == "step 1 (moody): other data went out"


def test_indexes_and_gaps_have_a_hash():
    named = pd.DataFrame({"x": [1, 2]}, index=pd.Index([0, 1], name="x"))
    double = pd.DataFrame({"x": [1, 2]}, index=pd.MultiIndex.from_tuples([(0, 1), (1, 2)]))
    assert chapter.content_hash(named) != chapter.content_hash(named.rename_axis(None)) != chapter.content_hash(double)
    gaps = [pd.DataFrame({"x": pd.array([1, None, last], dtype="Int64")}) for last in (300, 300, 301)]
    hashes = [chapter.content_hash(frame) for frame in gaps]
    assert hashes[0] == hashes[1] != hashes[2]


def helper(age):
    return age // 5


def uses(frame):
    return frame.assign(age=[helper(age) for age in frame["age"]])


def test_code_of_helpers_counts(monkeypatch):
    before = chapter.code_hash(uses)
    assert before == chapter.code_hash(uses)

    def other(age):
        return age // 10

    monkeypatch.setitem(globals(), "helper", other)
    assert chapter.code_hash(uses) != before


def test_a_missing_step_is_named(people, chain):
    with pytest.raises(ValueError, match="functions: no 'without'; there are adults, banded"):
        chain[1].verify(people, {"adults": chapter.adults, "banded": chapter.banded})


def test_identity_depends_on_every_argument(people):
    bands = [chapter.Lineage().then(people, chapter.banded, years=years)[1] for years in (5, 5, 10)]
    assert bands[0].identity == bands[1].identity != bands[2].identity


def test_a_step_begins_where_the_last_one_ended(people, chain):
    with pytest.raises(ValueError, match="not what step 'without' gave out"):
        chain[1].then(people, chapter.banded)


def test_the_source_stays_as_it_was(people):
    def spoil(frame):
        frame["age"] = 0
        return frame

    chapter.Lineage().then(people, spoil)
    assert people.equals(arrests_table())
