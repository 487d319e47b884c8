"""A data frame in LaTeX: column types, size and splitting chosen so that it never runs off the page."""

from __future__ import annotations

from dataclasses import dataclass

from docutils import nodes
from sphinx.util import texescape

from bookbuild.tables import Cell, Grid, frame_table

LONG = 24  # rows: beyond this a table runs on over the page
LINE = 403.0  # width of the text block in points
SIZES = (("footnotesize", 8.5, 8.0), ("scriptsize", 7.5, 6.0), ("tiny", 6.3, 4.0))  # command, font size, column gap
MIN_WRAPPED = 60.0  # points: a wrapped column is never narrower
NARROW = set("ijltf.,:;|!'()[]{} rI")
WIDE = set("mwMW%@")


@dataclass(frozen=True)
class Column:
    """What decides the width of one column."""

    numeric: bool
    natural: float  # in ems: the longest text on one line
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
    """A text for a narrow column: it may break after the signs that join words."""
    out = escape(text)
    for sign in (r"\_", "/", r"\sphinxhyphen{}", ".", ","):
        out = out.replace(sign, sign + r"\allowbreak{}")
    return out


def columns_of(grid: Grid) -> list[Column]:
    """Measure every column."""
    filled = grid.filled()
    out = []
    for index in range(len(filled[0])):
        cells = [row[index] for row in filled]
        texts = [c.text for c in cells if c is not None and c.columns == 1]
        words = [piece for text in texts for piece in text.replace("_", "_ ").replace("/", "/ ").split()]
        out.append(
            Column(
                grid.numeric(index),
                max(
                    (ems(t) * (1.06 if c.head else 1) for c in cells if c and c.columns == 1 for t in [c.text]),
                    default=1,
                ),
                max((ems(word) for word in words), default=1),
            )
        )
    return out


def needed(columns: list[Column], size: float, gap: float) -> float:
    return sum(column.natural * size + 2 * gap for column in columns)


def wrapped_widths(columns: list[Column], size: float, gap: float) -> list[float] | None:
    """Widths in points when long columns wrap and the others keep theirs; None where even that does not fit."""
    room = LINE - 2 * gap * len(columns)
    least = [
        min(c.natural * size, c.natural * size if c.numeric else max(MIN_WRAPPED, min(c.word * size, 150)))
        for c in columns
    ]
    if sum(least) > room:
        return None
    widths, spare = list(least), room - sum(least)
    wish = [c.natural * size - have for c, have in zip(columns, least, strict=True)]
    total = sum(wish)
    if total <= 0:
        return widths
    return [have + spare * want / total for have, want in zip(widths, wish, strict=True)]


def heads_wrapped(columns: list[Column], grid: Grid) -> list[Column]:
    """The columns as they are when their heads may wrap, too."""
    filled = grid.filled()
    out = []
    for index, column in enumerate(columns):
        body = [row[index].text for row in filled[grid.num_head :] if row[index] is not None]
        heads = [
            row[index].text for row in filled[: grid.num_head] if row[index] is not None and row[index].columns == 1
        ]
        pieces = [piece for text in heads for piece in text.replace("_", "_ ").split()]
        natural = max([ems(t) for t in body] + [ems(p) * 1.06 for p in pieces], default=1)
        out.append(Column(column.numeric, natural, column.word))
    return out


def layout(grid: Grid, columns: list[Column]) -> tuple[int, list[float] | None] | None:
    """The size to set a frame in, and widths for its columns if they wrap; None where it has to be split."""
    for rank, (_, size, gap) in enumerate(SIZES[:2]):
        if needed(columns, size, gap) <= LINE:
            return rank, None
    for rank, (_, size, gap) in enumerate(SIZES):
        widths = wrapped_widths(columns, size, gap)
        if widths is not None and not all(c.numeric for c in columns):
            return rank, widths
        slim = heads_wrapped(columns, grid)
        if needed(slim, size, gap) <= LINE:
            return rank, [c.natural * size + 1 for c in slim]
    return None


def pieces(grid: Grid) -> list[Grid]:
    """Split a frame that is too wide into frames that fit, each with the index in front."""
    columns = columns_of(grid)
    if layout(grid, columns) is not None or len(columns) < 3 or any(c.columns > 1 for row in grid.rows for c in row):
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
    text = breakable(cell.text) if wrap else escape(cell.text)
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
    rank, widths = layout(grid, columns) or (len(SIZES) - 1, None)
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
