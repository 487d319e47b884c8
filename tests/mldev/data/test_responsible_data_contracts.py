"""Data contracts: what they catch, what they cannot, and that pandera says the same."""

import pandas as pd
import pandera
import pytest

from mldev.data import responsible_data_contracts as chapter
from mldev.data.responsible_data_experiments import arrests_table
from mldev.data.responsible_data_sheets import as_frame
from mldev.datasets import REGISTRY, load

SMALL = [name for name in REGISTRY if name not in ("glyphs", "docstrings", "mnist")]
ODD = {
    "categories of integers": pd.Categorical([1, 2, None]),
    "numbers and words": [1, "a", 2.5],
    "booleans as objects": pd.Series([True, False, None], dtype=object),
    "dates": pd.to_datetime(["2020-01-01", None, "2021-01-01"]),
    "nullable integers": pd.array([1, None, 2**60 + 1], dtype="Int64"),
    "large integers": [2**60 + 1, 1, 2],
    "booleans": [True, False, True],
    "nothing": [None, None, None],
}

CAUGHT = {
    "impossible year": ("year", "range", 20),
    "impossible age": ("age", "range", 20),
    "age in months": ("age", "range", 20),
    "misspelt word": ("colour", "values", 20),
    "missing word": ("employed", "missing", 20),
    "number as text": ("age", "type", 5226),
    "column lost": ("checks", "absent", 5226),
    "column added": ("postcode", "unknown", 5226),
}


@pytest.fixture(scope="module")
def people():
    return arrests_table()


@pytest.fixture(scope="module")
def contract(people):
    return chapter.learn(people)


def findings(table):
    return sorted(map(tuple, table.to_numpy().tolist()))


def test_a_table_keeps_its_own_contract(people, contract):
    assert contract.check(people).empty
    assert list(contract.check(people).columns) == list(chapter.FINDING)


@pytest.mark.parametrize("name", SMALL)
def test_every_data_set_keeps_its_own_contract(name):
    frame, _ = as_frame(load(name))
    assert len(chapter.learn(frame).check(frame)) == 0


@pytest.mark.parametrize("kind", ODD)
def test_odd_columns_keep_their_contract_and_break_others(kind):
    frame = pd.DataFrame({"x": ODD[kind]})
    contract = chapter.learn(frame)
    assert len(contract.check(frame)) == 0
    if kind != "nothing":
        narrow = chapter.learn(frame.iloc[[0]])
        assert len(narrow.check(frame)) > 0
    assert findings(contract.check(pd.DataFrame({"x": [1j, 2j, 3j]})))[0][1] in ("range", "type")


def test_what_cannot_be_a_contract_is_an_error(people, contract):
    twice = pd.concat([people, people[["age"]]], axis=1)
    for use in (chapter.learn, contract.check):
        with pytest.raises(ValueError, match="several columns are called 'age'"):
            use(twice)
    with pytest.raises(ValueError, match="column 'x' holds list: expected values that can be compared"):
        chapter.learn(pd.DataFrame({"x": [[1], [2]]}))


@pytest.mark.parametrize("fault", chapter.FAULTS)
def test_what_each_fault_is_called(people, contract, fault):
    spoilt = chapter.planted(people, fault)
    assert not spoilt.equals(people) and people.equals(arrests_table())
    expected = [CAUGHT[fault]] if fault in CAUGHT else []
    assert findings(contract.check(spoilt)) == expected


def test_an_empty_contract_catches_only_columns(people):
    spoilt = chapter.planted(people, "impossible age")
    assert set(chapter.Contract(()).check(spoilt)["rule"]) == {"unknown"}


@pytest.mark.parity
def test_pandera_gives_the_same_verdicts(record_property, people, contract):
    schema, wrong = chapter.to_pandera(contract), 0
    tables = [chapter.planted(people, fault) for fault in chapter.FAULTS]
    tables += [people, people.assign(age=people["age"].where(people["age"] > 15)), people.head(0)]
    tables.append(chapter.planted(chapter.planted(people, "age in months"), "misspelt word"))
    for table in tables:
        ours, theirs = contract.check(table), chapter.pandera_findings(schema, table)
        wrong += findings(ours) != findings(theirs)
    for name in ("penguins", "co2", "wine"):
        frame, _ = as_frame(load(name))
        narrow = chapter.learn(frame.head(50))
        ours = findings(narrow.check(frame))
        wrong += not ours or ours != findings(chapter.pandera_findings(chapter.to_pandera(narrow), frame))
    record_property("parity", {
        "algorithm": f"data contract: verdicts on {len(tables) + 3} tables", "library": "pandera",
        "version": str(pandera.__version__), "tolerance": 0.0, "difference": float(wrong), "kind": "conformance",
    })  # fmt: skip
    assert wrong == 0


def test_people_correct_what_was_learned(contract):
    better = contract.completed(age={"low": 0, "high": 110})
    rules = {rule.column: rule for rule in better.rules}
    assert (rules["age"].low, rules["age"].high) == (0, 110)
    assert rules["checks"] == {rule.column: rule for rule in contract.rules}["checks"]
    with pytest.raises(ValueError, match="no rule for height; there are colour"):
        contract.completed(height={"low": 0})


def test_gaps_in_numbers_change_the_type():
    frame = pd.DataFrame({"age": [20, 30]})
    found = chapter.learn(frame).check(pd.DataFrame({"age": [20, None]}))
    assert findings(found) == [("age", "missing", 1), ("age", "type", 2)]


def test_unknown_fault(people):
    with pytest.raises(ValueError, match="fault 'rust': expected one of impossible year"):
        chapter.planted(people, "rust")
