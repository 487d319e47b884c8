"""One page of the book, parsed once for all rules: headings, prose, directives, code cells, roles.

The parser reads MyST Markdown line by line. It knows fences (backticks, tildes, colons), nested
directives and their options; it does not render anything. What it cannot read becomes a problem
with a line number, never an exception.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

OPAQUE = frozenset(
    "code-cell code-block code sourcecode literalinclude math mermaid raw bibliography index toctree eval-rst".split()
)
FENCE = re.compile(r"^(?P<indent>[ \t]*)(?P<mark>`{3,}|~{3,}|:{3,})(?P<info>[^`]*)$")
INFO = re.compile(r"^\s*\{(?P<name>[^}\s]+)\}\s*(?P<argument>.*?)\s*$")
SPAN = re.compile(r"(?:\{(?P<name>[A-Za-z][\w:.+-]*)\})?(?P<ticks>`+)(?P<content>.+?)(?<!`)(?P=ticks)(?!`)", re.DOTALL)
ROLE_TEXT = re.compile(r"\{[A-Za-z][\w:.+-]*\}(?=`)")
TARGET = re.compile(r"^\((?P<label>[^()\s]+)\)=\s*$")
HEADING = re.compile(r"^(?P<marks>#{1,6})\s+(?P<text>.*?)\s*#*\s*$")
WITH_TARGET = re.compile(r"^(?P<text>.*?)\s*<(?P<target>[^<>]+)>$", re.DOTALL)
HTML_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


@dataclass(frozen=True)
class Line:
    """A line of prose: its number, its text, the directives around it and the section it stands in."""

    number: int
    text: str
    context: tuple[str, ...] = ()
    section: str = ""


@dataclass(frozen=True)
class Heading:
    """A heading with its level and the label in front of it, when there is one."""

    line: int
    level: int
    text: str
    label: str = ""


@dataclass(frozen=True)
class Role:
    """An inline role such as ``{ref}`text <target>```: ``target`` is the whole content when there is no text."""

    line: int
    name: str
    content: str

    @property
    def target(self) -> str:
        match = WITH_TARGET.match(self.content)
        return (match["target"] if match else self.content).strip()


@dataclass
class Directive:
    """A directive with its argument, its options and its raw body."""

    line: int
    name: str
    argument: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    body: list[tuple[int, str]] = field(default_factory=list)
    context: tuple[str, ...] = ()
    section: str = ""
    header: list[tuple[int, str]] = field(default_factory=list)
    end: int = 0

    @property
    def source(self) -> str:
        return "\n".join(text for _, text in self.body)

    @property
    def first_line(self) -> int:
        return self.body[0][0] if self.body else self.line

    @property
    def tags(self) -> list[str]:
        tags = self.options.get("tags", [])
        return [str(tag) for tag in tags] if isinstance(tags, list) else str(tags).strip("[] ").split(", ")

    @property
    def figure(self) -> dict[str, Any]:
        return self._render("figure")

    @property
    def image(self) -> dict[str, Any]:
        return self._render("image")

    def _render(self, key: str) -> dict[str, Any]:
        settings = self.options.get("mystnb")
        found = settings.get(key) if isinstance(settings, dict) else None
        return found if isinstance(found, dict) else {}

    def line_of(self, word: str) -> int:
        """Line of the option whose text holds ``word``; the directive's own line when none does."""
        return next((number for number, text in self.header if word in text), self.line)


@dataclass(frozen=True)
class Block:
    """A paragraph, list item or table row: consecutive lines of prose that are read as one."""

    lines: tuple[Line, ...]

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    @property
    def context(self) -> tuple[str, ...]:
        return self.lines[0].context

    @property
    def section(self) -> str:
        return self.lines[0].section

    def line_at(self, offset: int) -> int:
        return self.lines[min(self.text.count("\n", 0, offset), len(self.lines) - 1)].number


@dataclass
class Page:
    """A parsed page: see the module's docstring."""

    path: str
    text: str
    front: dict[str, Any] = field(default_factory=dict)
    headings: list[Heading] = field(default_factory=list)
    prose: list[Line] = field(default_factory=list)
    directives: list[Directive] = field(default_factory=list)
    targets: list[tuple[int, str]] = field(default_factory=list)
    comments: list[tuple[int, str]] = field(default_factory=list)
    problems: list[tuple[int, str]] = field(default_factory=list)

    @classmethod
    def parse(cls, path: str, text: str) -> Page:
        page = cls(path, text)
        _Parser(page).run()
        return page

    @property
    def name(self) -> str:
        return Path(self.path).stem

    @property
    def part(self) -> str:
        pieces = Path(self.path).parts
        return pieces[1] if len(pieces) > 2 else ""

    @property
    def cells(self) -> list[Directive]:
        return self.named("code-cell")

    def named(self, *names: str) -> list[Directive]:
        return [directive for directive in self.directives if directive.name in names]

    @cached_property
    def blocks(self) -> list[Block]:
        return list(_blocks(self.prose))

    @cached_property
    def roles(self) -> list[Role]:
        found = []
        for block in self.blocks:
            found += [Role(block.line_at(at), name, content) for at, name, content in _roles(block.text)]
        for directive in self.directives:
            for number, text in [*directive.header, (directive.line, directive.argument)]:
                found += [Role(number, name, content) for _, name, content in _roles(text)]
        return found

    def uses(self, *names: str) -> list[Role]:
        return [role for role in self.roles if role.name in names]

    @cached_property
    def labels(self) -> set[str]:
        """Every label that this page defines, in front of a heading or as an option of a directive."""
        found = {label for _, label in self.targets}
        for directive in self.directives:
            found |= {str(directive.options[key]) for key in ("name", "label") if key in directive.options}
            if "name" in directive.figure:
                found.add(str(directive.figure["name"]))
        return found

    def within(self, opening: str, closing: str) -> list[tuple[Directive, int]]:
        """Gated pairs such as ``exercise-start`` ... ``exercise-end``: the opener and the line of its end (0: none)."""
        pairs: list[tuple[Directive, int]] = []
        for directive in self.named(opening, closing):
            if directive.name == opening:
                pairs.append((directive, 0))
            elif pairs and not pairs[-1][1]:
                pairs[-1] = (pairs[-1][0], directive.line)
        return pairs


def _roles(text: str) -> Iterator[tuple[int, str, str]]:
    for match in SPAN.finditer(text):
        if match["name"]:
            yield match.start(), match["name"], " ".join(match["content"].split())


def _blocks(lines: list[Line]) -> Iterator[Block]:
    current: list[Line] = []
    for line in lines:
        starts = not line.text.strip() or re.match(r"\s*([-*+]|\d+[.)])\s|\s*\|", line.text)
        apart = current and (line.number != current[-1].number + 1 or line.context != current[-1].context)
        if current and (starts or apart):
            yield Block(tuple(current))
            current = []
        if line.text.strip():
            current.append(line)
    if current:
        yield Block(tuple(current))


class _Parser:
    """Fills a page from its text; one instance reads one page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.lines = HTML_COMMENT.sub(lambda found: re.sub(r"[^\n]", "", found[0]), page.text).split("\n")
        self.stack: list[tuple[str, Directive]] = []
        self.section = ""
        self.label = ""

    def run(self) -> None:
        index = self._front_matter()
        while index < len(self.lines):
            index = self._step(index)
        for _, directive in self.stack:
            self.page.problems.append((directive.line, f"the block '{directive.name or 'code'}' is never closed"))

    def _front_matter(self) -> int:
        if self.lines[0].strip() != "---":
            return 0
        ends = [n for n, text in enumerate(self.lines[1:], 1) if text.strip() == "---"]
        if not ends:
            self.page.problems.append((1, "the front matter is never closed"))
            return 1
        self.page.front = self._yaml(list(enumerate(self.lines[1 : ends[0]], 2)), 1, "front matter")
        return ends[0] + 1

    def _yaml(self, numbered: list[tuple[int, str]], line: int, what: str) -> dict[str, Any]:
        try:
            found = yaml.safe_load("\n".join(text for _, text in numbered)) or {}
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            at = numbered[min(mark.line, len(numbered) - 1)][0] if mark and numbered else line
            self.page.problems.append((at, f"the {what} is not valid YAML ({getattr(error, 'problem', error)})"))
            return {}
        if not isinstance(found, dict):
            self.page.problems.append((line, f"the {what} is not a list of keys and values"))
            return {}
        return found

    def _step(self, index: int) -> int:
        text, top = self.lines[index], self.stack[-1] if self.stack else None
        if top and self._closes(text, top[0]):
            top[1].end = index + 1
            self.stack.pop()
            return index + 1
        if top:
            top[1].body.append((index + 1, text))
        opened = FENCE.match(text)
        info = INFO.match(opened["info"]) if opened else None
        opaque = top is not None and (top[1].name in OPAQUE or not top[1].name)
        if not opaque and opened and (info or opened["mark"][0] != ":"):
            return self._open(index, opened["mark"], info)
        if not opaque:
            self._prose(index, text)
        return index + 1

    @staticmethod
    def _closes(text: str, mark: str) -> bool:
        bare = text.strip()
        return len(bare) >= len(mark) and set(bare) == {mark[0]}

    def _open(self, index: int, mark: str, info: re.Match[str] | None) -> int:
        name, argument = (info["name"], info["argument"]) if info else ("", "")
        directive = Directive(index + 1, name, argument, context=self._context(), section=self.section)
        if info:
            self.page.directives.append(directive)
        self.stack.append((mark, directive))
        return self._options(directive, index + 1) if info else index + 1

    def _options(self, directive: Directive, index: int) -> int:
        if index < len(self.lines) and self.lines[index].strip() == "---":
            end = next((n for n in range(index + 1, len(self.lines)) if self.lines[n].strip() == "---"), None)
            if end is None:
                self.page.problems.append((index + 1, f"the options of '{directive.name}' are never closed"))
                return index + 1
            directive.header = [(n + 1, self.lines[n]) for n in range(index + 1, end)]
            directive.options = self._yaml(directive.header, directive.line, f"options of '{directive.name}'")
            return end + 1
        while index < len(self.lines) and (found := re.match(r"\s*:([\w-]+):\s*(.*)$", self.lines[index])):
            directive.header.append((index + 1, self.lines[index]))
            value = found[2].strip()
            listed = found[1] == "tags" and value.startswith("[")
            directive.options[found[1]] = [tag.strip(" '\"") for tag in value[1:-1].split(",")] if listed else value
            index += 1
        return index

    def _context(self) -> tuple[str, ...]:
        return tuple(directive.name for _, directive in self.stack)

    def _prose(self, index: int, text: str) -> None:
        number, page = index + 1, self.page
        if text.lstrip().startswith("%"):
            page.comments.append((number, text.lstrip("% ").rstrip()))
        elif target := TARGET.match(text):
            page.targets.append((number, target["label"]))
            self.label = target["label"]
        elif (heading := HEADING.match(text)) and not self.stack:
            level = len(heading["marks"])
            page.headings.append(Heading(number, level, heading["text"], self.label))
            self.section = heading["text"] if level == 2 else self.section
            self.label = ""
        elif text.strip() != "+++":
            self.label = "" if text.strip() else self.label
            page.prose.append(Line(number, text, self._context(), self.section))
