"""Datasheets and licences: what is computed is right, what nobody said stays open."""

import json
from dataclasses import replace

import pandas as pd
import pytest
import skrub

from mldev.data import responsible_data_law as law
from mldev.data import responsible_data_sheets as chapter
from mldev.data.responsible_data_experiments import arrests_table
from mldev.datasets import REGISTRY, load

SMALL = [name for name in REGISTRY if name not in ("glyphs", "docstrings", "mnist")]
SECTIONS = ("Motivation", "Composition", "Collection", "Preparation", "Uses", "Distribution", "Maintenance")


@pytest.mark.parametrize("name", SMALL)
def test_every_answer_says_where_it_came_from(name):
    sheet = chapter.datasheet(name)
    assert [answer.question for answer in sheet.answers] == list(chapter.QUESTIONS)
    assert sum(sheet.counts().values()) == len(chapter.QUESTIONS)
    for answer in sheet.answers:
        assert bool(answer.text) == (answer.source != "open")
        assert answer.source in (answer.question.who, "open")
        unnamed = law.about_people(name) and answer.question.key in ("sensitive", "groups", "unique")
        answerable = answer.question.who != "people" and not unnamed
        assert answer.text or not answerable, "what can be computed or looked up is never open"
    assert sheet.completeness == pytest.approx(1 - len(sheet.open) / len(sheet.answers))


def test_the_sections_are_those_of_gebru():
    assert tuple(dict.fromkeys(question.section for question in chapter.QUESTIONS)) == SECTIONS


def test_questions_about_consent_are_open_for_patients_and_closed_for_wine():
    keys = {answer.question.key: answer for answer in chapter.datasheet("diabetes").answers}
    assert keys["consent"].source == "open"
    keys = {answer.question.key: answer for answer in chapter.datasheet("wine").answers}
    assert keys["consent"].text == "not about people"


def test_synthetic_data_leave_nothing_open():
    assert all(chapter.datasheet(name).completeness == 1 for name in ("churn", "credit", "housing", "drift"))


def test_people_answer_or_nobody_does(monkeypatch):
    complete = chapter.datasheet("arrests").completeness
    monkeypatch.setattr(chapter, "ANSWERS", {})
    assert chapter.datasheet("arrests").completeness < complete


def test_the_sheet_of_the_arrests():
    text = chapter.datasheet("arrests").markdown()
    assert (
        "5,226 rows, 8 columns" in text
        and "White 75.4%" in text
        and "1,653 rows (32%) are alone with their features, 59 already" in text
    )
    assert "*Who mends errors?* **open**" in text and "(open)" not in text
    assert text.count("**open**") == len(chapter.datasheet("arrests").open)


def test_nobody_said_which_columns_of_patients_are_sensitive():
    keys = {answer.question.key: answer for answer in chapter.datasheet("breast_cancer").answers}
    assert keys["sensitive"].source == keys["groups"].source == "open"
    assert keys["unique"].text == "569 rows (100%) are alone with their features"
    keys = {answer.question.key: answer for answer in chapter.datasheet("wine").answers}
    assert (keys["sensitive"].text, keys["groups"].text) == ("none", "not about people")


@pytest.mark.parity
def test_facts_equal_skrubs_report(record_property):
    wrong = 0
    for name in ("arrests", "penguins", "wine"):
        frame, _ = chapter.as_frame(load(name))
        report = json.loads(
            skrub.TableReport(frame, plot_distributions=False, compute_associations=False, verbose=0).json()
        )
        facts = chapter.computed_facts(load(name))
        gaps = sum(column["null_count"] for column in report["columns"])
        size = f"{report['n_rows']:,} rows, {report['n_columns']:,} columns"
        wrong += (facts["size"], facts["missing"]) != (size, f"{gaps:,} cells")
    record_property("parity", {
        "algorithm": "datasheet: rows, columns and gaps of 3 tables", "library": "skrub (TableReport)",
        "version": str(skrub.__version__), "tolerance": 0.0, "difference": float(wrong), "kind": "conformance",
    })  # fmt: skip
    assert wrong == 0


def test_repeats_and_hashes_follow_the_data():
    facts = chapter.computed_facts(load("arrests"), ("colour",))
    assert facts["duplicates"].startswith(f"{arrests_table().duplicated().sum():,} rows")
    assert facts["hash"] == chapter.computed_facts(load("arrests"))["hash"]
    table = load("arrests")
    other = replace(table, y=1 - table.y)
    assert chapter.computed_facts(other)["hash"] != facts["hash"]


def test_images_and_series_have_facts():
    digits = chapter.computed_facts(load("digits"))
    assert digits["types"] == "float32 images of 8 x 8 pixels" and digits["size"].startswith("1,797 rows")
    assert chapter.computed_facts(load("co2"))["missing"] == "59 cells"
    assert isinstance(chapter.as_frame(load("nile"))[0], pd.DataFrame)


def test_every_data_set_has_a_licence_and_an_answer():
    table = law.licences()
    assert list(table.index) == list(REGISTRY) == list(law.ABOUT)
    assert table.loc["penguins", "licence"] == "CC0" and table.loc["wine", "licence"] == "CC BY"
    assert table.loc["arrests", "licence"] == "none stated" and table.loc["churn", "licence"] == "MIT"


def test_sensitive_columns_mean_people():
    for name, entry in REGISTRY.items():
        assert law.about_people(name) or not entry.sensitive or entry.synthetic


def test_an_unknown_licence_is_an_error():
    odd = replace(REGISTRY["wine"], licence="ask my aunt")
    with pytest.raises(ValueError, match="wine: the licence 'ask my aunt' has none of the known words"):
        law.family(odd)
