"""Data frames as real tables in print: the HTML that a cell shows is read into a grid, and the grid is set as a table.

On the site a frame keeps the HTML that pandas made. LaTeX and the EPUB get the same cells, column heads and index from
here: booktabs rules, numbers to the right, long texts wrapped, wide frames made smaller or split, long ones run on over
the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

NUMBER = re.compile(r"[-+−]?[\d,]*\.?\d*(e[-+]?\d+)?%?|[-+]?inf|nan|NaN|None|<NA>|\.\.\.|…")
FRAME = re.compile(r"<table[^>]*(class=\"[^\"]*\bdataframe\b|id=\"T_)")


@dataclass
class Cell:
    """One cell of a grid: its text, and how far it reaches."""

    text: str = ""
    head: bool = False
    columns: int = 1
    rows: int = 1


@dataclass
class Grid:
    """A table as read: rows of cells, the first `num_head` of them column heads."""

    rows: list[list[Cell]] = field(default_factory=list)
    num_head: int = 0
    caption: str = ""

    def filled(self) -> list[list[Cell | None]]:
        """The rows with one entry per column: None where a cell from the left or from above reaches in."""
        out: list[list[Cell | None]] = []
        pending: dict[int, int] = {}
        for row in self.rows:
            line: list[Cell | None] = []
            cells = iter(row)
            while True:
                if pending.get(len(line), 0):
                    pending[len(line)] -= 1
                    line.append(None)
                    continue
                cell = next(cells, None)
                if cell is None:
                    break
                for offset in range(cell.columns):
                    if cell.rows > 1:
                        pending[len(line)] = cell.rows - 1
                    line.append(cell if offset == 0 else None)
            out.append(line)
        width = max((len(line) for line in out), default=0)
        return [line + [Cell()] * (width - len(line)) for line in out]

    def numeric(self, column: int) -> bool:
        """Whether every cell of a column's body reads as a number."""
        texts = [row[column].text for row in self.filled()[self.num_head :] if row[column] is not None]
        return bool(texts) and all(NUMBER.fullmatch(text) for text in texts) and any(texts)


class _TableReader(HTMLParser):
    """Collects the first table of a piece of HTML."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.grid = Grid()
        self.in_head = False
        self.text: list[str] | None = None
        self.muted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("style", "script"):
            self.muted += 1
        elif tag in ("thead", "tbody"):
            self.in_head = tag == "thead"
        elif tag == "tr":
            self.grid.rows.append([])
            self.grid.num_head += self.in_head
        elif tag in ("td", "th"):
            span = (int(values.get("colspan") or 1), int(values.get("rowspan") or 1))
            self.grid.rows[-1].append(Cell("", tag == "th", *span))
            self.text = []
        elif tag == "caption":
            self.text = []
        elif tag == "br" and self.text is not None:
            self.text.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script"):
            self.muted -= 1
        elif tag in ("td", "th", "caption") and self.text is not None:
            text = " ".join("".join(self.text).split())
            self.text = None
            if tag == "caption":
                self.grid.caption = text
            else:
                self.grid.rows[-1][-1].text = text

    def handle_data(self, data: str) -> None:
        if self.text is not None and not self.muted:
            self.text.append(data)


def read_table(html: str) -> Grid:
    """Read the cells of the data frame in `html`."""
    reader = _TableReader()
    reader.feed(html)
    reader.close()
    grid = reader.grid
    grid.rows = [row for row in grid.rows if row]
    grid.num_head = min(grid.num_head, len(grid.rows))
    return merge_heads(grid)


def merge_heads(grid: Grid) -> Grid:
    """Put the index's name beside the column heads, where pandas gives it a line of its own."""
    if grid.num_head != 2 or any(cell.columns > 1 for row in grid.rows[:2] for cell in row):
        return grid
    upper, lower = grid.rows[:2]
    if len(upper) == len(lower) and all(not (a.text and b.text) for a, b in zip(upper, lower, strict=True)):
        for a, b in zip(upper, lower, strict=True):
            a.text = a.text or b.text
        del grid.rows[1]
        grid.num_head = 1
    return grid


class frame_table(nodes.General, nodes.Element):
    """A data frame in a printed page; `grid` holds its cells."""


class _TextReader(HTMLParser):
    """The words of a piece of HTML, a line for each block."""

    BLOCKS = frozenset("p div li tr br h1 h2 h3 h4 h5 h6 ul ol table section details summary pre".split())

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.muted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.muted += tag in ("style", "script")
        if tag in self.BLOCKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.muted -= tag in ("style", "script")
        if tag in self.BLOCKS:
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.muted:
            self.parts.append(data)


def plain_lines(html: str) -> list[str]:
    """What a piece of HTML says, as lines of text."""
    reader = _TextReader()
    reader.feed(html)
    reader.close()
    return [line for line in (" ".join(part.split()) for part in "".join(reader.parts).split("\n")) if line]


WIDGET = "application/vnd.jupyter.widget-view+json"  # progress bars: alive in a notebook, stale on paper
TYPE_NAME = re.compile(
    r"\s*(<[A-Za-z_][\w.]*(:| object| at 0x|\.[\w.]+ at 0x| size )[^\n]*>|<Axes: ?[^\n]*>|Text\([^\n]*\)"
    r"|\[?<matplotlib\.[^\n]*>(,\s*<matplotlib\.[^\n]*>)*\]?|<IPython\.[^\n]*>)\s*"
)


def mime_parts(bundle: nodes.Element) -> dict[str, nodes.Element]:
    """The forms that one output of a cell comes in, by mime type."""
    return {child["mime_type"]: child for child in bundle.children}


class PrintOutputs(SphinxPostTransform):
    """Choose, in print, a form that paper can hold for the outputs that are HTML or the name of an object."""

    default_priority = 3

    def run(self, **kwargs: object) -> None:
        if self.app.builder.format != "latex" and self.app.builder.name != "epub":
            return
        for bundle in list(self.document.findall(nodes.container)):
            if bundle.get("nb_element") == "mime_bundle":
                printable(bundle)


def printable(bundle: nodes.Element) -> None:
    """Turn one output into a table, words, or nothing, where its HTML would not print."""
    parts = mime_parts(bundle)
    html, plain = parts.get("text/html"), parts.get("text/plain")
    if WIDGET in parts:
        bundle.parent.remove(bundle)
        return
    if any(kind.startswith(("image/", "application/")) or kind in ("text/markdown", "text/latex") for kind in parts):
        return
    source = html.astext() if html else ""
    name_only = plain is not None and TYPE_NAME.fullmatch(plain.astext())
    if FRAME.search(source):
        bundle.replace_self(frame_table("", grid=read_table(source), classes=["dataframe"]))
    elif name_only and source:
        bundle.replace_self([nodes.paragraph("", line, classes=["output"]) for line in plain_lines(source)])
    elif name_only:
        bundle.parent.remove(bundle)
    elif html is not None and plain is not None:
        bundle.remove(html)


def visit_frame_html(self: object, node: frame_table) -> None:
    """Write a frame as a plain HTML table, which the EPUB reader styles."""
    grid: Grid = node["grid"]
    self.body.append('<table class="dataframe">\n')
    if grid.caption:
        self.body.append(f"<caption>{self.encode(grid.caption)}</caption>\n")
    numeric = [grid.numeric(column) for column in range(len(grid.filled()[0]))] if grid.rows else []
    for name, rows in (("thead", grid.rows[: grid.num_head]), ("tbody", grid.rows[grid.num_head :])):
        if rows:
            lines = "\n".join(f"<tr>{''.join(html_cells(self, row, name, numeric))}</tr>" for row in rows)
            self.body.append(f"<{name}>\n{lines}\n</{name}>\n")
    self.body.append("</table>\n")
    raise nodes.SkipNode


def html_cells(translator: object, row: list[Cell], part: str, numeric: list[bool]) -> Iterator[str]:
    offset = len(numeric) - sum(cell.columns for cell in row)
    for index, cell in enumerate(row):
        tag = "th" if cell.head else "td"
        span = "".join(
            f' {key}="{value}"' for key, value in (("colspan", cell.columns), ("rowspan", cell.rows)) if value > 1
        )
        right = part == "tbody" and index + offset < len(numeric) and numeric[index + offset]
        style = ' class="number"' if right else ""
        yield f"<{tag}{span}{style}>{translator.encode(cell.text)}</{tag}>"


def setup(app: Sphinx) -> dict:
    from bookbuild.latex_tables import visit_frame_latex

    app.add_node(frame_table, html=(visit_frame_html, None), latex=(visit_frame_latex, None))
    app.add_post_transform(PrintOutputs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
