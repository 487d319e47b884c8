"""The data appendix: cards hold what was computed, and the page has a section for every entry of the registry."""

import re
from pathlib import Path

import pytest

from mldev.datasets import REGISTRY, load
from mldev.datasets_cards import card, coefficients, columns

PAGE = Path(__file__).parents[2] / "book" / "back" / "data.md"


@pytest.mark.parametrize("name", [name for name in REGISTRY if name != "glyphs"])
def test_card_tells_all(name):
    entry, text = REGISTRY[name], card(name).data
    for part in (entry.description, entry.size_text, entry.source, entry.licence, f"load({name!r})"):
        assert part in text
    for column in entry.sensitive:
        assert f"`{column}`" in text
    assert ("**Truth**" in text) == entry.synthetic
    assert "nan" not in text.lower().split()


def test_card_computes():
    assert "held 17%, released 83%" in card("arrests").data
    assert "19 missing cells" in card("penguins").data
    assert "59 gaps" in card("co2").data and "1958-03 to 2001-12" in card("co2").data
    assert f"{load('churn').truth.effects['retention_offer']:+.3f}" in card("churn").data
    assert "changes at row 5,000" in card("drift").data


def test_columns_are_described():
    table = columns("arrests")
    assert table.loc["colour", "values"] == "Black, White"
    assert table.loc["year", "values"] == "1997 to 2002"
    assert columns("penguins").loc["sex", "missing"] == "11"
    assert list(columns("breast_cancer", limit=3).index)[-1] == "and 27 more"
    assert len(columns("randhie")) == load("randhie").X.shape[1]


def test_coefficients_are_the_truth():
    assert dict(coefficients("housing")["coefficient"]) == load("housing").truth.coefficients
    assert list(coefficients("drift").columns) == ["concept A", "concept B"]


def test_the_page_has_a_section_per_entry():
    page = PAGE.read_text(encoding="utf-8")
    sections = dict(re.findall(r"^\(data-([a-z0-9-]+)\)=\n### (.+)$", page, flags=re.M))
    assert sections == {name.replace("_", "-"): entry.title for name, entry in REGISTRY.items()}
    for name in REGISTRY:
        assert page.count(f'card("{name}")') == 1
    for name in (name for name, entry in REGISTRY.items() if entry.synthetic):
        assert f'coefficients("{name}")' in page
