"""Rules 6 and 11: the code cells of a page can be read, name what exists, and give the same result every time."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from collections.abc import Iterator

from ruff import find_ruff_bin

from bookbuild.lint.book import Book
from bookbuild.lint.cells import MAGIC, argument, calls, dotted, python, tree_of, trees
from bookbuild.lint.faults import Fault
from bookbuild.lint.imports import exported, missing_module, names_in
from bookbuild.lint.page import Page

LONGEST_CELL = 25
NETWORK = frozenset("requests urllib urllib3 httpx aiohttp socket ftplib wget kagglehub huggingface_hub".split())
FETCHES = re.compile(r"(?:^|\.)(?:fetch_\w+|urlopen|urlretrieve|load_state_dict_from_url)$")
SEEDED = frozenset(
    "default_rng Generator SeedSequence PCG64 PCG64DXSM MT19937 Philox SFC64 BitGenerator RandomState Random "
    "SystemRandom getstate setstate get_state set_state".split()
)
LOOSE = re.compile(r"^(?:np|numpy)\.random\.(?P<np>\w+)$|^random\.(?P<std>\w+)$")


def cell_syntax(book: Book) -> Iterator[Fault]:
    """A code cell that is not Python (all pages)."""
    for page in book.pages.values():
        for cell in page.cells:
            try:
                ast.parse(python(cell.source))
            except SyntaxError as error:
                line = cell.first_line + (error.lineno or 1) - 1
                yield Fault(page.path, line, f"syntax error in the cell: {error.msg}", "correct the cell")


def cell_names(book: Book) -> Iterator[Fault]:
    """Unused imports and undefined names in the cells of a page, by ruff's rules F (all pages)."""
    pages = {page.path: _program(page) for page in book.pages.values() if page.cells}
    for path, found in _ruff(book, pages).items():
        places = pages[path][1]
        for item in found:
            row = item["location"]["row"]
            line = places[row - 1] if row <= len(places) else 1
            yield Fault(path, line, f"{item['message']} ({item['code']})", "correct the cells of this page")


def _program(page: Page) -> tuple[str, list[int]]:
    """The readable cells of a page as one program, and the page line of each of its lines."""
    text, places = [], []
    for cell in page.cells:
        if tree_of(cell.source) is not None:
            lines = python(cell.source).split("\n")
            text += lines
            places += [cell.first_line + offset for offset in range(len(lines))]
    return "\n".join(text) + "\n", places


def _ruff(book: Book, programs: dict[str, tuple[str, list[int]]]) -> dict[str, list[dict]]:
    found = {}
    for path, (text, _) in programs.items():
        settings = ["--isolated", "--select", "F", "--ignore", "F811", "--output-format", "json"]
        builtins = ["--config", 'builtins = ["display", "get_ipython"]', "--stdin-filename", "cells.py", "-"]
        command = [find_ruff_bin(), "check", "--no-cache", *settings, *builtins]
        done = subprocess.run(command, input=text, capture_output=True, text=True, cwd=book.root)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"ruff could not read the cells of {path}: {done.stderr.strip()}")
        found[path] = json.loads(done.stdout)
    return found


def missing_name(book: Book) -> Iterator[Fault]:
    """A name imported in a cell that does not exist, in mldev or in the environment (all pages)."""
    for page in book.pages.values():
        for cell, tree in trees(page):
            for node in ast.walk(tree):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    for problem in _import_problems(book, node):
                        line = cell.first_line + node.lineno - 1
                        yield Fault(page.path, line, problem, "correct the import, or write what it names")


def _import_problems(book: Book, node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    if isinstance(node, ast.Import):
        for name in node.names:
            if missing_module(book, name.name):
                yield f"there is no module '{name.name}'"
        return
    module = node.module or ""
    if node.level or missing_module(book, module):
        yield f"there is no module '{'.' * node.level}{module}'"
        return
    known = exported(book, module)
    for name in node.names:
        if known is not None and name.name not in known and name.name != "*":
            yield f"module '{module}' has no '{name.name}'"


def missing_object(book: Book) -> Iterator[Fault]:
    """A literalinclude whose file or :pyobject: does not exist (all pages)."""
    for page in book.pages.values():
        for shown in page.named("literalinclude"):
            path = shown.argument.lstrip("/") if shown.argument.startswith("/") else ""
            remedy = "name a file from the root, as /code/mldev/..., and an object in it"
            if path not in book.sources and not (path and (book.root / path).is_file()):
                yield Fault(page.path, shown.line, f"there is no file '{shown.argument}'", remedy)
            elif (wanted := shown.options.get("pyobject")) and path in book.sources:
                tree = book.sources[path].tree
                if tree is not None and str(wanted) not in names_in(tree):
                    yield Fault(page.path, shown.line, f"'{shown.argument}' has no object '{wanted}'", remedy)


def long_cell(book: Book) -> Iterator[Fault]:
    """A code cell of more than 25 lines (chapters)."""
    for page in book.chapter_pages:
        for cell in page.cells:
            length = len(cell.source.strip("\n").split("\n"))
            if length > LONGEST_CELL:
                remedy = "split it, or move what is long into the chapter's module and show it with literalinclude"
                yield Fault(page.path, cell.line, f"a cell of {length} lines, more than {LONGEST_CELL}", remedy)


def network(book: Book) -> Iterator[Fault]:
    """A cell that installs, downloads or opens an address (all pages)."""
    remedy = "take the data from mldev.datasets and packages from requirements.txt"
    for page in book.pages.values():
        for cell in page.cells:
            for number, text in cell.body:
                if MAGIC.match(text) and re.search(r"\b(?:pip|conda|mamba|curl|wget|apt(?:-get)?|git)\b", text):
                    yield Fault(page.path, number, f"the cell runs '{text.strip()}'", remedy)
        for cell, tree in trees(page):
            for node in ast.walk(tree):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    for name in _imported(node):
                        if name.split(".")[0] in NETWORK:
                            line = cell.first_line + node.lineno - 1
                            yield Fault(page.path, line, f"the cell imports '{name}', which opens the network", remedy)
        for line, name, call in calls(page):
            first = argument(call, 0, "")
            opened = isinstance(first, ast.Constant) and str(first.value).startswith(("http://", "https://", "ftp://"))
            if FETCHES.search(name) or (opened and name.split(".")[-1].startswith(("read_", "load", "open", "get"))):
                yield Fault(page.path, line, f"'{name}' fetches from the network", remedy)


def _imported(node: ast.Import | ast.ImportFrom) -> list[str]:
    return [name.name for name in node.names] if isinstance(node, ast.Import) else [node.module or ""]


def allowed_error(book: Book) -> Iterator[Fault]:
    """A page or cell that lets an error pass: allow_errors, raises-exception, skip-execution (all pages)."""
    remedy = "mend the cell; to show an error, catch it and print its message"
    for page in book.pages.values():
        for number, text in enumerate(page.text.splitlines(), 1):
            if re.search(r"^\s*(?:nb_)?(?:execution_)?allow_errors\s*:\s*true", text, re.IGNORECASE):
                yield Fault(page.path, number, "errors are allowed here", remedy)
        for cell in page.cells:
            for tag in {"raises-exception", "skip-execution"} & set(cell.tags):
                yield Fault(page.path, cell.line, f"the cell is tagged '{tag}'", remedy)


def unseeded(book: Book) -> Iterator[Fault]:
    """Randomness without a seed in a cell or in mldev: default_rng(), np.random.*, random.* (all pages, code/mldev)."""
    for page in book.pages.values():
        for line, name, call in calls(page):
            if loose := _loose(name, call):
                yield Fault(page.path, line, loose, "draw from rng = np.random.default_rng(seed)")
    for source in book.sources.values():
        if source.path.startswith("code/mldev/") and source.tree is not None:
            for node in ast.walk(source.tree):
                if isinstance(node, ast.Call) and (loose := _loose(dotted(node.func), node)):
                    yield Fault(source.path, node.lineno, loose, "take a seed, and draw from default_rng(seed)")


def _loose(name: str, call: ast.Call) -> str:
    last = name.rsplit(".", 1)[-1]
    bare = not call.args and not call.keywords
    none = bool(call.args) and isinstance(call.args[0], ast.Constant) and call.args[0].value is None
    if last in {"default_rng", "RandomState"} or name == "random.Random":
        return f"'{name}()' takes no seed" if bare or none else ""
    found = LOOSE.match(name)
    drawn = found and (found["np"] or found["std"])
    return f"'{name}' draws from the hidden global state" if drawn and drawn not in SEEDED else ""
