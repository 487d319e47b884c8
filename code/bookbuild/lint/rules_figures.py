"""Rule 2: every picture has a label, a caption, a real alternative text, and is referred to."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass

from bookbuild.lint.book import Book
from bookbuild.lint.cells import draws
from bookbuild.lint.faults import Fault
from bookbuild.lint.page import Directive, Page

LABEL = re.compile(r"^fig-[a-z0-9]+(?:-[a-z0-9]+)*$")
FILE = re.compile(r"\.(?:svg|png|jpe?g|pdf|gif|webp)\b|^[\w.-]*/[\w./-]+$", re.IGNORECASE)
MARKDOWN_IMAGE = re.compile(r"!\[(?P<alt>[^\]]*)\]\((?P<source>[^)\s]*)")
MARKDOWN_LINK = re.compile(r"\]\(#?(?P<label>fig-[\w-]+)\)")
SHORTEST_ALT = 25


@dataclass(frozen=True)
class Picture:
    """A picture of a page, whatever way it came in."""

    line: int
    label: str
    caption: str
    alt: str
    alt_line: int


def _pictures(page: Page) -> Iterator[Picture]:
    for cell in page.cells:
        if cell.figure or cell.image or _shows(cell):
            label, caption = str(cell.figure.get("name") or ""), str(cell.figure.get("caption") or "")
            yield Picture(cell.line, label, caption, str(cell.image.get("alt") or ""), cell.line_of("alt:"))
    for found in page.named("figure", "glue:figure"):
        label, alt = str(found.options.get("name", "")), str(found.options.get("alt", ""))
        yield Picture(found.line, label, found.source.strip(), alt, found.line_of(":alt:"))


def _shows(cell: Directive) -> bool:
    return draws(cell.source) and not {"remove-cell", "remove-output"} & set(cell.tags)


def figure(book: Book) -> Iterator[Fault]:
    """A figure without label (fig-...), without caption, or that the text of its page never refers to (all pages)."""
    for page in book.pages.values():
        named = {role.target for role in page.uses("ref", "numref")}
        named |= {found["label"] for found in MARKDOWN_LINK.finditer(page.text)}
        for picture in _pictures(page):
            if not LABEL.match(picture.label):
                what = f"its label is '{picture.label}'" if picture.label else "it has no label"
                remedy = "give the cell 'mystnb: figure: name: fig-...' in lower case with hyphens"
                yield Fault(page.path, picture.line, f"a figure is drawn here but {what}", remedy)
            elif picture.label not in named:
                problem = f"the text never refers to figure '{picture.label}'"
                yield Fault(page.path, picture.line, problem, f"say what to see in {{numref}}`{picture.label}`")
            if not picture.caption.strip():
                problem = f"figure '{picture.label}' has no caption"
                yield Fault(page.path, picture.line, problem, "add a caption that says what to see")


def figure_label_unique(book: Book) -> Iterator[Fault]:
    """A figure label used twice in the book (all pages)."""
    seen: dict[str, str] = {}
    for page in book.pages.values():
        for picture in _pictures(page):
            if picture.label and picture.label in seen:
                problem = f"figure label '{picture.label}' is used in {seen[picture.label]} already"
                yield Fault(page.path, picture.line, problem, "choose another label")
            seen.setdefault(picture.label, f"{page.path}:{picture.line}")


def alt_text(book: Book) -> Iterator[Fault]:
    """A picture whose alternative text is missing, a file name, its caption again, or too short (all pages)."""
    remedy = "say in a sentence what the picture shows to somebody who cannot see it"
    for page in book.pages.values():
        for picture in _pictures(page):
            problem = _alt_problem(picture.alt, picture.caption)
            if problem:
                yield Fault(page.path, picture.alt_line, f"the alternative text of '{picture.label}' {problem}", remedy)
        for image in page.named("image"):
            if problem := _alt_problem(str(image.options.get("alt", "")), ""):
                yield Fault(
                    page.path, image.line, f"the alternative text of image '{image.argument}' {problem}", remedy
                )
        for line in page.prose:
            for found in MARKDOWN_IMAGE.finditer(line.text):
                if problem := _alt_problem(found["alt"], ""):
                    problem = f"the alternative text of image '{found['source']}' {problem}"
                    yield Fault(page.path, line.number, problem, remedy)


def _alt_problem(alt: str, caption: str) -> str:
    bare = " ".join(alt.split())
    if not bare:
        return "is missing"
    if FILE.search(bare):
        return "is a file name"
    if bare.rstrip(".").lower() == " ".join(caption.split()).rstrip(".").lower():
        return "is the caption again"
    return f"is shorter than {SHORTEST_ALT} characters" if len(bare) < SHORTEST_ALT else ""


def hidden_cell(book: Book) -> Iterator[Fault]:
    """A cell that hides its code without drawing or claiming, or a removed one that does (chapters)."""
    for page in book.chapter_pages:
        for cell in page.cells:
            shows = draws(cell.source) or bool(cell.figure) or _claims(cell.source)
            if {"hide-input", "remove-input", "hide-cell"} & set(cell.tags) and not shows:
                problem = "this cell hides its code but neither draws nor claims"
                yield Fault(page.path, cell.line, problem, "show the code, or tag it remove-cell when it only glues")
            if "remove-cell" in cell.tags and shows:
                problem = "this cell draws or claims, and the reader never sees it"
                yield Fault(page.path, cell.line, problem, "replace the tag remove-cell by hide-input")


def _claims(source: str) -> bool:
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return False
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(getattr(call, "id", getattr(call, "attr", "")) in {"claim", "not_evaluated"} for call in calls)
