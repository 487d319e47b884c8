"""Downloads of every page with code: the executed notebook, a plain script, and Markdown.

All three hold the same cells in the same order, with the text as the site shows it, and run in any folder where the
book's packages are installed.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from docutils import nodes
from nbformat import NotebookNode
from sphinx.application import Sphinx

from bookbuild.export_text import MarkdownWriter
from bookbuild.fingerprint import Inputs
from bookbuild.notebooks import cached, open_cache, read_page
from bookbuild.paths import Book, is_notebook, write_atomically

DROPPED_TYPES = ("application/pdf", "application/papermill.record/", "application/vnd.mldev.")
HIDDEN_TAGS = {"hide-input", "hide-cell", "remove-input", "remove-cell"}
MAGIC = re.compile(r"^\s*[%!]")
HEAD = """\
---
jupytext: {text_representation: {extension: .md, format_name: myst}}
kernelspec: {name: python3, display_name: Python 3}
---"""


@dataclass(frozen=True)
class Cell:
    """One cell of a download: Markdown, or code with its outputs."""

    kind: str
    source: str
    tags: tuple[str, ...] = ()
    outputs: tuple[dict, ...] = ()
    count: int | None = None


def cells_of(pieces: list[str | int], notebook: NotebookNode) -> list[Cell]:
    """The cells in order. Code cells that the page does not show (setting up, gluing) keep their place."""
    result: list[Cell] = []
    waiting = [number for number, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    for piece in pieces:
        if isinstance(piece, str):
            result.append(Cell("markdown", piece))
            continue
        while waiting and waiting[0] <= piece:
            result.append(code_cell(notebook.cells[waiting.pop(0)]))
    return result + [code_cell(notebook.cells[number]) for number in waiting]


def code_cell(cell: NotebookNode) -> Cell:
    outputs = [clean_output(output) for output in cell.get("outputs", [])]
    tags = tuple(cell.metadata.get("tags", ()))
    return Cell("code", cell.source, tags, tuple(o for o in outputs if o is not None), cell.get("execution_count"))


def clean_output(output: dict) -> dict | None:
    """An output without what only this book's build reads; `None` when nothing is left of it."""
    output = json.loads(json.dumps(output))
    if "data" not in output:
        return output
    output["data"] = {kind: data for kind, data in output["data"].items() if not kind.startswith(DROPPED_TYPES)}
    output["metadata"] = {key: value for key, value in output.get("metadata", {}).items() if key in output["data"]}
    return output if output["data"] else None


def as_notebook(cells: list[Cell], docname: str) -> str:
    """The notebook file: the same page gives the same bytes."""
    listed = []
    for number, cell in enumerate(cells):
        identity = hashlib.sha256(f"{docname}:{number}".encode()).hexdigest()[:12]
        entry: dict = {"cell_type": cell.kind, "id": identity, "metadata": {}, "source": cell.source.splitlines(True)}
        if cell.kind == "code":
            if cell.tags:
                entry["metadata"]["tags"] = list(cell.tags)
            if HIDDEN_TAGS.intersection(cell.tags):
                entry["metadata"]["jupyter"] = {"source_hidden": True}
            entry |= {"execution_count": cell.count, "outputs": list(cell.outputs)}
        listed.append(entry)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    whole = {
        "cells": listed,
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(whole, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def as_script(cells: list[Cell]) -> str:
    """A Python script in the percent format, which editors run cell by cell."""
    parts = []
    for cell in cells:
        lines = cell.source.splitlines()
        if cell.kind == "markdown":
            parts.append("\n".join(["# %% [markdown]", *(f"# {line}".rstrip() for line in lines)]))
        else:
            parts.append("\n".join(["# %%", *(f"# {line}" if MAGIC.match(line) else line for line in lines)]))
    return "\n\n".join(parts) + "\n"


def as_markdown(cells: list[Cell]) -> str:
    """A MyST notebook: text with code cells, which JupyterLab (with jupytext) opens and runs."""
    parts = [HEAD]
    for cell in cells:
        if cell.kind == "markdown":
            parts.append(cell.source)
            continue
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", cell.source)), default=0))
        tags = [f":tags: [{', '.join(cell.tags)}]", ""] if cell.tags else []
        parts.append("\n".join([f"{fence}{{code-cell}} ipython3", *tags, cell.source, fence]))
    return "\n\n".join(parts) + "\n"


def number_finder(app: Sphinx, docname: str) -> Callable[[nodes.Element], str]:
    """How the site numbers the headings, figures, equations and numbered boxes of a page."""
    env = app.env
    standard = env.get_domain("std")

    def number(node: nodes.Element) -> str:
        if isinstance(node, nodes.section):
            return heading_number(node)
        kind = "displaymath" if isinstance(node, nodes.math_block) else standard.get_enumerable_node_type(node)
        known = env.toc_fignumbers.get(docname, {}).get(kind, {})
        found = next((".".join(map(str, known[name])) for name in node.get("ids", []) if name in known), "")
        if not found or kind == "displaymath":
            return found
        return app.config.numfig_format.get(kind, f"{kind.title()} %s") % found

    def heading_number(node: nodes.section) -> str:
        numbers = env.toc_secnumbers.get(docname, {})
        anchors = [f"#{name}" for name in node.get("ids", [])]
        found = next((numbers[anchor] for anchor in anchors if anchor in numbers), None)
        if found is None and isinstance(node.parent, nodes.document):
            found = numbers.get("")
        return ".".join(map(str, found)) + "." if found else ""

    return number


def page_context(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Write the downloads of every page with code that this build writes."""
    if doctree is None or app.builder.name != "html":
        return
    book = Book.find(app.srcdir)
    source = book.source(pagename)
    if not source.exists() or not is_notebook(source.read_text("utf8")):
        return
    inputs = getattr(app, "mldev_inputs", None) or Inputs(book.root)
    notebook = cached(open_cache(book), read_page(source, inputs))
    if notebook is None:
        return
    base = app.config.html_baseurl
    address = base + app.builder.get_target_uri(pagename) if base else ""
    pieces = MarkdownWriter(address, number_finder(app, pagename)).page(doctree)
    cells = cells_of(pieces, notebook)
    target = Path(app.outdir, f"{pagename}.html")
    write_atomically(target.with_suffix(".ipynb"), as_notebook(cells, pagename))
    write_atomically(target.with_suffix(".py"), as_script(cells))
    write_atomically(target.with_suffix(".md"), as_markdown(cells))


def forget_pages(app: Sphinx, exception: Exception | None) -> None:
    """Remove the downloads of pages that are gone."""
    if exception is not None or app.builder.name != "html":
        return
    out = Path(app.outdir)
    for path in sorted(out.rglob("*.ipynb")):
        if path.relative_to(out).with_suffix("").as_posix() not in app.env.all_docs:
            for suffix in (".ipynb", ".py", ".md"):
                path.with_suffix(suffix).unlink(missing_ok=True)


def setup(app: Sphinx) -> dict:
    app.connect("html-page-context", page_context, priority=400)
    app.connect("build-finished", forget_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
