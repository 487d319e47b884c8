"""Rules 13 and 14: code that is read from top to bottom, and who may import whom."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from bookbuild.lint.book import PARTS, Book, Source
from bookbuild.lint.cells import dotted, trees
from bookbuild.lint.faults import Fault

MODULE_LINES, FUNCTION_LINES = 400, 40
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _code(book: Book, *folders: str) -> Iterator[tuple[Source, ast.Module]]:
    for source in book.sources.values():
        if source.tree is not None and source.path.startswith(folders):
            yield source, source.tree


def module_syntax(book: Book) -> Iterator[Fault]:
    """A Python file that is not Python (code/, tests/)."""
    for source in book.sources.values():
        if source.tree is None:
            yield Fault(source.path, source.line, f"syntax error: {source.problem}", "correct it")


def module_size(book: Book) -> Iterator[Fault]:
    """A module of more than 400 lines or a function of more than 40, docstring apart (code/)."""
    for source, tree in _code(book, "code/"):
        lines = len(source.text.splitlines())
        if lines > MODULE_LINES:
            yield Fault(source.path, 1, f"{lines} lines, more than {MODULE_LINES}", "split the module")
        for node in ast.walk(tree):
            if isinstance(node, Function) and (length := _length(node)) > FUNCTION_LINES:
                problem = f"function '{node.name}' has {length} lines, more than {FUNCTION_LINES}"
                yield Fault(source.path, node.lineno, problem, "split the function")


def _length(node: Function) -> int:
    total = (node.end_lineno or node.lineno) - node.lineno + 1
    first = node.body[0]
    if ast.get_docstring(node) is not None:
        total -= (first.end_lineno or first.lineno) - first.lineno + 1
    return total


def prints(book: Book) -> Iterator[Fault]:
    """A print in mldev, whose results are returned (code/mldev)."""
    for source, tree in _code(book, "code/mldev/"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and dotted(node.func) == "print":
                yield Fault(source.path, node.lineno, "a print", "return the result; progress goes through tqdm.auto")


def swallowed(book: Book) -> Iterator[Fault]:
    """An exception caught without a name, or caught broadly and dropped (code/, tests/)."""
    for source, tree in _code(book, "code/", "tests/"):
        for node in ast.walk(tree):
            if isinstance(node, ast.ExceptHandler):
                named = dotted(node.type) if node.type is not None else ""
                if node.type is None:
                    yield Fault(source.path, node.lineno, "a bare except", "name the exceptions that can be handled")
                elif named in {"Exception", "BaseException"} and _drops(node):
                    yield Fault(source.path, node.lineno, f"'except {named}' drops the error", "name it and handle it")
            elif isinstance(node, ast.Call) and dotted(node.func).endswith("suppress"):
                if {dotted(argument) for argument in node.args} & {"Exception", "BaseException"}:
                    yield Fault(source.path, node.lineno, "every error is suppressed", "name the ones that may come")


def _drops(handler: ast.ExceptHandler) -> bool:
    """Whether a broad handler neither raises nor looks at the error that it caught."""
    inside = [node for item in handler.body for node in ast.walk(item)]
    used = any(isinstance(node, ast.Name) and node.id == handler.name for node in inside)
    return not used and not any(isinstance(node, ast.Raise) for node in inside)


def typed(book: Book) -> Iterator[Fault]:
    """A public function whose parameters or result have no types (code/)."""
    for source, tree in _code(book, "code/"):
        for node, method in _public(tree):
            arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            static = any(dotted(mark) == "staticmethod" for mark in node.decorator_list)
            arguments = arguments[1:] if method and not static else arguments
            bare = [argument.arg for argument in arguments if argument.annotation is None]
            if bare:
                problem = f"'{node.name}' has parameters without types: {', '.join(bare)}"
                yield Fault(source.path, node.lineno, problem, "annotate them")
            elif node.returns is None and node.name != "__init__":
                yield Fault(source.path, node.lineno, f"'{node.name}' does not say what it returns", "annotate it")


def _public(tree: ast.Module) -> Iterator[tuple[Function, bool]]:
    for node in tree.body:
        if isinstance(node, Function) and not node.name.startswith("_"):
            yield node, False
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for item in node.body:
                if isinstance(item, Function) and (not item.name.startswith("_") or item.name == "__init__"):
                    yield item, True


def docstrings(book: Book) -> Iterator[Fault]:
    """A module of code/ without a docstring."""
    for source, tree in _code(book, "code/"):
        if not ast.get_docstring(tree):
            yield Fault(source.path, 1, "the module has no docstring", "say what it is and which chapter it belongs to")


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for name in node.names:
                yield node.lineno, f"{node.module}.{name.name}"


def import_direction(book: Book) -> Iterator[Fault]:
    """bookbuild importing mldev, or mldev importing bookbuild (code/)."""
    for source, tree in _code(book, "code/"):
        package = source.path.split("/")[1]
        other = {"bookbuild": "mldev", "mldev": "bookbuild"}.get(package)
        for line, name in _imports(tree):
            if name.split(".")[0] == other:
                remedy = "the two packages know nothing of each other"
                yield Fault(source.path, line, f"{package} imports {name}", remedy)


def foreign_chapter(book: Book) -> Iterator[Fault]:
    """A part that imports another part's chapter, when no page of the importing chapter says 'as built in' it."""
    for source, tree in _code(book, "code/mldev/"):
        pieces = source.path.split("/")
        if len(pieces) > 3:
            name = book.owner(pieces[2], pieces[3].removesuffix(".py"))
            for line, imported in _imports(tree):
                yield from _foreign(book, (source.path, line), (pieces[2], name), imported)
    for page in book.chapter_pages:
        for cell, tree in trees(page):
            for line, imported in _imports(tree):
                place = (page.path, cell.first_line + line - 1)
                yield from _foreign(book, place, (page.part, book.owner(page.part, page.name)), imported)


def _foreign(book: Book, place: tuple[str, int], own: tuple[str, str], imported: str) -> Iterator[Fault]:
    pieces = imported.split(".")
    if len(pieces) < 3 or pieces[0] != "mldev" or pieces[1] not in PARTS or pieces[1] == own[0]:
        return
    other = book.owner(pieces[1], pieces[2])
    chapter = next((chapter for chapter in book.chapters if (chapter.part, chapter.name) == (pieces[1], other)), None)
    pages = [page for mine in book.chapters if (mine.part, mine.name) == own for page in mine.pages]
    said = re.compile(rf"as\s+built\s+in[^.]*`(?:[^`]*<)?(?:[\w/.-]*/)?{re.escape(other)}>?`", re.IGNORECASE)
    if chapter is not None and not any(said.search(page.text) for page in pages):
        problem = f"part '{own[0]}' imports chapter '{pieces[1]}/{other}'"
        remedy = f"say 'as built in {{ref}}`{other}`' in the chapter, or move what is shared to mldev's top"
        yield Fault(*place, problem, remedy)
