"""Rules 7, 8 and 11: citations, glossary terms and glued values all have both ends."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bookbuild.lint.bibliography import entries
from bookbuild.lint.book import Book
from bookbuild.lint.cells import argument, calls, template
from bookbuild.lint.faults import Fault
from bookbuild.lint.page import Directive, Page

BIBLIOGRAPHY = "book/references.bib"


def _bib(book: Book) -> str:
    return book.read(BIBLIOGRAPHY) if (book.root / BIBLIOGRAPHY).is_file() else ""


def _cited(page: Page) -> Iterator[tuple[int, str]]:
    for role in page.roles:
        if role.name == "cite" or role.name.startswith("cite:"):
            for key in role.content.split(","):
                yield role.line, key.strip()


def citation(book: Book) -> Iterator[Fault]:
    """A citation that is not in book/references.bib (all pages)."""
    known = {entry.key for entry in entries(_bib(book))}
    for page in book.pages.values():
        for line, key in _cited(page):
            if key not in known:
                yield Fault(
                    page.path, line, f"'{key}' is not in {BIBLIOGRAPHY}", "add the work, looked up, or cite another"
                )


def bibliography_entry(book: Book) -> Iterator[Fault]:
    """A work in the bibliography that is listed twice, never cited, or has neither doi nor url."""
    cited = {key for page in book.pages.values() for _, key in _cited(page)}
    seen: dict[str, int] = {}
    for entry in entries(_bib(book)):
        if entry.key.lower() in seen:
            problem = f"'{entry.key}' is listed at line {seen[entry.key.lower()]} already"
            yield Fault(BIBLIOGRAPHY, entry.line, problem, "keep one of the two")
        if entry.key not in cited:
            yield Fault(BIBLIOGRAPHY, entry.line, f"'{entry.key}' is never cited", "cite it or take it out")
        if not {"doi", "url"} & entry.fields:
            yield Fault(BIBLIOGRAPHY, entry.line, f"'{entry.key}' has neither doi nor url", "add where it can be found")
        seen.setdefault(entry.key.lower(), entry.line)


def _terms(glossary: Directive) -> Iterator[list[tuple[int, str]]]:
    """Groups of terms that share a definition."""
    group: list[tuple[int, str]] = []
    body = [(number, text) for number, text in glossary.body if not text.lstrip().startswith("%")]
    margin = min((len(text) - len(text.lstrip()) for _, text in body if text.strip()), default=0)
    for number, text in body:
        if text.strip() and len(text) - len(text.lstrip()) == margin:
            group.append((number, text.strip().split(" : ")[0]))
        elif group and text.strip():
            yield group
            group = []
    if group:
        yield group


def term(book: Book) -> Iterator[Fault]:
    """A glossary term defined twice, defined and never used, or used and never defined (all pages)."""
    glossaries = [(page, found) for page in book.pages.values() for found in page.named("glossary")]
    groups = [(page, group) for page, found in glossaries for group in _terms(found)]
    used = {role.target.lower() for page in book.pages.values() for role in page.uses("term")}
    seen: dict[str, str] = {}
    for page, group in groups:
        for line, name in group:
            if name.lower() in seen:
                yield Fault(
                    page.path, line, f"'{name}' is defined at {seen[name.lower()]} already", "keep one definition"
                )
            seen.setdefault(name.lower(), f"{page.path}:{line}")
        if not used & {name.lower() for _, name in group}:
            remedy = "link it with {term}`...` where it first appears, or take it out"
            yield Fault(page.path, group[0][0], f"'{group[0][1]}' is defined and never used", remedy)
    for page in book.pages.values():
        for role in page.uses("term"):
            if role.target.lower() not in seen:
                remedy = "define it in the glossary, or write {term}`text <defined term>`"
                yield Fault(page.path, role.line, f"the term '{role.target}' is not in the glossary", remedy)


def _glued(page: Page) -> list[tuple[int, str]]:
    """Line and pattern of every name that the cells of a page glue."""
    found = []
    for line, name, call in calls(page):
        pattern = template(argument(call, 0, "name")) if name.rsplit(".", 1)[-1] == "glue" else None
        if pattern is not None:
            found.append((line, pattern))
    return found


def _pasted(page: Page) -> list[tuple[int, str]]:
    names = [(role.line, role.content.split(":", 1)[0]) for role in page.roles if _is_glue(role.name)]
    return names + [(item.line, item.argument) for item in page.directives if _is_glue(item.name) and _here(item)]


def _is_glue(name: str) -> bool:
    return name == "glue" or name.startswith("glue:")


def _here(item: Directive) -> bool:
    return "doc" not in item.options


def glue(book: Book) -> Iterator[Fault]:
    """A {glue} of a name that its page does not glue, or a glued name that nothing pastes (all pages)."""
    elsewhere = _from_other_pages(book)
    for page in book.pages.values():
        glued, pasted = _glued(page), _pasted(page)
        for line, name in pasted:
            if not any(re.fullmatch(pattern, name) for _, pattern in glued):
                yield Fault(
                    page.path, line, f"no cell of this page glues '{name}'", 'add glue("name", value, display=False)'
                )
        wanted = {name for _, name in pasted} | elsewhere.get(page.path, set())
        for line, pattern in glued:
            if not any(re.fullmatch(pattern, name) for name in wanted):
                name = re.sub(r"\\(.)", r"\1", pattern)
                yield Fault(page.path, line, f"'{name}' is glued and never used", "use it in the prose or take it out")


def _from_other_pages(book: Book) -> dict[str, set[str]]:
    """For each page, the names that directives on other pages take from it with ``:doc:``."""
    found: dict[str, set[str]] = {}
    for page in book.pages.values():
        for item in page.directives:
            if _is_glue(item.name) and not _here(item):
                folder = (book.root / page.path).parent
                target = (folder / str(item.options["doc"])).resolve()
                if target.is_relative_to(book.root):
                    found.setdefault(target.relative_to(book.root).as_posix(), set()).add(item.argument)
    return found
