"""The fixed parts of a chapter: its objectives, and the line that says how long it takes."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bookbuild.execute import recorded
from bookbuild.fingerprint import CELL
from bookbuild.paths import Book

WORDS_PER_MINUTE = 180
SECONDS_PER_CELL = 20


class Objectives(SphinxDirective):
    """What the reader will be able to do: a box whose list points at the sections that teach it."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        box = nodes.admonition(classes=["objectives"])
        box += nodes.title("", "You will learn")
        self.state.nested_parse(self.content, self.content_offset, box)
        return [box]


class RunLine(SphinxDirective):
    """Reading time, run time, and (its content) what to read before."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        book, docname = Book.find(self.env.srcdir), self.env.docname
        text = book.source(docname).read_text("utf8")
        line = nodes.paragraph(classes=["run-line"])
        line += nodes.inline("", f"Reading time: about {reading_minutes(text)} minutes.", classes=["reading-time"])
        run = recorded(book, docname)
        if run:
            line += nodes.Text(" ")
            line += nodes.inline("", f"Run time: {run_words(run.wall)} on two cores.", classes=["run-time", "timing"])
        if self.content:
            holder = nodes.Element()
            self.state.nested_parse(self.content, self.content_offset, holder)
            line += nodes.Text(" Read before: ")
            for child in holder.children:
                line += child.children if isinstance(child, nodes.paragraph) else child
        return [line]


def reading_minutes(text: str) -> int:
    """Prose at an ordinary pace, and a pause for each code cell."""
    prose = CELL.sub("", text)
    words = len(re.findall(r"\b[\w'-]+\b", re.sub(r"\A---\n.*?\n---\n", "", prose, flags=re.S)))
    minutes = words / WORDS_PER_MINUTE + len(CELL.findall(text)) * SECONDS_PER_CELL / 60
    return max(1, round(minutes))


def run_words(seconds: float) -> str:
    """A run time as a reader wants it: rough, since it depends on the machine."""
    if seconds < 10:
        return "a few seconds"
    if seconds < 55:
        return f"about {round(seconds / 10) * 10} seconds"
    minutes = max(1, round(seconds / 30) / 2)
    return "about a minute" if minutes == 1 else f"about {minutes:g} minutes"


def setup(app: Sphinx) -> dict:
    app.add_directive("objectives", Objectives)
    app.add_directive("run-line", RunLine)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
