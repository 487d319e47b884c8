"""Rule 10: one name, three rooms; the table of contents and the folders are what the book's design says."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from bookbuild.lint.book import PARTS, Book, module_name
from bookbuild.lint.cells import trees
from bookbuild.lint.faults import Fault

REQUIRED = (
    "README.md LICENSE CITATION.cff CONTRIBUTING.md Makefile requirements.txt pyproject.toml apt.txt _config.yml "
    "_toc.yml .ci/run book/index.md book/references.bib book/glossary.md figures/README.md"
).split()
FOLDERS = frozenset("book code tests figures theme .binder .github .ci".split())
FILES = frozenset(name for name in REQUIRED if "/" not in name)
DOTTED = frozenset({".gitignore", ".gitattributes", ".pre-commit-config.yaml", ".editorconfig", ".codespellrc"})
GENERATED = frozenset({"genindex", "search", "py-modindex"})


def top_level(book: Book) -> Iterator[Fault]:
    """A file or folder at the top that the design does not have, or one that it has and is missing."""
    for name in REQUIRED:
        if name not in book.files:
            yield Fault(name, 1, "this file is missing", "write it")
    for name in book.files:
        first = Path(name).parts[0]
        known = FOLDERS if "/" in name else FILES | DOTTED
        if first not in known:
            yield Fault(name, 1, f"'{first}' has no place at the top of the book", "move it into book, code or tests")
        if name.startswith("figures/") and name != "figures/README.md":
            yield Fault(
                name, 1, "a drawn figure is kept with the sources", "take it out: figures are drawn by the build"
            )


def contents(book: Book) -> Iterator[Fault]:
    """A table of contents that cannot be read or names a missing file, and a page that it does not list."""
    if book.toc_problem:
        line, problem = book.toc_problem
        yield Fault("_toc.yml", line, f"not valid YAML ({problem})", "correct it")
        return
    listed = set()
    for line, name in book.toc:
        path = next((p for p in (name, f"{name}.md", f"{name}.rst", f"{name}.ipynb") if (book.root / p).is_file()), "")
        if not path and name not in GENERATED:
            yield Fault("_toc.yml", line, f"there is no file '{name}.md'", "write it, or take the entry out")
        if path and path in listed:
            yield Fault("_toc.yml", line, f"'{name}' is listed twice", "keep one entry")
        listed.add(path)
    for path in book.pages:
        if path not in listed:
            yield Fault(path, 1, "the page is not in _toc.yml", "add it there, or take the page out")


def packages(book: Book) -> Iterator[Fault]:
    """An __init__.py in code/ or tests/, a package without one, or one that holds more than a docstring."""
    for path in book.sources:
        if path == "code/__init__.py" or (path.startswith("tests/") and path.endswith("/__init__.py")):
            yield Fault(path, 1, "this file breaks the import of Python's own 'code' or of the tests", "take it out")
        if path.startswith("code/") and path.count("/") > 1:
            folder = path.rsplit("/", 1)[0]
            if f"{folder}/__init__.py" not in book.sources and not folder.endswith("/studies"):
                yield Fault(path, 1, f"'{folder}' has no __init__.py", "add one that holds only a docstring")
            if path.endswith("/__init__.py") and not _only_docstring(book.sources[path].tree):
                yield Fault(path, 1, "holds more or less than a docstring", "leave only a docstring in it")
    for path in book.sources:
        pieces = path.split("/")
        if path.startswith("code/mldev/") and len(pieces) > 3 and pieces[2] not in PARTS:
            yield Fault(path, 1, f"'{pieces[2]}' is not a part of the book", f"use one of {', '.join(PARTS)}")


def _only_docstring(tree: ast.Module | None) -> bool:
    return tree is not None and len(tree.body) == 1 and bool(ast.get_docstring(tree))


def rooms(book: Book) -> Iterator[Fault]:
    """A chapter without its module or test, and a module or test of a part that no chapter and no code uses."""
    for chapter in book.chapters:
        for what, path in (("module", chapter.module), ("test", chapter.test)):
            if path not in book.sources:
                page = chapter.pages[0].path
                yield Fault(page, 1, f"chapter '{chapter.name}' has no {what}", f"write {path}")
    used = _used_modules(book)
    chapters = {(chapter.part, chapter.name) for chapter in book.chapters}
    for path in book.sources:
        pieces = path.split("/")
        if len(pieces) != 4 or pieces[2] not in PARTS or pieces[3] == "__init__.py":
            continue
        part, stem = pieces[2], pieces[3].removesuffix(".py")
        if path.startswith("code/mldev/") and (part, book.owner(part, stem)) not in chapters:
            if f"mldev.{part}.{stem}" not in used:
                problem = "a module without a chapter, that nothing imports"
                yield Fault(path, 1, problem, f"write book/{part}/{stem.replace('_', '-')}.md or take it out")
        if path.startswith("tests/mldev/") and stem.startswith("test_"):
            yield from _test_without_module(book, path, part, stem.removeprefix("test_"), chapters)
        elif path.startswith("tests/mldev/") and stem != "conftest":
            yield Fault(path, 1, "not a test module", "call it test_<chapter>.py, or put helpers into conftest.py")


def _test_without_module(
    book: Book, path: str, part: str, name: str, chapters: set[tuple[str, str]]
) -> Iterator[Fault]:
    known = f"code/mldev/{part}/{module_name(name)}.py" in book.sources
    if not known and (part, book.owner(part, name)) not in chapters:
        yield Fault(path, 1, f"a test without the module '{name}'", f"write code/mldev/{part}/{name}.py or take it out")


def _used_modules(book: Book) -> set[str]:
    """Every module that a module of mldev or a cell of the book names in an import."""
    forest = [source.tree for source in book.sources.values() if source.path.startswith("code/")]
    forest += [tree for page in book.pages.values() for _, tree in trees(page)]
    used = set()
    for tree in forest:
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, ast.Import):
                used |= {name.name for name in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                used |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
    return used
