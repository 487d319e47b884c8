"""The parts that make the PDF: tables, equations, boxes, the book's order, and what is said when LaTeX fails."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from bookbuild import latex_build
from bookbuild.latex_build import PdfError, build_pdf, find_faults, missing_tools
from bookbuild.latex_maths import inner, macros_tex
from bookbuild.latex_tables import LINE, SIZES, columns_of, layout, needed, pieces, table_tex
from bookbuild.tables import TYPE_NAME, plain_lines, read_table

FRAME = """<div><style scoped>.dataframe tbody tr th {{}}</style><table border="1" class="dataframe">
<thead><tr><th></th>{heads}</tr></thead><tbody>{rows}</tbody></table><p>2 rows</p></div>"""


def frame(heads: list[str], rows: list[list[str]]) -> str:
    """The HTML that pandas writes for a frame."""
    body = "".join(f"<tr><th>{i}</th>{''.join(f'<td>{c}</td>' for c in row)}</tr>" for i, row in enumerate(rows))
    return FRAME.format(heads="".join(f"<th>{h}</th>" for h in heads), rows=body)


def test_a_frame_is_read_cell_by_cell() -> None:
    grid = read_table(frame(["name", "a &amp; b"], [["x_1", "-0.5"], ["y", "2"]]))
    assert [[cell.text for cell in row] for row in grid.rows] == [
        ["", "name", "a & b"], ["0", "x_1", "-0.5"], ["1", "y", "2"],
    ]  # fmt: skip
    assert grid.num_head == 1
    assert [grid.numeric(i) for i in range(3)] == [True, False, True]


def test_heads_that_span_columns_are_kept() -> None:
    html = (
        '<table class="dataframe"><thead><tr><th></th><th colspan="2">loss</th></tr><tr><th></th><th>min</th>'
        "<th>max</th></tr></thead><tbody><tr><th>a</th><td>1</td><td>2</td></tr></tbody></table>"
    )
    tex = table_tex(read_table(html))
    assert r"\multicolumn{2}{c}{\bookhead{loss}}" in tex


def test_rows_that_reach_down_leave_room_below() -> None:
    html = (
        '<table class="dataframe"><tbody><tr><th rowspan="2">a</th><td>1</td></tr><tr><td>2</td></tr></tbody></table>'
    )
    assert [[c.text if c else None for c in row] for row in read_table(html).filled()] == [["a", "1"], [None, "2"]]


def test_the_name_of_an_index_moves_beside_the_heads() -> None:
    html = (
        '<table class="dataframe"><thead><tr><th></th><th>loss</th></tr><tr><th>step</th><th></th></tr></thead>'
        "<tbody><tr><th>1</th><td>2</td></tr></tbody></table>"
    )
    grid = read_table(html)
    assert grid.num_head == 1 and [cell.text for cell in grid.rows[0]] == ["step", "loss"]


def test_what_tex_would_read_is_escaped_and_minus_is_minus() -> None:
    tex = table_tex(read_table(frame(["a_b", "50%"], [["x & y", "-1.5"]])))
    assert r"a\_b" in tex and r"50\%" in tex and r"x \& y" in tex and "−1.5" in tex


def test_a_narrow_frame_is_one_table_of_full_size() -> None:
    grid = read_table(frame(["a", "b"], [["1", "2"]]))
    assert layout(columns_of(grid)) == (0, None)
    assert r"\begin{tabular}{@{}rrr@{}}" in table_tex(grid)


def test_a_long_frame_runs_over_the_page_with_its_head() -> None:
    tex = table_tex(read_table(frame(["a"], [[str(i)] for i in range(40)])))
    assert tex.count(r"\begin{longtable}") == 1 and r"\endhead" in tex


@pytest.mark.parametrize("count", [8, 14, 30, 60])
def test_however_wide_a_frame_is_every_piece_fits(count: int) -> None:
    grid = read_table(frame([f"feature_{i}" for i in range(count)], [["-0.123456"] * count] * 3))
    parts = pieces(grid)
    seen = [cell.text for part in parts for cell in part.rows[0][1:]]
    assert seen == [f"feature_{i}" for i in range(count)]
    for part in parts:
        columns = columns_of(part)
        rank, widths = layout(columns)
        gap = SIZES[rank][2]
        width = needed(columns, *SIZES[rank][1:]) if widths is None else sum(widths) + 2 * gap * len(columns)
        assert width <= LINE + 1e-6


def test_long_texts_wrap_and_numbers_do_not() -> None:
    grid = read_table(frame(["text", "n"], [["a long sentence " * 12, "12345.678"]]))
    rank, widths = layout(columns_of(grid))
    assert rank == 0 and widths is not None
    assert widths[1] == max(widths)


@pytest.mark.parametrize(
    "words",
    [
        "<Axes: xlabel='time', ylabel='loss'>",
        "<Figure size 640x480 with 1 Axes>",
        "[<matplotlib.lines.Line2D at 0x7f0000000000>]",
        "Text(0.5, 1.0, 'loss')",
        "<IPython.core.display.HTML object>",
        "<pandas.io.formats.style.Styler at 0x7f0000000000>",
    ],
)
def test_names_of_types_are_known(words: str) -> None:
    assert TYPE_NAME.fullmatch(words)


@pytest.mark.parametrize("words", ["0.5", "LogisticRegression(C=0.1)", "'<p>text</p>'", "a < b and c > d"])
def test_results_are_not_taken_for_names_of_types(words: str) -> None:
    assert not TYPE_NAME.fullmatch(words)


def test_html_keeps_its_words() -> None:
    assert plain_lines("<style>p {}</style><p>One <b>two</b></p><ul><li>three</li></ul>") == ["One two", "three"]


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("a = b", "a = b"),
        ("a &= b \\\\ c &= d", "\\begin{aligned}\na &= b \\\\ c &= d\n\\end{aligned}"),
        ("\\begin{align}\na &= b\n\\end{align}", "\\begin{aligned}\na &= b\n\\end{aligned}"),
        ("\\begin{equation}\\label{x} a \\end{equation}", "a"),
        ("\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}", "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}"),
    ],
)
def test_displays_never_count_by_themselves(given: str, wanted: str) -> None:
    assert inner(given) == wanted


def test_the_books_commands_reach_latex() -> None:
    tex = macros_tex({r"\E": r"\mathbb{E}", r"\norm": r"\lVert #1 \rVert"})
    assert r"\renewcommand{\E}{\mathbb{E}}" in tex and r"\renewcommand{\norm}[1]{\lVert #1 \rVert}" in tex


def document(folder: Path, body: str) -> Path:
    """A LaTeX folder like the one that Sphinx writes, with one short document."""
    folder.mkdir()
    text = f"\\documentclass{{article}}\n\\usepackage{{hyperref}}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
    (folder / "book.tex").write_text(text)
    return folder


def test_a_sound_document_becomes_a_pdf_the_same_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1760000000")
    made = []
    for name in ("one", "two"):
        pdf = tmp_path / f"{name}.pdf"
        build_pdf(tmp_path, document(tmp_path / name, "Words. \\section{A}\\label{a} See \\ref{a}."), pdf)
        made.append(pdf.read_bytes())
    assert made[0] == made[1] and made[0].startswith(b"%PDF")


FAULTS = [
    (r"\label{\detokenize{book/x::doc}}" + "\n\\nosuchcommand", r"book/x\.md: Undefined control sequence"),
    (
        r"\label{\detokenize{book/x::doc}}" + "\n\n\\noindent\\rule{500pt}{1pt}",
        r"book/x\.md: .* sticks out of the page by \d+ pt",
    ),
    (r"\begin{nosuch}", r"Environment nosuch undefined"),
    (r"See \ref{nowhere}.", r"a reference to 'nowhere' leads nowhere"),
]


@pytest.mark.parametrize(("body", "wanted"), FAULTS)
def test_a_fault_is_one_line_and_replaces_nothing(tmp_path: Path, body: str, wanted: str) -> None:
    pdf = tmp_path / "book.pdf"
    pdf.write_bytes(b"the last good one")
    with pytest.raises(PdfError) as raised:
        build_pdf(tmp_path, document(tmp_path / "latex", body), pdf)
    message = str(raised.value)
    assert re.search(wanted, message), message
    assert "\n" not in message and len(message) < 600
    assert pdf.read_bytes() == b"the last good one"


def test_a_fault_once_mended_is_forgotten(tmp_path: Path) -> None:
    folder = document(tmp_path / "latex", r"\nosuchcommand")
    with pytest.raises(PdfError):
        build_pdf(tmp_path, folder, tmp_path / "book.pdf")
    source = folder / "book.tex"
    source.write_text(source.read_text().replace(r"\nosuchcommand", "words"))
    build_pdf(tmp_path, folder, tmp_path / "book.pdf")
    assert (tmp_path / "book.pdf").exists()


def test_missing_programs_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert missing_tools() == []
    monkeypatch.setenv("PATH", str(tmp_path))
    assert missing_tools() == list(latex_build.TOOLS)
    with pytest.raises(PdfError, match="xelatex, latexmk, xindy, rsvg-convert not found"):
        build_pdf(tmp_path, tmp_path, tmp_path / "book.pdf")


def test_small_overfull_boxes_are_let_pass(tmp_path: Path) -> None:
    source = tmp_path / "book.tex"
    source.write_text("\n")
    log = "Overfull \\hbox (9.9pt too wide) in paragraph at lines 1--1\n"
    assert list(find_faults(log, source)) == []
    assert len(list(find_faults(log.replace("9.9", "10.1"), source))) == 1


def test_a_character_in_no_font_is_a_fault(tmp_path: Path) -> None:
    source = tmp_path / "book.tex"
    source.write_text("\n")
    log = "Missing character: There is no 中 (U+4E2D) in font [FreeSerif.otf]/OT:script=latn!\n"
    assert "U+4E2D" in str(next(find_faults(log, source)))


def test_the_style_compiles_only_with_known_packages() -> None:
    style = (Path(__file__).parents[2] / "theme" / "latex" / "mldevbook.sty").read_text("utf8")
    for package in re.findall(r"\\RequirePackage(?:\[[^]]*\])?\{([^}]+)\}", style):
        found = subprocess.run(["kpsewhich", f"{package}.sty"], capture_output=True, text=True, check=False)
        assert found.stdout.strip(), f"{package}.sty is not in the packages of apt.txt"
