"""Rules 3 and 4: objectives that are met, exercises that are solved."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bookbuild.lint.book import Book, Chapter
from bookbuild.lint.faults import Fault
from bookbuild.lint.page import SPAN, Directive, Page

ITEM = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s+(?P<text>.*)$")
OBJECTIVES, EXERCISES = (3, 6), 3
NOT_VERBS = frozenset(
    "a an the this that these those how what why when where which who you your we our i it its to in on at of for "
    "from with by about as and or but if there here all some any each every one two three more most both also only "
    "understanding knowledge ability overview introduction basics concepts definition difference differences ways "
    "be being can will should able understand know learn".split()
)
ENDINGS = re.compile(r"(?:tion|ment|ness|ity|ing|ed|ism|ance|ence|ology|ical|ly|s)$")
VERBS_ANYWAY = frozenset(
    "implement complement supplement experiment document segment augment comment question position mention condition "
    "partition bring assess express process discuss compress address focus guess pass press stress access embed feed "
    "need seed proceed speed reference balance sequence enhance advance bias apply reply supply multiply simplify "
    "classify quantify verify identify justify specify modify test rely fly transition caution caching string "
    "diagnose dismiss suppress regress cross witness harness toss".split()
)


def _is_verb(word: str) -> bool:
    low = word.lower()
    if not word or low in NOT_VERBS or not low.isalpha():
        return False
    return low in VERBS_ANYWAY or not ENDINGS.search(low)


def _items(directive: Directive) -> list[tuple[int, str]]:
    items: list[tuple[int, str]] = []
    for number, text in directive.body:
        if found := ITEM.match(text):
            items.append((number, found["text"]))
        elif items and text.strip():
            items[-1] = (items[-1][0], f"{items[-1][1]} {text.strip()}")
    return items


def objectives(book: Book) -> Iterator[Fault]:
    """A chapter without objectives, or a list of them with fewer than 3 or more than 6 (chapters)."""
    low, high = OBJECTIVES
    remedy = "list what the reader will do"
    for chapter in book.chapters:
        found = [(page, directive) for page in chapter.pages for directive in page.named("objectives")]
        if not found:
            yield Fault(chapter.pages[0].path, 1, "no objectives", remedy)
        for page, directive in found:
            count = len(_items(directive))
            if not low <= count <= high:
                yield Fault(page.path, directive.line, f"{count} objectives instead of {low} to {high}", remedy)


def objective_verb(book: Book) -> Iterator[Fault]:
    """An objective that does not begin with a verb of doing (all pages)."""
    for page in book.pages.values():
        for directive in page.named("objectives"):
            for line, text in _items(directive):
                first = re.split(r"[\s,:;]", text.strip("*_ "), maxsplit=1)[0]
                if not _is_verb(first):
                    remedy = "begin with what the reader will do: measure, write, choose, ..."
                    yield Fault(page.path, line, f"the objective begins with '{first}'", remedy)


def objective_section(book: Book) -> Iterator[Fault]:
    """An objective that does not end in a {ref} to the section of its chapter that meets it (chapters)."""
    for chapter in book.chapters:
        labels = {label for page in chapter.pages for _, label in page.targets}
        for page in chapter.pages:
            for directive in page.named("objectives"):
                for line, text in _items(directive):
                    yield from _without_section(page, line, text, labels)


def _without_section(page: Page, line: int, text: str, labels: set[str]) -> Iterator[Fault]:
    roles = [match for match in SPAN.finditer(text) if match["name"] in {"ref", "numref"}]
    remedy = "end it with {ref}`label` of the section of this chapter that meets it"
    if not roles or text[roles[-1].end() :].strip(" .;)*_"):
        yield Fault(page.path, line, "the objective does not end in a reference to a section", remedy)
        return
    target = roles[-1]["content"].rsplit("<", 1)[-1].strip("> ")
    if target not in labels:
        yield Fault(page.path, line, f"no section of this chapter is labelled '{target}'", remedy)


def _exercises(page: Page) -> list[tuple[Directive, str]]:
    return [(item, str(item.options.get("label", ""))) for item in page.named("exercise-start", "exercise")]


def _solutions(page: Page) -> list[tuple[Directive, str]]:
    return [(item, item.argument.strip()) for item in page.named("solution-start", "solution")]


def exercise(book: Book) -> Iterator[Fault]:
    """An exercise without label or without solution, a solution without exercise (all pages, within a chapter)."""
    for chapter in [*book.chapters, *_single_pages(book)]:
        labels = {label for page in chapter.pages for _, label in _exercises(page)}
        solved = {label for page in chapter.pages for _, label in _solutions(page)}
        for page in chapter.pages:
            for item, label in _exercises(page):
                if not label:
                    yield Fault(page.path, item.line, "an exercise without label", "give it ':label: ex-...'")
                elif label not in solved:
                    remedy = f"add 'solution-start {label}' with its code"
                    yield Fault(page.path, item.line, f"exercise '{label}' has no solution", remedy)
            for item, label in _solutions(page):
                if label not in labels:
                    yield Fault(
                        page.path, item.line, f"a solution for '{label}', which is no exercise", "name its exercise"
                    )


def _single_pages(book: Book) -> list[Chapter]:
    chapters = {page.path for chapter in book.chapters for page in chapter.pages}
    return [Chapter("", page.name, (page,)) for page in book.pages.values() if page.path not in chapters]


def exercise_count(book: Book) -> Iterator[Fault]:
    """A chapter with fewer than 3 exercises (chapters)."""
    for chapter in book.chapters:
        count = sum(len(_exercises(page)) for page in chapter.pages)
        if count < EXERCISES:
            line = next((heading.line for heading in chapter.pages[-1].headings if heading.text == "Exercises"), 1)
            remedy = f"write at least {EXERCISES}, from a quick check to a real extension"
            yield Fault(chapter.pages[-1].path, line, f"{count} exercises in the chapter", remedy)


def solution(book: Book) -> Iterator[Fault]:
    """A solution that is never closed, or holds neither code nor text (all pages)."""
    for page in book.pages.values():
        for start, end in page.within("solution-start", "solution-end"):
            inside = [cell for cell in page.cells if start.line < cell.line < end and cell.source.strip()]
            words = [line for line in page.prose if start.line < line.number < end and line.text.strip()]
            if not end:
                yield Fault(page.path, start.line, "a solution that is never closed", "add the block solution-end")
            elif not inside and not words:
                remedy = "solve the exercise in a code cell or in words"
                yield Fault(page.path, start.line, f"the solution of '{start.argument}' is empty", remedy)
        for start, end in page.within("exercise-start", "exercise-end"):
            if not end:
                yield Fault(page.path, start.line, "an exercise that is never closed", "add the block exercise-end")
        for found in page.named("solution"):
            if not found.source.strip():
                yield Fault(page.path, found.line, f"the solution of '{found.argument}' is empty", "solve the exercise")
