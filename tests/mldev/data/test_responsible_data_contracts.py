"""Data contracts: what they catch, what they cannot, and that pandera says the same."""

import pandas as pd
import pandera
import pytest

from mldev.data import responsible_data_contracts as chapter
from mldev.data.responsible_data_experiments import arrests_table

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
    record_property("parity", {
        "algorithm": f"data contract: verdicts on {len(tables)} tables", "library": "pandera",
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
