"""The Python of a page's code cells: syntax trees, calls, and what a call is called."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache

from bookbuild.lint.page import Directive, Page

MAGIC = re.compile(r"^(\s*)[%!?].*$|^(\s*)[\w.]+\?{1,2}\s*$", re.MULTILINE)
DRAWING = frozenset({"subplots", "figure", "subplot_mosaic", "interactive", "from_estimator", "from_predictions"})
QUICK = frozenset("plot scatter imshow hist bar barh boxplot violinplot contour contourf errorbar step".split())


def python(source: str) -> str:
    """The source of a cell; when it is no Python as it stands, with the lines of notebook magics passed over."""
    try:
        ast.parse(source)
        return source
    except SyntaxError:
        pass
    return MAGIC.sub(lambda found: f"{found[1] or found[2] or ''}pass", source)


@lru_cache(maxsize=4096)
def tree_of(source: str) -> ast.Module | None:
    """Syntax tree of a cell, or None when it is not Python; rule ``cell-syntax`` reports those."""
    try:
        return ast.parse(python(source))
    except SyntaxError:
        return None


def trees(page: Page) -> Iterator[tuple[Directive, ast.Module]]:
    """Every cell of a page that can be read, with its tree."""
    for cell in page.cells:
        tree = tree_of(cell.source)
        if tree is not None:
            yield cell, tree


def calls(page: Page) -> Iterator[tuple[int, str, ast.Call]]:
    """Every call in the cells of a page: line in the page, dotted name, the call."""
    for cell, tree in trees(page):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield cell.first_line + node.lineno - 1, dotted(node.func), node


def dotted(node: ast.expr) -> str:
    """``np.random.rand`` for the expression of that name; the last attribute alone when it hangs on something else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = dotted(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    return ""


def draws(source: str) -> bool:
    """Whether a cell makes a picture: Matplotlib axes, a pandas plot, a chart, or a function named draw_ or plot_."""
    tree = tree_of(source)
    if tree is None:
        return False
    names = [dotted(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = [name for name in names if not _defined_in(tree, name)]
    lasts = {name.rsplit(".", 1)[-1] for name in names}
    quick = any(name.startswith("plt.") and name.removeprefix("plt.") in QUICK for name in names)
    started = quick or any(last.startswith(("plot_", "draw_")) for last in lasts)
    pandas = any(".plot" in name and not name.startswith(("ax", "axes", "plt")) for name in names)
    return bool(lasts & DRAWING) or started or pandas


def _defined_in(tree: ast.Module, name: str) -> bool:
    inside = {id(n) for f in tree.body if isinstance(f, ast.FunctionDef) for n in ast.walk(f)}
    used = [n for n in ast.walk(tree) if isinstance(n, ast.Call) and dotted(n.func) == name]
    return all(id(node) in inside for node in used)


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    """The argument of a call, by position or by name."""
    if len(call.args) > position and not any(isinstance(arg, ast.Starred) for arg in call.args[: position + 1]):
        return call.args[position]
    return next((keyword.value for keyword in call.keywords if keyword.arg == name), None)


def template(node: ast.expr | None) -> str | None:
    """A string as a regular expression: a literal as it is, each computed piece of an f-string as ``.+``."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return re.escape(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(re.escape(v.value) if isinstance(v, ast.Constant) else ".+" for v in node.values)
    return None
