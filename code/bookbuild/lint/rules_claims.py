"""Rule 5: a chapter asserts, and what it asserts can fail and shows its evidence."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from bookbuild.lint.book import Book
from bookbuild.lint.cells import argument, calls, trees
from bookbuild.lint.faults import Fault
from bookbuild.lint.page import Page

KEBAB = re.compile(r"^[a-z0-9]+(?:-[a-z0-9]+)*$")


def _claims(page: Page, name: str = "claim") -> Iterator[tuple[int, ast.Call]]:
    for line, called, call in calls(page):
        if called.rsplit(".", 1)[-1] == name:
            yield line, call


def _literal(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def no_claims(book: Book) -> Iterator[Fault]:
    """A chapter without a single claim (chapters)."""
    for chapter in book.chapters:
        if not any(True for page in chapter.pages for _ in _claims(page)):
            remedy = "assert what it shows with claim(name, statement, holds, evidence) beside the evidence"
            yield Fault(chapter.pages[0].path, 1, f"chapter '{chapter.name}' claims nothing", remedy)


def claim_name(book: Book) -> Iterator[Fault]:
    """A claim whose name is not in kebab case, or is used twice in the book (all pages)."""
    seen: dict[str, str] = {}
    for page in book.pages.values():
        for line, call in _claims(page):
            name = _literal(argument(call, 0, "name"))
            if name and not KEBAB.match(name):
                yield Fault(page.path, line, f"claim name '{name}' is not in kebab case", "use a-z, 0-9 and hyphens")
            if name in seen:
                yield Fault(page.path, line, f"claim '{name}' stands at {seen[name]} already", "choose another name")
            if name:
                seen[name] = f"{page.path}:{line}"


def claim_condition(book: Book) -> Iterator[Fault]:
    """A claim that cannot fail: its condition is a literal or compares nothing (all pages)."""
    for page in book.pages.values():
        known = _assigned(page)
        for line, call in _claims(page):
            problem = _condition_problem(argument(call, 2, "holds"), known)
            if problem:
                remedy = "compare the measured interval with its threshold, as in interval.above(0)"
                yield Fault(page.path, line, f"the claim '{_literal(argument(call, 0, 'name'))}' {problem}", remedy)


def _assigned(page: Page) -> dict[str, list[ast.expr]]:
    """Every expression that the cells of a page assign to a plain name."""
    found: dict[str, list[ast.expr]] = {}
    for _, tree in trees(page):
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, []).append(node.value)
                    elif isinstance(target, ast.Tuple):
                        for name in target.elts:
                            found.setdefault(getattr(name, "id", ""), []).append(node.value)
    return found


def _condition_problem(holds: ast.expr | None, known: dict[str, list[ast.expr]]) -> str:
    if holds is None:
        return "has no condition"
    if isinstance(holds, ast.Name) and holds.id in known:
        problems = [_condition_problem(value, {}) for value in known[holds.id]]
        return problems[-1] if all(problems) else ""
    names = [node for node in ast.walk(holds) if isinstance(node, ast.Name) and not _is_function(holds, node)]
    if not names:
        return "has a condition made of literals only"
    compares = [node for node in ast.walk(holds) if isinstance(node, ast.Compare)]
    if any(ast.dump(node.left) == ast.dump(right) for node in compares for right in node.comparators):
        return "compares a thing with itself"
    deciding = [node for node in ast.walk(holds) if isinstance(node, (ast.Compare, ast.Call))]
    return "" if deciding else "has a condition that neither compares nor calls anything"


def _is_function(holds: ast.expr, name: ast.Name) -> bool:
    return any(isinstance(node, ast.Call) and node.func is name for node in ast.walk(holds))


def claim_evidence(book: Book) -> Iterator[Fault]:
    """A claim without evidence, or whose evidence is a bare string that nothing computes (all pages)."""
    for page in book.pages.values():
        for line, call in _claims(page):
            evidence = argument(call, 3, "evidence")
            fixed = isinstance(evidence, ast.Constant) or (
                isinstance(evidence, ast.JoinedStr) and all(isinstance(v, ast.Constant) for v in evidence.values)
            )
            if evidence is None or fixed:
                what = "has no evidence" if evidence is None else "gives a typed text as evidence"
                name = _literal(argument(call, 0, "name"))
                remedy = "pass the measured interval or a text that formats it"
                yield Fault(page.path, line, f"the claim '{name}' {what}", remedy)
