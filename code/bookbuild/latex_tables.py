"""A data frame in LaTeX: column types, size and splitting chosen so that it never runs off the page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from docutils import nodes
from sphinx.util import texescape

from bookbuild.tables import Cell, Grid, frame_table

texescape.init()  # Sphinx fills its table of escapes only when a LaTeX builder starts

LONG = 24  # rows: beyond this a table runs on over the page
LINE = 403.0  # width of the text block in points
SIZES = (("footnotesize", 8.5, 8.0), ("scriptsize", 7.5, 6.0), ("tiny", 6.3, 4.0))  # command, font size, column gap
MIN_WRAPPED = 60.0  # points: a wrapped column is never narrower
MAX_WORD = 150.0  # points: longer words break
FIGURES = re.compile(r"[-\d\s.,;()\[\]%e+±]*\d[-\d\s.,;()\[\]%e+±]*")  # a number, or several, as in an interval
MINUS = re.compile(r"(?<![\w.])-(?=\d)")
NARROW = set("ijltf.,:;|!'()[]{} rI-")
WIDE = set("mwMW%@")


@dataclass(frozen=True)
class Column:
    """What decides the width of one column."""

    numeric: bool
    natural: float  # in ems: the longest text on one line
    slim: float  # the same, when the heads may wrap
    word: float  # in ems: the longest piece that cannot be broken


def ems(text: str) -> float:
    """How wide a text is in the tables' sans serif, about."""
    return sum(
        0.3 if c in NARROW else 0.9 if c in WIDE else 0.68 if c.isupper() else 1.0 if ord(c) > 0x2E7F else 0.56
        for c in text
    )


def escape(text: str) -> str:
    return texescape.escape(text, "xelatex")


def breakable(text: str) -> str:
    """A text for a narrow column: it may break after the signs that join words, but never inside a number."""
    return re.sub(r"(\\_|/|\\sphinxhyphen\{\}|[.,])(?=[^\s\d])", r"\1\\allowbreak{}", escape(text))


def columns_of(grid: Grid) -> list[Column]:
    """Measure every column."""
    filled = grid.filled()
    return [
        column_of([row[i] for row in filled if row[i] is not None], grid.num_head, grid.numeric(i))
        for i in range(len(filled[0]))
    ]


def column_of(cells: list[Cell], num_head: int, numeric: bool) -> Column:
    single = [cell for cell in cells if cell.columns == 1]
    heads = [cell.text for cell in single[:num_head]]
    body = [cell.text for cell in single[num_head:]]
    pieces = [ems(piece) * 1.06 for text in heads for piece in split_words(text)]
    slim = max([*map(ems, body), *pieces], default=1.0)
    words = [ems(word) for text in body for word in split_words(text)]
    natural = max([slim, *(ems(text) * 1.06 for text in heads)])
    return Column(numeric, natural, slim, max([*words, *pieces], default=1.0))


def split_words(text: str) -> list[str]:
    """The pieces of a text that a line keeps together."""
    return text.replace("_", "_ ").replace("/", "/ ").split()


def needed(columns: list[Column], size: float, gap: float) -> float:
    """The width of a table, in points, with nothing wrapped."""
    return sum(column.natural * size + 2 * gap for column in columns)


def wrapped_widths(columns: list[Column], size: float, gap: float) -> list[float] | None:
    """Widths in points when heads and long texts wrap; None where even that does not fit."""
    room = LINE - 2 * gap * len(columns)
    full = [column.slim * size + 1 for column in columns]
    least = [
        have if column.numeric else min(have, max(MIN_WRAPPED, min(column.word * size + 1, MAX_WORD)))
        for column, have in zip(columns, full, strict=True)
    ]
    spare = room - sum(least)
    if spare < 0:
        return None
    wish = [a - b for a, b in zip(full, least, strict=True)]
    share = min(1.0, spare / sum(wish)) if sum(wish) else 0.0
    return [have + share * want for have, want in zip(least, wish, strict=True)]


def layout(columns: list[Column]) -> tuple[int, list[float] | None] | None:
    """The size to set a frame in, and widths for its columns if they wrap; None where it has to be split."""
    for rank, (_, size, gap) in enumerate(SIZES[:2]):
        if needed(columns, size, gap) <= LINE:
            return rank, None
    for rank, (_, size, gap) in enumerate(SIZES):
        widths = wrapped_widths(columns, size, gap)
        if widths is not None:
            return rank, widths
    return None


def pieces(grid: Grid) -> list[Grid]:
    """Split a frame that is too wide into frames that fit, each with the index in front."""
    columns = columns_of(grid)
    if layout(columns) is not None or len(columns) < 3 or any(c.columns > 1 for row in grid.rows for c in row):
        return [grid]
    half = (len(columns) + 2) // 2
    parts = []
    for chosen in (range(1, half), range(half, len(columns))):
        rows = [[row[0], *(row[i] for i in chosen if i < len(row))] for row in grid.rows]
        parts += pieces(Grid(rows, grid.num_head, "" if parts else grid.caption))
    return parts


def tex_cell(cell: Cell | None, wrap: bool, index: bool) -> str:
    if cell is None:
        return ""
    words = MINUS.sub("−", cell.text) if FIGURES.fullmatch(cell.text) else cell.text
    text = breakable(words) if wrap else escape(words)
    if index and text:
        text = rf"\bookindex{{{text}}}"
    return text


def tex_row(row: list[Cell | None], head: bool, widths: list[float] | None, numeric: list[bool]) -> str:
    cells, column = [], 0
    while column < len(row):
        cell = row[column]
        span = cell.columns if cell else 1
        text = tex_cell(cell, widths is not None, bool(cell and cell.head and not head))
        if head and text:
            text = rf"\bookhead{{{text}}}"
        if span > 1:
            text = rf"\multicolumn{{{span}}}{{c}}{{{text}}}"
        elif head and widths is None and not numeric[column]:
            text = rf"\multicolumn{{1}}{{l}}{{{text}}}"
        cells.append(text)
        column += span
    return " & ".join(cells) + r" \\"


def spec(numeric: list[bool], widths: list[float] | None) -> str:
    if widths is None:
        return "".join("r" if n else "l" for n in numeric)
    return "".join(
        rf">{{\{'raggedleft' if n else 'raggedright'}\arraybackslash}}p{{{w:.1f}pt}}"
        for n, w in zip(numeric, widths, strict=True)
    )


def table_tex(grid: Grid) -> str:
    """One frame that fits, as LaTeX."""
    columns = columns_of(grid)
    rank, widths = layout(columns) or (len(SIZES) - 1, None)
    numeric = [column.numeric for column in columns]
    filled = grid.filled()
    head = "\n".join(tex_row(row, True, widths, numeric) for row in filled[: grid.num_head])
    body = "\n".join(tex_row(row, False, widths, numeric) for row in filled[grid.num_head :])
    command, _, gap = SIZES[rank]
    start = rf"\begin{{bookframe}}{{{command}}}{{{gap:g}pt}}"
    caption = rf"\bookframecaption{{{escape(grid.caption)}}}" if grid.caption else ""
    rule = r"\midrule" if grid.num_head else ""
    if len(filled) - grid.num_head > LONG:
        top = f"\\toprule\n{head}\n{rule}"
        turn = rf"\midrule\multicolumn{{{len(columns)}}}{{r@{{}}}}{{\bookturn}}\\\endfoot"
        inside = f"{top}\\endhead\n{turn}\n\\bottomrule\\endlastfoot\n{body}"
        table = f"\\begin{{longtable}}{{@{{}}{spec(numeric, widths)}@{{}}}}\n{inside}\n\\end{{longtable}}"
    else:
        inside = f"\\toprule\n{head}\n{rule}\n{body}\n\\bottomrule"
        table = f"\\bookfit{{\\begin{{tabular}}{{@{{}}{spec(numeric, widths)}@{{}}}}\n{inside}\n\\end{{tabular}}}}"
    return f"\n{start}{caption}\n{table}\n\\end{{bookframe}}\n"


def visit_frame_latex(self: object, node: frame_table) -> None:
    """Write a frame, in as many pieces as its width asks for."""
    if node["grid"].rows:
        self.body.extend(table_tex(part) for part in pieces(node["grid"]))
    raise nodes.SkipNode
