"""The downloads of a page with code: what they hold, and that they run in another folder."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from docutils import nodes

from bookbuild.export import Cell, as_markdown, as_notebook, as_script, cells_of, clean_output
from bookbuild.export_text import MarkdownWriter
from bookbuild.paths import Book

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(os.environ.get("BOOK_SITE_DIR", ROOT / "_build" / "html"))
CHAPTERS = Book.find(ROOT).notebooks()
SIGNS = re.compile(r"\{(glue|ref|numref|cite|term|eq|doc|claim)[^}`]*\}`|\{literalinclude\}|\{exercise|\{solution")


def notebook(*cells: tuple) -> nbformat.NotebookNode:
    made = [
        nbformat.v4.new_code_cell(text) if kind == "code" else nbformat.v4.new_markdown_cell(text)
        for kind, text in cells
    ]
    return nbformat.v4.new_notebook(cells=made)


def written(*content: nodes.Node, address: str = "") -> list[str | int]:
    document = nodes.section("", *content)
    return MarkdownWriter(address, lambda node: "").page(document)


def test_cells_keep_their_order_and_unseen_ones_their_place() -> None:
    book = notebook(("code", "setup"), ("text", "words"), ("code", "first"), ("code", "glue"), ("code", "last"))
    cells = cells_of(["words", 2, "more"], book)
    assert [cell.source for cell in cells] == ["words", "setup", "first", "more", "glue", "last"]


def test_outputs_lose_what_only_the_build_reads() -> None:
    output = {
        "output_type": "display_data",
        "data": {"text/plain": "x", "application/pdf": "JVBER", "application/vnd.mldev.claim+json": {}},
        "metadata": {"application/pdf": {}, "text/plain": {}},
    }
    assert clean_output(output) == {
        "output_type": "display_data",
        "data": {"text/plain": "x"},
        "metadata": {"text/plain": {}},
    }
    glued = {"output_type": "display_data", "data": {"application/papermill.record/text/plain": "1"}, "metadata": {}}
    assert clean_output(glued) is None
    assert clean_output({"output_type": "stream", "text": "a"}) == {"output_type": "stream", "text": "a"}


CELLS = [Cell("markdown", "# Title"), Cell("code", "%time\nx = 1", ("remove-cell",)), Cell("code", "x + 1", (), (), 2)]


def test_a_notebook_is_valid_and_always_the_same() -> None:
    text = as_notebook(CELLS, "book/a")
    assert text == as_notebook(CELLS, "book/a") != as_notebook(CELLS, "book/b")
    read = nbformat.reads(text, 4)
    nbformat.validate(read)
    assert read.cells[1].metadata.jupyter.source_hidden


def test_a_script_is_python_with_its_magics_asleep() -> None:
    script = as_script(CELLS)
    ast.parse(script)
    assert "# %time" in script and "# %% [markdown]\n# # Title" in script


def test_markdown_has_its_cells() -> None:
    text = as_markdown(CELLS)
    assert text.startswith("---\njupytext:") and "---\n\n# Title" in text
    assert "```{code-cell} ipython3\n:tags: [remove-cell]\n\n%time\nx = 1\n```" in text


def test_text_keeps_emphasis_maths_code_and_lists() -> None:
    line = nodes.paragraph(
        "", "", nodes.emphasis("", "so"), nodes.Text(" "), nodes.literal("", "x"), nodes.math("", "a^2")
    )
    items = nodes.bullet_list(
        "", nodes.list_item("", nodes.paragraph("", "one")), nodes.list_item("", nodes.paragraph("", "two"))
    )
    assert written(line, items) == ["*so* `x`$a^2$\n\n- one\n- two"]


def test_links_hold_outside_the_site_or_are_words() -> None:
    inside = nodes.paragraph("", "", nodes.reference("", "", nodes.Text("there"), refuri="../b.html#c"))
    outside = nodes.paragraph("", "", nodes.reference("", "", nodes.Text("far"), refuri="https://example.org/"))
    assert written(inside, outside) == ["there\n\n[far](https://example.org/)"]
    assert written(inside, address="https://book.example.org/x/a.html") == [
        "[there](https://book.example.org/b.html#c)"
    ]


def test_a_box_is_quoted_and_one_with_code_is_cut() -> None:
    assert written(nodes.note("", nodes.paragraph("", "Mind."))) == ["> **Note**\n>\n> Mind."]
    cell = nodes.container(nb_element="cell_code", cell_index=3)
    assert written(nodes.note("", nodes.paragraph("", "Run:"), cell)) == ["**Note**\n\nRun:", 3]


def test_a_fence_is_longer_than_any_in_the_code() -> None:
    assert written(nodes.literal_block("", "```\nx\n```", language="text")) == ["````text\n```\nx\n```\n````"]


@pytest.mark.parametrize("page", CHAPTERS)
def test_downloads_hold_the_whole_page(page: str) -> None:
    source = (ROOT / f"{page}.md").read_text("utf8")
    made = nbformat.read(SITE / f"{page}.ipynb", 4)
    nbformat.validate(made)
    code = [cell.source for cell in made.cells if cell.cell_type == "code"]
    assert len(code) == len(re.findall(r"^`{3,}\{code-cell\}", source, re.M))
    assert len({cell.id for cell in made.cells}) == len(made.cells)
    script, text = (SITE / f"{page}.py").read_text("utf8"), (SITE / f"{page}.md").read_text("utf8")
    ast.parse(script)
    for cell in code:
        assert cell in text
    prose = "\n".join(cell.source for cell in made.cells if cell.cell_type == "markdown")
    assert not SIGNS.search(prose) and not SIGNS.search(text) and not SIGNS.search(script)
    kinds = {kind for cell in made.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert not [kind for kind in kinds if "mldev" in kind or "papermill" in kind or kind == "application/pdf"]
    assert str(ROOT) not in json.dumps(made)


def test_downloads_run_in_another_folder(small_book: object, tmp_path: Path) -> None:
    small_book.build("html")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    page = next((small_book.root / "_build" / "html").rglob("one.py"))
    code = small_book.root / "code"
    for path in (page, page.with_suffix(".md")):
        (elsewhere / path.name).write_bytes(path.read_bytes())
    environment = {**os.environ, "PYTHONPATH": str(code), "MPLBACKEND": "agg"}
    command = [sys.executable, "one.py"]
    done = subprocess.run(command, cwd=elsewhere, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in elsewhere.iterdir()) == ["one.md", "one.py"]
