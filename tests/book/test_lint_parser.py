"""The parser of pages: whatever it is given, it ends, keeps line numbers, and says what it could not read."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bookbuild.lint.bibliography import entries
from bookbuild.lint.page import Page
from bookbuild.lint.quantities import measured
from bookbuild.lint.rules_quantities import blank, sentences

PIECES = st.sampled_from(
    [
        *("```", "````", "~~~", ":::", "```{code-cell} ipython3", "```{note}", ":::{tip} Title", "```python"),
        *("---", ":tags: [a]", "mystnb:", "  figure: {name: fig-a", "# A", "### B", "(label)=", "% comment", "+++"),
        *(
            "<!--",
            "-->",
            "{ref}`a <b>`",
            "{cite}`k`",
            "`code`",
            "``{x}`y` ``",
            "$x$",
            "| a | b |",
            "- item",
            "",
            "0.93",
        ),
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.one_of(PIECES, st.text(max_size=20).filter(lambda text: "\n" not in text)), max_size=25))
def test_any_text_is_read(lines):
    text = "\n".join(lines)
    page = Page.parse("book/a.md", text)
    last = text.count("\n") + 1
    numbers = [line.number for line in page.prose] + [heading.line for heading in page.headings]
    numbers += [directive.line for directive in page.directives] + [role.line for role in page.roles]
    numbers += [line for line, _ in page.problems] + [cell.first_line for cell in page.cells]
    assert all(1 <= number <= last for number in numbers)
    source = text.split("\n")
    for block in page.blocks:
        assert [line.number for line in block.lines] == sorted(line.number for line in block.lines)
        assert len(blank(block.text)) == len(block.text)
    for heading in page.headings:
        assert source[heading.line - 1].startswith("#")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="ab. 0123456789%x-,half twice times three of", max_size=80))
def test_places_of_quantities_are_right(text):
    for start, words, _ in measured(text):
        assert text[start : start + len(words) + 1].strip().startswith(words)
    assert "".join(text[offset : offset + len(part)] for offset, part in sentences(text)).replace(" ", "") in (
        text.replace(" ", "")
    )


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("---\na: 1\n# A\n", 1, "front matter is never closed"),
        ("---\na: [1\n---\n# A\n", 3, "front matter is not valid YAML"),
        ("---\n- a\n---\n# A\n", 1, "not a list of keys"),
        ("# A\n\n```{note}\nText.\n", 3, "'note' is never closed"),
        ("# A\n\n```python\nx = 1\n", 3, "'code' is never closed"),
        ("# A\n\n```{code-cell}\n---\ntags: [a]\nx = 1\n```\n", 4, "options of 'code-cell' are never closed"),
    ],
)
def test_what_cannot_be_read_is_a_problem_with_its_line(text, line, says):
    problems = Page.parse("book/a.md", text).problems
    assert any(says in problem and abs(number - line) <= 1 for number, problem in problems), problems


def test_lines_of_a_cell_survive_its_options():
    text = "# A\n\n```{code-cell} ipython3\n---\ntags: [hide-input]\n---\n\nx = 1\n\ny = 2\n```\n"
    cell = Page.parse("book/a.md", text).cells[0]
    assert cell.source.split("\n")[8 - cell.first_line] == "x = 1"
    assert cell.tags == ["hide-input"]


def test_entries_of_a_bibliography():
    text = "@string{a = {b}}\n@book{one, title = {T},\n  doi = {10.1/1},\n}\n\n@misc{two,\n url = {},\n note={x}}\n"
    found = [(entry.key, entry.line, sorted(entry.fields)) for entry in entries(text)]
    assert found == [("one", 2, ["doi", "title"]), ("two", 6, ["note"])]
    assert entries("") == []
