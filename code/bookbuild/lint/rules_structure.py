"""Rule 9: a chapter has its parts, in their order, at its length."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

from bookbuild.lint.book import Book, Chapter
from bookbuild.lint.faults import Fault
from bookbuild.lint.page import ROLE_TEXT, Heading, Page
from bookbuild.lint.rules_quantities import blank, sentences

LEARN, CLOSING = "You will learn", ("In practice", "Summary", "Exercises", "Further reading")
WORDS, CELLS, SENTENCES, WORKS, PRACTICE = (1500, 3500), (10, 30), (3, 6), (3, 8), 5
STALE = re.compile(r"^(?:In this chapter|This chapter|Welcome|In this section)\b", re.IGNORECASE)


def page_syntax(book: Book) -> Iterator[Fault]:
    """A page that cannot be read: a block never closed, options that are not YAML (all pages)."""
    for page in book.pages.values():
        for line, problem in page.problems:
            yield Fault(page.path, line, problem, "correct it")


def headings(book: Book) -> Iterator[Fault]:
    """A page without exactly one title, or whose heading levels jump (all pages)."""
    for page in book.pages.values():
        titles = [heading for heading in page.headings if heading.level == 1]
        if len(titles) != 1:
            line = titles[1].line if titles else 1
            yield Fault(page.path, line, f"{len(titles)} titles of level 1", "give the page exactly one")
        before = 0
        for heading in page.headings:
            if heading.level > before + 1:
                problem = f"heading '{heading.text}' jumps from level {before} to {heading.level}"
                yield Fault(page.path, heading.line, problem, f"make it level {before + 1}")
            before = heading.level


def title_label(book: Book) -> Iterator[Fault]:
    """A chapter page without a label before its title that is the name of the page (chapters)."""
    for page in book.chapter_pages:
        title = next((heading for heading in page.headings if heading.level == 1), None)
        if title is not None and title.label != page.name:
            problem = f"the label before the title is '{title.label}'" if title.label else "no label before the title"
            yield Fault(page.path, title.line, problem, f"write ({page.name})= on the line before it")


def opening(book: Book) -> Iterator[Fault]:
    """A chapter without an opening paragraph, or that opens with 'In this chapter' (chapters)."""
    for chapter in book.chapters:
        page = chapter.pages[0]
        plain = [block for block in page.blocks if not block.context and block.lines[0].number < _opening_ends(page)]
        if not plain:
            remedy = "open with the question and what the reader will hold at the end"
            yield Fault(page.path, _title_line(page), "no paragraph between the title and the objectives", remedy)
        elif STALE.match(plain[0].text.strip()):
            yield Fault(page.path, plain[0].lines[0].number, "the opening announces itself", "open with the question")


def _opening_ends(page: Page) -> float:
    """Line of the first section or of the objectives, whichever comes first."""
    starts = [heading.line for heading in page.headings if heading.level == 2]
    return min([*starts, *(item.line for item in page.named("objectives"))], default=math.inf)


def _title_line(page: Page) -> int:
    return next((heading.line for heading in page.headings), 1)


def sections(book: Book) -> Iterator[Fault]:
    """A chapter whose objectives and run-line do not come first, or whose last sections are not in order (chapters)."""
    for chapter in book.chapters:
        page = chapter.pages[0]
        seconds = [(page, heading) for page in chapter.pages for heading in page.headings if heading.level == 2]
        body = [heading.line for where, heading in seconds if where is page and heading.text != LEARN]
        first = min(body, default=math.inf)
        listed = [item.line for item in page.named("objectives") if item.line < first]
        if not listed:
            remedy = "list what the reader will learn in an {objectives} before the first section"
            yield Fault(page.path, _title_line(page), "no objectives before the first section", remedy)
        if not any(listed and listed[0] < item.line < first for item in page.named("run-line")):
            remedy = "add {run-line} after the objectives"
            yield Fault(page.path, _title_line(page), "no line of reading time, run time and prerequisites", remedy)
        yield from _closing(chapter, seconds)


def _closing(chapter: Chapter, seconds: list[tuple[Page, Heading]]) -> Iterator[Fault]:
    last = chapter.pages[-1]
    names = [heading.text for _, heading in seconds]
    missing = [name for name in CLOSING if name not in names]
    for name in missing:
        yield Fault(last.path, max(1, last.text.count("\n")), f"no section '{name}'", f"add '## {name}' in its place")
    tail = names[-len(CLOSING) :]
    if not missing and tail != list(CLOSING):
        page, heading = seconds[-len(CLOSING)]
        problem = f"the last sections are {', '.join(tail)}"
        yield Fault(page.path, heading.line, problem, f"end with {', '.join(CLOSING)}, in this order")


def _solved(page: Page) -> list[tuple[int, int]]:
    return [(start.line, end) for start, end in page.within("solution-start", "solution-end")]


def _in_solution(page: Page, line: int) -> bool:
    return any(first < line < last for first, last in _solved(page))


def words(page: Page) -> int:
    """Words of the prose of a page, solutions apart."""
    aside = {"solution", "glossary", "run-line"}
    kept = [line for line in page.prose if not aside & set(line.context) and not _in_solution(page, line.number)]
    text = "\n".join(line.text for line in kept)
    return len(re.findall(r"\b[\w'’-]*[A-Za-z][\w'’-]*", ROLE_TEXT.sub(" ", text)))


def shown_cells(page: Page) -> int:
    """Code cells that a reader meets on the way: neither removed ones nor those of solutions."""
    return sum("remove-cell" not in cell.tags and not _in_solution(page, cell.line) for cell in page.cells)


def length(book: Book) -> Iterator[Fault]:
    """A chapter under 1,500 words or 10 shown cells, a page over 3,500 words or 30 shown cells (chapters)."""
    for chapter in book.chapters:
        page = chapter.pages[0]
        total, cells = sum(map(words, chapter.pages)), sum(map(shown_cells, chapter.pages))
        if total < WORDS[0]:
            yield Fault(page.path, 1, f"{total} words of prose, fewer than {WORDS[0]}", "say what is missing")
        if cells < CELLS[0]:
            yield Fault(page.path, 1, f"{cells} code cells, fewer than {CELLS[0]}", "show it in code")
        for page in chapter.pages:
            if words(page) > WORDS[1]:
                remedy = f"split it: {chapter.name}-in-practice.md, say"
                yield Fault(page.path, 1, f"{words(page)} words of prose, more than {WORDS[1]}", remedy)
            if shown_cells(page) > CELLS[1]:
                yield Fault(page.path, 1, f"{shown_cells(page)} code cells, more than {CELLS[1]}", "split the page")


def closing_sections(book: Book) -> Iterator[Fault]:
    """In practice over 5 items, a summary not of 3-6 sentences, further reading not of 3-8 works (chapters)."""
    for page in book.chapter_pages:
        for heading in page.headings:
            blocks = [block for block in page.blocks if block.section == heading.text and not block.context]
            if heading.level != 2 or heading.text not in CLOSING:
                continue
            count, problem = len(blocks), ""
            if heading.text == "In practice" and count > PRACTICE:
                problem = f"{count} items or paragraphs, more than {PRACTICE}"
            if heading.text == "Summary":
                count = sum(len(list(sentences(blank(block.text)))) for block in blocks)
                problem = _outside(count, SENTENCES, "sentences")
            if heading.text == "Further reading":
                count = sum("{cite" in block.text for block in blocks)
                problem = _outside(count, WORKS, "cited works")
            if problem:
                yield Fault(page.path, heading.line, f"'{heading.text}' has {problem}", "bring it to its length")


def _outside(count: int, limits: tuple[int, int], what: str) -> str:
    low, high = limits
    return "" if low <= count <= high else f"{count} {what}, not {low}-{high}"
