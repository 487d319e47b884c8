"""The outcome map: for each learning outcome, the chapters that meet it, their exercises and their claims.

A chapter names the outcomes that it meets in its front matter: `outcomes: [2, 3]`.
"""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

from bookbuild.collect import collected
from bookbuild.ledgers import label_link, page_link
from bookbuild.lint.page import Page
from bookbuild.maps import FromPlan, links_line
from bookbuild.outline import Outline, outcomes_of
from bookbuild.paths import Book


def exercises(book: Book, docname: str) -> Iterator[str]:
    """The labels of the exercises of a page, in reading order."""
    page = Page.parse(f"{docname}.md", book.source(docname).read_text("utf8"))
    for found in page.named("exercise", "exercise-start"):
        if "label" in found.options:
            yield str(found.options["label"])


def exercise_link(label: str) -> pending_xref:
    """A link to an exercise by its number, as `{ref}` would write it."""
    text = nodes.inline("", label, classes=["std", "std-ref"])
    return pending_xref("", text, refdomain="std", reftype="ref", reftarget=label, refexplicit=False, refwarn=True)


class OutcomeMap(FromPlan):
    """Every outcome with what meets it; an outcome that nothing meets yet says so."""

    def draw(self, outline: Outline) -> list[nodes.Node]:
        self.env.note_dependency(str(self.book.collected / "claims.json"))
        meeting: dict[int, list[str]] = {number: [] for number in outline.outcomes}
        for chapter in outline.chapters.values():
            for page in chapter.pages:
                self.env.note_dependency(str(self.book.source(page)))
                for number in outcomes_of(self.book, page, outline.outcomes):
                    meeting[number].append(page)
        outcomes = nodes.definition_list(classes=["outcome-map"])
        outcomes += [self.outcome(number, outline.outcomes[number], pages) for number, pages in meeting.items()]
        return [outcomes]

    def outcome(self, number: int, text: str, pages: list[str]) -> nodes.definition_list_item:
        body = nodes.definition()
        if not pages:
            body += nodes.paragraph("", "No chapter that is written meets this outcome yet.", classes=["map-line"])
        else:
            body += [line for line in self.lines(pages) if line is not None]
        return nodes.definition_list_item("", nodes.term("", f"Outcome {number}: {text}"), body)

    def lines(self, pages: list[str]) -> list[nodes.paragraph | None]:
        tasks = [label for page in pages for label in exercises(self.book, page)]
        claims = [claim for claim in collected(self.book, "claims") if claim["docname"] in pages]
        return [
            links_line("Chapters", [page_link(page) for page in pages]),
            links_line(f"Exercises ({len(tasks)})", [exercise_link(label) for label in tasks]) if tasks else None,
            links_line(f"Claims ({len(claims)})", [label_link(f"claim-{c['name']}", words(c)) for c in claims])
            if claims
            else None,
        ]


def words(claim: dict) -> str:
    """A claim's name as words."""
    return claim["name"].replace("-", " ")


def setup(app: Sphinx) -> dict:
    app.setup_extension("bookbuild.maps")
    app.add_directive("outcome-map", OutcomeMap)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
