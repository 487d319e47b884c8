"""Maps of the book, drawn from its plan: the chapters of a part (`chapter-map`), the parts (`part-list`)."""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bookbuild.ledgers import page_link
from bookbuild.outline import PLAN, Chapter, Outline, Part, read_outline
from bookbuild.paths import Book, BookError

TO_COME = "to come"


class FromPlan(SphinxDirective):
    """A directive drawn from the plan and the table of contents."""

    def run(self) -> list[nodes.Node]:
        self.book = Book.find(self.env.srcdir)
        for name in (PLAN, "_toc.yml"):
            self.env.note_dependency(str(self.book.root / name))
        try:
            return self.draw(read_outline(self.book))
        except BookError as error:
            raise self.error(str(error)) from error


class ChapterMap(FromPlan):
    """The chapters of one part: those written are linked, the others named as to come."""

    required_arguments = 1

    def draw(self, outline: Outline) -> list[nodes.Node]:
        part = outline.part(self.arguments[0])
        chapters = nodes.definition_list(classes=["chapter-map"])
        chapters += [chapter_item(chapter, outline) for chapter in part.chapters]
        return [nodes.paragraph("", summary(part), classes=["map-summary"]), chapters]


class PartList(FromPlan):
    """The parts of the book, each with what it is about and how much of it is written."""

    def draw(self, outline: Outline) -> list[nodes.Node]:
        parts = nodes.definition_list(classes=["part-list"])
        parts += [part_item(number, part) for number, part in enumerate(outline.parts, 1)]
        return [parts]


def plural(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def summary(part: Part) -> str:
    """How much of a part is written, and how long the whole will take to study."""
    if not part.written:
        return (
            f"None of the {plural(len(part.chapters), 'planned chapter')} is written yet. "
            f"Together they are planned as about {part.hours} hours of study."
        )
    ready = sum(chapter.hours for chapter in part.written)
    if len(part.written) == len(part.chapters):
        return f"{plural(ready, 'hour')} of study in {plural(len(part.chapters), 'chapter')}."
    return (
        f"Written: {len(part.written)} of {plural(len(part.chapters), 'chapter')}, about {plural(ready, 'hour')} "
        f"of study. The whole part is planned as about {part.hours} hours."
    )


def badge(text: str, kind: str) -> nodes.emphasis:
    return nodes.emphasis("", text, classes=["map-badge", f"map-{kind}"])


def chapter_item(chapter: Chapter, outline: Outline) -> nodes.definition_list_item:
    term, body = nodes.term(), nodes.definition()
    term += page_link(chapter.pages[0], chapter.title) if chapter.pages else nodes.Text(chapter.title)
    term += nodes.Text(" ")
    term += badge(f"{chapter.hours} h", "hours") if chapter.pages else badge(TO_COME, "to-come")
    body += nodes.paragraph("", chapter.line)
    if len(chapter.pages) > 1:
        body += links_line("Continued in", [page_link(page) for page in chapter.pages[1:]])
    if chapter.after:
        before = [outline.chapters[name] for name in chapter.after]
        body += links_line("Read before", [chapter_link(other, announce=bool(chapter.pages)) for other in before])
    return item(term, body, bool(chapter.pages))


def part_item(number: int, part: Part) -> nodes.definition_list_item:
    term, written, planned = nodes.term(), len(part.written), len(part.chapters)
    title = f"Part {number}: {part.title}"
    term += page_link(part.opener, title) if part.opener else nodes.Text(title)
    term += nodes.Text(" ")
    term += badge(f"{written} of {plural(planned, 'chapter')}", "hours") if written else badge(TO_COME, "to-come")
    return item(term, nodes.definition("", nodes.paragraph("", part.line)), bool(written))


def item(term: nodes.term, body: nodes.definition, written: bool) -> nodes.definition_list_item:
    term["classes"].append("map-written" if written else "map-planned")
    return nodes.definition_list_item("", term, body)


def chapter_link(chapter: Chapter, announce: bool) -> nodes.Node:
    """A link to a chapter; one that is not written is named, and `announce` says that it is to come."""
    if chapter.pages:
        return page_link(chapter.pages[0], chapter.title)
    return nodes.Text(f"{chapter.title} ({TO_COME})" if announce else chapter.title)


def links_line(label: str, links: list[nodes.Node]) -> nodes.paragraph:
    """`Label: this, that.`"""
    line = nodes.paragraph("", f"{label}: ", classes=["map-line"])
    for position, link in enumerate(links):
        line += [nodes.Text(", "), link] if position else link
    line += nodes.Text(".")
    return line


def setup(app: Sphinx) -> dict:
    app.add_directive("chapter-map", ChapterMap)
    app.add_directive("part-list", PartList)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
