"""The plan of the book (`book/outline.yml`), held against the table of contents: what is written, what is to come."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from bookbuild.paths import Book, BookError, front_matter

PLAN = "book/outline.yml"


@dataclass(frozen=True)
class Chapter:
    """A chapter of the plan, and the pages of it that exist (none while it is to come)."""

    path: str
    title: str
    line: str
    hours: int
    after: tuple[str, ...] = ()
    pages: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """A part of the plan; `opener` is its first page, when that exists."""

    name: str
    title: str
    line: str
    chapters: tuple[Chapter, ...]
    opener: str | None = None

    @property
    def written(self) -> tuple[Chapter, ...]:
        return tuple(chapter for chapter in self.chapters if chapter.pages)

    @property
    def hours(self) -> int:
        return sum(chapter.hours for chapter in self.chapters)


@dataclass(frozen=True)
class Outline:
    """The whole plan: learning outcomes by number, and parts in reading order."""

    outcomes: dict[int, str]
    parts: tuple[Part, ...]

    @property
    def chapters(self) -> dict[str, Chapter]:
        return {chapter.path: chapter for part in self.parts for chapter in part.chapters}

    def part(self, name: str) -> Part:
        """The part of this name; an unknown name is an error that lists the known ones."""
        for part in self.parts:
            if part.name == name:
                return part
        raise BookError(f"{PLAN}: no part '{name}' (there are: {', '.join(part.name for part in self.parts)})")


def read_outline(book: Book) -> Outline:
    """Read the plan and mark what the table of contents lists."""
    path = book.root / PLAN
    try:
        data = yaml.safe_load(path.read_text("utf8"))
    except FileNotFoundError as error:
        raise BookError(f"{PLAN}: missing") from error
    except yaml.YAMLError as error:
        raise BookError(f"{PLAN}: not valid YAML: {str(error).splitlines()[0]}") from error
    docnames = book.docnames()
    planned = [entry["path"] for part in data["parts"] for entry in part["chapters"]]
    pages = pages_by_chapter(planned, docnames, {part["name"] for part in data["parts"]})
    parts = tuple(read_part(part, pages, docnames) for part in data["parts"])
    outline = Outline(dict(data["outcomes"]), parts)
    for chapter in outline.chapters.values():
        unknown = [name for name in chapter.after if name not in outline.chapters]
        if unknown:
            raise BookError(f"{PLAN}: '{chapter.path}' comes after '{unknown[0]}', which is not in the plan")
    return outline


def read_part(data: dict, pages: dict[str, list[str]], docnames: list[str]) -> Part:
    chapters = tuple(
        Chapter(
            **{**entry, "after": tuple(entry.get("after", ())), "pages": tuple(pages.get(entry["path"], ()))},
        )
        for entry in data["chapters"]
    )
    opener = f"book/{data['name']}/index"
    return Part(data["name"], data["title"], data["line"], chapters, opener if opener in docnames else None)


def pages_by_chapter(planned: list[str], docnames: list[str], parts: set[str]) -> dict[str, list[str]]:
    """The pages of each chapter; a page `name-more` continues the chapter `name`."""
    found: dict[str, list[str]] = {}
    for docname in docnames:
        pieces = Path(docname).parts
        if len(pieces) != 3 or pieces[1] not in parts or pieces[2] == "index":
            continue
        path = f"{pieces[1]}/{pieces[2]}"
        owners = [name for name in planned if path == name or path.startswith(f"{name}-")]
        if not owners:
            raise BookError(f"{PLAN}: has no chapter for the page {docname}.md of the table of contents: add an entry")
        found.setdefault(max(owners, key=len), []).append(docname)
    return found


def outcomes_of(book: Book, docname: str, known: dict[int, str]) -> tuple[int, ...]:
    """The learning outcomes that a page's front matter names (`outcomes: [2, 3]`)."""
    named = front_matter(book.source(docname).read_text("utf8")).get("outcomes", [])
    wrong = [number for number in named if number not in known]
    if wrong:
        raise BookError(f"{docname}.md: outcome {wrong[0]} does not exist (there are {', '.join(map(str, known))})")
    return tuple(named)
