"""The whole book as the rules see it: pages, chapters, contents, bibliography, Python sources, tracked files."""

from __future__ import annotations

import ast
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from bookbuild.lint.page import Page

PARTS = tuple("introduction techniques data training evaluation deployment trends generative workshop".split())
SKIPPED = frozenset({".git", ".venv", "_build", "__pycache__", "node_modules", ".pytest_cache", ".ruff_cache"})


@dataclass(frozen=True)
class Chapter:
    """A chapter: its first page, and the pages it was split into, in reading order."""

    part: str
    name: str
    pages: tuple[Page, ...]

    @property
    def module(self) -> str:
        return f"code/mldev/{self.part}/{module_name(self.name)}.py"

    @property
    def test(self) -> str:
        return f"tests/mldev/{self.part}/test_{module_name(self.name)}.py"


@dataclass(frozen=True)
class Source:
    """A Python file with its syntax tree; ``tree`` is None when it cannot be read as Python."""

    path: str
    text: str
    tree: ast.Module | None
    problem: str = ""
    line: int = 1

    @classmethod
    def parse(cls, path: str, text: str) -> Source:
        try:
            return cls(path, text, ast.parse(text))
        except SyntaxError as error:
            return cls(path, text, None, error.msg, error.lineno or 1)


def module_name(page_name: str) -> str:
    """Name of the module of a chapter: ``transfer-learning`` -> ``transfer_learning``."""
    return page_name.replace("-", "_")


class Book:
    """The book under a root folder; everything is read on first use and kept."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @cached_property
    def files(self) -> list[str]:
        """Every file that git tracks or would track; without git, every file outside the build folders."""
        listed = subprocess.run(
            ["git", "-C", str(self.root), "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            capture_output=True,
            text=True,
        )
        if listed.returncode == 0 and (self.root / ".git").exists():
            names = [name for name in listed.stdout.split("\0") if name]
        else:
            names = [path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()]
        kept = (name for name in names if not SKIPPED & set(Path(name).parts) and ".egg-info/" not in name)
        return sorted(name for name in set(kept) if (self.root / name).is_file())

    def read(self, path: str) -> str:
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    @cached_property
    def pages(self) -> dict[str, Page]:
        names = [name for name in self.files if name.startswith("book/") and name.endswith(".md")]
        return {name: self._page(name) for name in names}

    def _page(self, name: str) -> Page:
        page = Page.parse(name, self.read(name))
        lines = page.text.split("\n")
        unreadable = next((number for number, text in enumerate(lines, 1) if "\ufffd" in text), 0)
        if unreadable:
            page.problems.append((unreadable, "the page is not UTF-8 here"))
        return page

    @cached_property
    def chapter_pages(self) -> list[Page]:
        return [page for page in self.pages.values() if page.part in PARTS and page.name != "index"]

    @cached_property
    def chapters(self) -> list[Chapter]:
        """Chapters in the order of the contents; a page named ``<chapter>-...`` belongs to ``<chapter>``."""
        groups: dict[tuple[str, str], list[Page]] = {}
        order = {f"{name}.md": place for place, (_, name) in enumerate(self.toc)}
        last = len(order)
        for page in sorted(self.chapter_pages, key=lambda page: (order.get(page.path, last), page.part, page.name)):
            groups.setdefault((page.part, self.owner(page.part, page.name)), []).append(page)
        return [Chapter(part, name, tuple(pages)) for (part, name), pages in groups.items()]

    def owner(self, part: str, name: str) -> str:
        """Chapter of a part that a page or module of this name belongs to; the name itself when there is none."""
        name = name.replace("_", "-")
        names = sorted(page.name for page in self.chapter_pages if page.part == part)
        return next((other for other in names if name == other or name.startswith(other + "-")), name)

    @cached_property
    def sources(self) -> dict[str, Source]:
        names = [name for name in self.files if name.endswith(".py") and name.startswith(("code/", "tests/"))]
        return {name: Source.parse(name, self.read(name)) for name in names}

    @cached_property
    def toc_text(self) -> str:
        return self.read("_toc.yml") if (self.root / "_toc.yml").is_file() else ""

    @cached_property
    def toc_problem(self) -> tuple[int, str] | None:
        """Line and message when the table of contents cannot be read."""
        try:
            yaml.safe_load(self.toc_text)
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            return (mark.line + 1 if mark else 1), str(getattr(error, "problem", error))
        return None

    @cached_property
    def toc(self) -> list[tuple[int, str]]:
        """Line and name of every file that the table of contents lists."""
        if self.toc_problem:
            return []
        return [(self._toc_line(name), name) for name in _listed(yaml.safe_load(self.toc_text))]

    def _toc_line(self, name: str) -> int:
        pattern = re.compile(rf"(file|root)\s*:\s*['\"]?{re.escape(name)}['\"]?\s*(#.*)?$")
        lines = self.toc_text.splitlines()
        return next((number for number, text in enumerate(lines, 1) if pattern.search(text)), 1)


def _listed(node: Any) -> list[str]:
    if isinstance(node, list):
        return [name for item in node for name in _listed(item)]
    if not isinstance(node, dict):
        return []
    own = [str(node[key]) for key in ("root", "file") if key in node]
    return own + [name for value in node.values() for name in _listed(value)]
