"""Gather what the executed pages hold: figures (redrawn into `figures/` at every build) and claims."""

from __future__ import annotations

import base64
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

from nbformat import NotebookNode

from bookbuild.execute import chapter_of, recorded
from bookbuild.notebooks import executed_pages
from bookbuild.paths import Book, write_atomically

CLAIM = "application/vnd.mldev.claim+json"
CHART = "application/vnd.mldev.chart+json"
KEPT = "README.md"


def page_figures(docname: str, notebook: NotebookNode) -> dict[str, tuple[str, bytes]]:
    """Each captioned figure of a page: its label, caption and picture (vector where there is one)."""
    found = {}
    for cell in notebook.cells:
        figure = cell.metadata.get("mystnb", {}).get("figure", {})
        if "name" not in figure:
            continue
        for output in cell.get("outputs", []):
            picture = picture_of(output.get("data", {}))
            if picture:
                suffix, content = picture
                found[f"{figure['name']}{suffix}"] = (figure.get("caption", ""), content)
    return found


def picture_of(data: dict) -> tuple[str, bytes] | None:
    if CHART in data:
        return ".svg", data[CHART]["svg"].encode()
    if "image/svg+xml" in data:
        return ".svg", data["image/svg+xml"].encode()
    if "image/png" in data:
        return ".png", base64.b64decode(data["image/png"])
    return None


def page_claims(docname: str, notebook: NotebookNode) -> list[dict]:
    """Each claim of a page, in reading order."""
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    marks = [output["data"][CLAIM] for output in outputs if CLAIM in output.get("data", {})]
    return [{**mark, "docname": docname, "chapter": chapter_of(docname)} for mark in marks]


def redraw(book: Book, figures: dict[str, dict[str, tuple[str, bytes]]]) -> None:
    """Write every figure that changed, and remove every file that no page draws any more."""
    wanted = {
        Path(chapter_of(doc)) / file: content for doc, page in figures.items() for file, (_, content) in page.items()
    }
    for path, content in wanted.items():
        target = book.figures / path
        if not target.exists() or target.read_bytes() != content:
            write_atomically(target, content)
    if not book.figures.exists():
        return
    for path in sorted(book.figures.rglob("*"), reverse=True):
        relative = path.relative_to(book.figures)
        if path.is_dir():
            if not any(path.iterdir()):
                path.rmdir()
        elif relative not in wanted and relative != Path(KEPT):
            path.unlink()


def write_json(book: Book, name: str, content: object) -> None:
    """Write one collected list, leaving the file alone when nothing changed."""
    path = book.collected / name
    text = json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    if not path.exists() or path.read_text("utf8") != text:
        write_atomically(path, text)


def collect(book: Book) -> list[dict]:
    """Gather figures and claims of every executed page. Returns the claims."""
    pages = executed_pages(book)
    figures = {name: page_figures(name, notebook) for name, notebook in pages.items()}
    claims = [claim for name, notebook in pages.items() for claim in page_claims(name, notebook)]
    redraw(book, figures)
    listed = [
        {"docname": doc, "label": Path(file).stem, "caption": caption, "file": f"figures/{chapter_of(doc)}/{file}"}
        for doc, page in figures.items()
        for file, (caption, _) in page.items()
    ]
    write_json(book, "figures.json", listed)
    write_json(book, "claims.json", claims)
    write_json(book, "status.json", [asdict(run) for run in map(partial(recorded, book), pages) if run])
    return claims


def collected(book: Book, name: str) -> list[dict]:
    """One collected list; empty before the first build."""
    path = book.collected / f"{name}.json"
    return json.loads(path.read_text("utf8")) if path.exists() else []
