"""Numbers that the book knows about itself, and one of its claims, shown where a page asks for them.

`{book-number}` is a role (`claims`, `parity`, `figures`, `chapters`, `planned-chapters`, `exercises`);
`book-numbers` shows the main ones side by side; `checked-claim` repeats a claim of a chapter with its evidence.
"""

from __future__ import annotations

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util.docutils import SphinxDirective, SphinxRole

from bookbuild.claims_view import MARKS, WORDS
from bookbuild.collect import collected
from bookbuild.ledgers import label_link, page_link
from bookbuild.outcomes import exercises
from bookbuild.outline import PLAN, read_outline
from bookbuild.paths import Book

TILES = (
    ("chapters", "chapter written", "chapters written", None),
    ("claims", "claim checked", "claims checked", "book/back/claims"),
    ("parity", "comparison with a library", "comparisons with libraries", "book/back/parity"),
    ("figures", "figure redrawn", "figures redrawn", None),
    ("exercises", "exercise solved", "exercises solved", "book/back/outcomes"),
)


def book_numbers(book: Book) -> dict[str, int]:
    """Every number by its name, as of this build."""
    chapters = read_outline(book).chapters.values()
    pages = [page for chapter in chapters for page in chapter.pages]
    return {
        "claims": sum(claim["holds"] is True for claim in collected(book, "claims")),
        "parity": len(collected(book, "parity")),
        "figures": len(collected(book, "figures")),
        "chapters": sum(bool(chapter.pages) for chapter in chapters),
        "planned-chapters": len(chapters),
        "exercises": sum(1 for page in pages for _ in exercises(book, page)),
    }


def note_sources(env: BuildEnvironment, book: Book) -> None:
    """Have the page read again when anything that the numbers come from changes."""
    lists = [book.collected / f"{name}.json" for name in ("claims", "parity", "figures")]
    pages = [book.source(page) for chapter in read_outline(book).chapters.values() for page in chapter.pages]
    for path in [*lists, *pages, book.root / PLAN, book.root / "_toc.yml"]:
        env.note_dependency(str(path))


class BookNumber(SphinxRole):
    """One number of the book, in a sentence."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        book = Book.find(self.env.srcdir)
        note_sources(self.env, book)
        numbers = book_numbers(book)
        if self.text not in numbers:
            message = self.inliner.reporter.error(
                f"no book number '{self.text}' (there are: {', '.join(numbers)})", line=self.lineno
            )
            return [self.inliner.problematic(self.rawtext, self.rawtext, message)], [message]
        return [nodes.inline(self.rawtext, str(numbers[self.text]), classes=["book-number"])], []


class BookNumbers(SphinxDirective):
    """The main numbers side by side; those that have a page of their own link to it."""

    def run(self) -> list[nodes.Node]:
        book = Book.find(self.env.srcdir)
        note_sources(self.env, book)
        numbers, docnames = book_numbers(book), book.docnames()
        tiles = nodes.bullet_list(classes=["book-numbers"])
        for name, one, many, target in TILES:
            if numbers[name]:
                label = one if numbers[name] == 1 else many
                tiles += self.tile(numbers[name], label, target if target in docnames else None)
        return [tiles] if tiles.children else []

    def tile(self, value: int, label: str, target: str | None) -> nodes.list_item:
        line = nodes.paragraph("", "", nodes.strong("", str(value), classes=["book-number"]), nodes.Text(" "))
        line += page_link(target, label) if target else nodes.inline("", label)
        return nodes.list_item("", line)


class CheckedClaim(SphinxDirective):
    """A claim of a chapter, repeated with its evidence at this build and a link to where it stands."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        book, name = Book.find(self.env.srcdir), self.arguments[0]
        self.env.note_dependency(str(book.collected / "claims.json"))
        claims = {claim["name"]: claim for claim in collected(book, "claims")}
        if name not in claims:
            raise self.error(f"no chapter makes the claim '{name}'")
        claim = claims[name]
        statement = nodes.paragraph("", "", classes=["claim-statement"])
        statement += nodes.inline("", MARKS[claim["holds"]], classes=["claim-mark"])
        statement += nodes.inline("", f" {WORDS[claim['holds']]}: ", classes=["claim-word"])
        statement += nodes.inline("", claim["statement"], classes=["claim-text"])
        evidence = nodes.paragraph("", f"{claim['evidence']} ", classes=["claim-evidence"])
        evidence += label_link(f"claim-{name}", "See where it is measured")
        kind = "claim-holds" if claim["holds"] else "claim-open"
        return [nodes.container("", statement, evidence, classes=["claim", kind, "claim-shown"])]


def setup(app: Sphinx) -> dict:
    app.setup_extension("bookbuild.landing")
    app.add_role("book-number", BookNumber())
    app.add_directive("book-numbers", BookNumbers)
    app.add_directive("checked-claim", CheckedClaim)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
