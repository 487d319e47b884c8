"""Rule 1: a quantity that an experiment gives is glued or cited, never typed."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bookbuild.lint.book import Book
from bookbuild.lint.faults import Fault
from bookbuild.lint.page import SPAN, Block, Page
from bookbuild.lint.quantities import measured

FILL, CITED, END = "¤", "§", re.compile(r"(?<=[.!?])[\"')\]*_]*\s+(?=[\"'(\[*_]*[A-Z0-9¤§])")
MATHS = re.compile(r"(?<![\\$])\$(?=\S)[^$\n]*(?:\n[^$\n]+)?(?<=\S)\$(?!\d)|\$\$.+?\$\$", re.DOTALL)
LINK = re.compile(r"(?<=\])\([^)\s]*\)|<https?://[^>\s]+>|https?://\S+")
SHORT = re.compile(r"\b(?:e\.g|i\.e|vs|cf|al|approx|resp|Fig|Eq|Sec|No|St|Dr)\.")
SUPPOSED = re.compile(r"^[\s\-*+>\d.)]*(?:Suppose|Imagine|Assume|Let|Say that|Say you)\b")
GIVEN_IN = frozenset({"exercise", "prf:definition", "glossary", "objectives", "run-line"})
REMEDY = "glue it, cite its source in the sentence, or mark a number that is given rather than measured with {given}"


def quantity(book: Book) -> Iterator[Fault]:
    """A measured quantity typed into prose, a caption or an alternative text instead of glued or cited (all pages)."""
    for page in book.pages.values():
        exercises = [(start.line, end) for start, end in page.within("exercise-start", "exercise-end")]
        for block in page.blocks:
            inside = any(first < block.lines[0].number < last for first, last in exercises)
            if not inside and not GIVEN_IN & set(block.context):
                yield from _in_block(page, block)
        yield from _in_figures(page)


def _in_block(page: Page, block: Block) -> Iterator[Fault]:
    text = blank(block.text)
    whole = block.section == "Further reading"
    for start, sentence in [(0, text)] if whole else sentences(text):
        if CITED in sentence or SUPPOSED.match(sentence):
            continue
        for offset, words, kind in measured(re.sub(r"\s", " ", sentence)):
            yield Fault(page.path, block.line_at(start + offset), f"typed {kind} '{words}'", REMEDY)


def _in_figures(page: Page) -> Iterator[Fault]:
    for cell in page.cells:
        for what, text in (("caption", cell.figure.get("caption")), ("alt", cell.image.get("alt"))):
            for _, sentence in sentences(blank(str(text or ""))):
                if CITED not in sentence:
                    for _, words, kind in measured(sentence):
                        yield Fault(
                            page.path, cell.line_of(f"{what}:"), f"typed {kind} '{words}' in the {what}", REMEDY
                        )


def blank(text: str) -> str:
    """The text with roles, code, mathematics and addresses blanked out, every character in its place."""

    def fill(found: re.Match[str]) -> str:
        named = found.groupdict().get("name") or ""
        mark = CITED if named == "cite" or named.startswith("cite:") else FILL
        return "".join(letter if letter == "\n" else mark for letter in found[0])

    text = LINK.sub(fill, MATHS.sub(fill, SPAN.sub(fill, text)))
    return SHORT.sub(lambda found: found[0][:-1].replace(".", FILL) + FILL, text)


def sentences(text: str) -> Iterator[tuple[int, str]]:
    """Sentences of a paragraph with their offsets."""
    start = 0
    for end in END.finditer(text):
        yield start, text[start : end.start()]
        start = end.end()
    yield start, text[start:]
