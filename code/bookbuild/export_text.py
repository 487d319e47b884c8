"""A page as plain Markdown, out of its resolved doctree: numbers glued in, included code in place, references named.

What comes out needs nothing of this book's tool chain to be read: it is the text of the downloadable notebooks.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urljoin, urlsplit

from docutils import nodes
from sphinx import addnodes

STANDARD_BOXES = (
    nodes.attention,
    nodes.caution,
    nodes.danger,
    nodes.error,
    nodes.hint,
    nodes.important,
    nodes.note,
    nodes.tip,
    nodes.warning,
    addnodes.seealso,
)
SILENT = (
    nodes.comment,
    nodes.raw,
    nodes.target,
    nodes.system_message,
    addnodes.index,
    addnodes.toctree,
    nodes.substitution_definition,
)
STANDARD = {kind: kind.__name__.title() for kind in STANDARD_BOXES}
SPAN_MARKS = {nodes.emphasis: "*", nodes.strong: "**", nodes.title_reference: "*"}


@dataclass
class Pieces:
    """A page in reading order: Markdown texts, and the numbers of the code cells between them."""

    found: list[str | int] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def write(self, text: str) -> None:
        if text.strip():
            self.lines.append(text.rstrip())

    def cell(self, number: int) -> None:
        self.flush()
        self.found.append(number)

    def flush(self) -> None:
        if self.lines:
            self.found.append("\n\n".join(self.lines))
            self.lines = []


@dataclass
class MarkdownWriter:
    """Writes one page.

    Parameters
    ----------
    address
        The page's own address, against which its links are read; empty when the site's address is not known: links
        to other pages then become plain words.
    numbers
        Finds the number of a heading, a figure or an equation, as the site shows it.
    """

    address: str
    numbers: Callable[[nodes.Element], str]
    pieces: Pieces = field(default_factory=Pieces)
    level: int = 0

    def page(self, doctree: nodes.document) -> list[str | int]:
        self.blocks(doctree)
        self.pieces.flush()
        return self.pieces.found

    def blocks(self, parent: nodes.Element) -> None:
        for child in parent.children:
            self.block(child)

    def block(self, node: nodes.Node) -> None:
        """Write one block; code cells cut the text in two."""
        if isinstance(node, SILENT):
            return
        if isinstance(node, nodes.container) and node.get("nb_element") == "cell_code":
            self.pieces.cell(node["cell_index"])
            for caption in node.findall(nodes.caption):
                self.pieces.write(f"*{self.numbers(caption.parent)}: {self.inline(caption)}*".replace("*: ", "*"))
        elif isinstance(node, nodes.section):
            self.section(node)
        elif isinstance(node, nodes.Admonition):
            self.admonition(node)
        elif holds_cells(node) or isinstance(node, (nodes.container, nodes.compound, nodes.document)):
            self.blocks(node)
        else:
            self.pieces.write("\n".join(self.simple(node)))

    def section(self, node: nodes.section) -> None:
        self.level += 1
        self.blocks(node)
        self.level -= 1

    def admonition(self, node: nodes.Element) -> None:
        """A box: quoted when it is text alone, else its title and then its content."""
        title = next((child for child in node.children if isinstance(child, nodes.title)), None)
        content = [child for child in node.children if child is not title]
        words = self.inline(title).strip() if title is not None else STANDARD.get(type(node), "")
        name = f"{self.numbers(node)} {words}".strip()
        if holds_cells(node):
            self.pieces.write(f"**{name}**" if name else "")
            for child in content:
                self.block(child)
            return
        inner = [line for child in content for line in [*self.simple(child), ""]]
        quoted = "\n".join(f"> {line}".rstrip() for line in [*([f"**{name}**", ""] if name else []), *inner[:-1]])
        self.pieces.write(quoted)

    def simple(self, node: nodes.Node) -> list[str]:
        """The lines of a block without code cells in it."""
        for kind, method in BLOCKS.items():
            if isinstance(node, kind):
                return list(method(self, node))
        if isinstance(node, SILENT):
            return []
        if isinstance(node, nodes.TextElement):
            return [self.inline(node)]
        lines = [[*self.simple(child), ""] for child in node.children]
        return [line for group in lines if group != [""] for line in group][:-1]

    def heading(self, node: nodes.title) -> Iterator[str]:
        number = self.numbers(node.parent)
        yield f"{'#' * max(1, self.level)} {number + ' ' if number else ''}{self.inline(node)}"

    def bullets(self, node: nodes.Element) -> Iterator[str]:
        for position, child in enumerate(node.children, node.get("start", 1)):
            mark = f"{position}. " if isinstance(node, nodes.enumerated_list) else "- "
            lines = [line for part in child.children for line in self.simple(part)]
            yield from (f"{mark if n == 0 else ' ' * len(mark)}{line}".rstrip() for n, line in enumerate(lines))

    def definitions(self, node: nodes.Element) -> Iterator[str]:
        for entry in node.children:
            terms = [self.inline(child) for child in entry.children if isinstance(child, nodes.term)]
            bodies = [child for child in entry.children if isinstance(child, nodes.definition)]
            text = " ".join(line for body in bodies for line in self.simple(body) if line)
            yield f"- **{', '.join(terms)}**: {text}"

    def quote(self, node: nodes.Element) -> Iterator[str]:
        yield from (f"> {line}".rstrip() for child in node.children for line in [*self.simple(child), ""])

    def code(self, node: nodes.literal_block) -> Iterator[str]:
        text = node.astext().rstrip("\n")
        fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
        language = node.get("language", "")
        yield from [f"{fence}{'' if language in ('default', 'none') else language}", *text.split("\n"), fence]

    def equation(self, node: nodes.math_block) -> Iterator[str]:
        number = self.numbers(node)
        text = node.astext().strip()
        if number and not node.get("nowrap"):
            text = f"{text} \\tag{{{number}}}"
        yield from ["$$", *text.split("\n"), "$$"]

    def picture(self, node: nodes.image) -> Iterator[str]:
        remote = self.resolved(node.get("uri", ""))
        alt = node.get("alt", "")
        yield f"![{alt}]({remote})" if remote else f"*Picture: {alt}*"

    def figure(self, node: nodes.figure) -> Iterator[str]:
        for child in node.children:
            if isinstance(child, nodes.caption):
                yield from ["", f"*{self.numbers(node)} {self.inline(child)}*"]
            elif not isinstance(child, nodes.legend):
                yield from self.simple(child)

    def table(self, node: nodes.table) -> Iterator[str]:
        for number, row in enumerate(node.findall(nodes.row)):
            cells = [" ".join(self.simple(entry)).replace("|", "\\|") for entry in row.children]
            yield f"| {' | '.join(cells)} |"
            if number == 0:
                yield "|" + " --- |" * len(cells)

    def inline(self, node: nodes.Node) -> str:
        """The words of a node, with emphasis, code, maths and links kept."""
        return "".join(self.span(child) for child in node.children)

    def span(self, node: nodes.Node) -> str:
        if isinstance(node, nodes.Text):
            return re.sub(r"\s+", " ", node.astext())
        if isinstance(node, SILENT):
            return ""
        if isinstance(node, nodes.literal):
            return f"`{node.astext()}`"
        if isinstance(node, nodes.math):
            return f"${node.astext()}$"
        if isinstance(node, nodes.reference):
            return self.link(node)
        mark = SPAN_MARKS.get(type(node), "")
        return f"{mark}{self.inline(node)}{mark}"

    def link(self, node: nodes.reference) -> str:
        words, address = self.inline(node), self.resolved(node.get("refuri", ""))
        return f"[{words}]({address})" if address and words else words

    def resolved(self, address: str) -> str:
        """An address that holds outside the site; empty when there is none."""
        if urlsplit(address).scheme:
            return address
        return urljoin(self.address, address) if self.address and address else ""


BLOCKS = {
    nodes.title: MarkdownWriter.heading,
    nodes.bullet_list: MarkdownWriter.bullets,
    nodes.enumerated_list: MarkdownWriter.bullets,
    nodes.definition_list: MarkdownWriter.definitions,
    nodes.block_quote: MarkdownWriter.quote,
    nodes.math_block: MarkdownWriter.equation,
    nodes.literal_block: MarkdownWriter.code,
    nodes.image: MarkdownWriter.picture,
    nodes.figure: MarkdownWriter.figure,
    nodes.table: MarkdownWriter.table,
}


def holds_cells(node: nodes.Node) -> bool:
    """Whether a code cell stands somewhere inside `node`."""
    return any(box.get("nb_element") == "cell_code" for box in node.findall(nodes.container))
