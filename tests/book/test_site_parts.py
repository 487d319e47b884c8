"""The parts that make the site, one by one."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from docutils import nodes

from bookbuild import site_assets
from bookbuild.maths import aligned, display_source, typeset
from bookbuild.search import readable
from bookbuild.site_html import aligned as aligned_columns
from bookbuild.site_html import folded, mend_images, mended, picture_size, svg_size
from bookbuild.site_meta import DESCRIPTION_LENGTH, Repository, description, public_address, repository, shortened
from bookbuild.site_pages import moved


@pytest.mark.parametrize(
    ("remote", "address"),
    [
        ("https://github.com/someone/book.git", "https://github.com/someone/book"),
        ("git@github.com:someone/book.git", "https://github.com/someone/book"),
        ("ssh://git@gitlab.com:22/group/sub/book.git", "https://gitlab.com/group/sub/book"),
        ("https://user:secret@github.com/someone/book.git", "https://github.com/someone/book"),
        ("/srv/git/book.git", ""),
        ("../book", ""),
        ("file:///srv/book.git", ""),
        ("http://localhost:3000/me/book", ""),
        ("git@192.168.1.7:me/book.git", ""),
        ("https://git.home.lan/me/book", ""),
        ("", ""),
    ],
)
def test_only_a_public_host_gives_an_address(remote: str, address: str) -> None:
    assert public_address(remote) == address


def test_the_environment_names_the_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BOOK_REPOSITORY_URL", raising=False)
    assert repository(tmp_path) is None
    monkeypatch.setenv("BOOK_REPOSITORY_URL", "https://github.com/someone/book")
    monkeypatch.setenv("BOOK_REPOSITORY_BRANCH", "next")
    assert repository(tmp_path) == Repository("https://github.com/someone/book", "next")


def test_addresses_follow_the_host() -> None:
    github = Repository("https://github.com/someone/book", "main")
    gitlab = Repository("https://gitlab.com/group/sub/book", "main")
    other = Repository("https://codeberg.org/someone/book", "main")
    assert github.edit("book/a.md") == "https://github.com/someone/book/edit/main/book/a.md"
    assert gitlab.edit("book/a.md") == "https://gitlab.com/group/sub/book/-/edit/main/book/a.md"
    assert github.launch("book/a.md") == (
        "https://mybinder.org/v2/gh/someone/book/main?urlpath=lab%2Ftree%2Fbook%2Fa.md"
    )
    assert gitlab.launch("book/a.md").startswith("https://mybinder.org/v2/gl/group%2Fsub%2Fbook/main?")
    assert other.launch("book/a.md") == ""


def test_a_description_is_the_opening_paragraph() -> None:
    document = nodes.section()
    document += nodes.note("", nodes.paragraph("", "A note that stands before the text and is not the opening of it."))
    document += nodes.paragraph("", "Short.")
    document += nodes.paragraph("", "This is the opening of the page,\nin  two lines.")
    assert description(document) == "This is the opening of the page, in two lines."


def test_a_long_description_ends_at_a_word() -> None:
    text = shortened("word, " * 60)
    assert len(text) <= DESCRIPTION_LENGTH + 1
    assert text.endswith("word…")


@pytest.mark.parametrize(
    ("head", "size"),
    [
        (b'<svg width="460.8pt" height="259.2pt" viewBox="0 0 460.8 259.2">', (614, 346)),
        (b'<svg height="20" version="1.1" width="10">', (10, 20)),
        (b'<svg xmlns="x" viewBox="0 0 300 150">', (300, 150)),
        (b"<svg>", None),
    ],
)
def test_the_size_of_a_drawing(head: bytes, size: tuple[int, int] | None) -> None:
    assert svg_size(head) == size


def test_the_size_of_a_png(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\x00\x00\x00\rIHDR" + struct.pack(">II", 31, 17))
    assert picture_size(path) == (31, 17)


def test_pictures_are_lazy_and_sized_once() -> None:
    html = '<img alt="x" src="../_images/a.svg" style="width: 100%;" />'
    once = mend_images(html, {"a.svg": (8, 6)})
    assert 'loading="lazy"' in once and 'width="8" height="6"' in once and "/>" not in once
    assert mend_images(once, {"a.svg": (8, 6)}) == once


TABLE = """<div>
<style scoped>
    .dataframe tbody tr th { vertical-align: top; }
</style>
<table border="1" class="dataframe">
  <thead><tr style="text-align: right;"><th></th><th>a</th></tr></thead>
  <tbody><tr><th>0</th><td>1</td></tr></tbody>
</table>
<p>5 rows x 1 columns</p>
</div>"""


def test_wide_figures_get_a_box_once() -> None:
    wide, narrow = (f'<figure class="x">\n<img alt="a" src="a.svg" width="{n}" height="9">' for n in (614, 300))
    boxed = mended(wide + "</figure>" + narrow + "</figure>", {})
    assert boxed.count("figure-scroll") == 1 and "figure-scroll" in boxed.partition("</figure>")[0]
    assert mended(boxed, {}) == boxed


def test_a_data_frame_gets_a_box_and_loses_its_style() -> None:
    html = mended(TABLE, {})
    assert html.startswith(
        '<div class="table-scroll" tabindex="0" role="group" aria-label="Table"><table class="dataframe">'
    )
    assert "<style" not in html and "<th></th>" not in html and "<p>5 rows x 1 columns</p>" in html
    assert mended(html, {}) == html


@pytest.mark.parametrize("head", ['<th class="head"></th>', '<th class="head"><p></p></th>', "<th></th>"])
def test_a_table_written_by_hand_has_no_empty_header(head: str) -> None:
    table = f'<table class="docutils"><thead><tr>{head}<th class="head"><p>a</p></th></tr></thead></table>'
    html = mended(f'<div class="pst-scrollable-table-container">{table}</div>', {})
    assert "<tr><td></td><th" in html and "<p>a</p>" in html


def test_columns_of_words_stand_to_the_left() -> None:
    rows = "<tr><th>0</th><td>1.5</td><td>tree</td></tr><tr><th>1</th><td>-2e-05</td><td>3</td></tr>"
    head = "<thead><tr><td></td><th>loss</th><th>model</th></tr></thead>"
    html = aligned_columns(f'<table class="dataframe">{head}<tbody>{rows}</tbody></table>')
    assert '<th class="words">model</th>' in html and "<th>loss</th>" in html
    assert '<td class="words">tree</td>' in html and '<td class="words">3</td>' in html
    assert "<td>1.5</td>" in html and "<td>-2e-05</td>" in html


def test_a_box_folds_and_its_summary_holds_no_link() -> None:
    title = '<p class="admonition-title">Solution to <a href="#e">Exercise 1</a></p>'
    box = f'<div class="solution dropdown admonition" id="s">\n{title}\n<div>inner</div>\n</div>\n'
    html = folded(box)
    assert html.startswith('<details class="solution dropdown admonition" id="s">')
    assert '<summary class="admonition-title">Solution to Exercise 1</summary>' in html
    assert html.rstrip().endswith("<div>inner</div>\n</details>")


def test_code_keeps_its_text_and_the_marks_that_have_a_colour() -> None:
    html = '<pre><span></span><span class="n">x</span> <span class="o">=</span> <span class="mi">1</span></pre>'
    assert mended(html, {}) == '<pre tabindex="0">x = <span class="mi">1</span></pre>'
    assert readable(mended('<pre>np<span class="o">.</span>sort(<span class="nb">abs</span>)</pre>', {})) == (
        '<pre tabindex="0">np. sort(<span class="nb"> abs</span>)</pre>'
    )


def test_what_has_no_title_does_not_fold() -> None:
    assert folded("<div>text</div>") == "<div>text</div>"


def test_a_page_moves_up_with_its_links() -> None:
    html = (
        '<html data-root="../"><a href="training/a.html#x">a</a><a href="../b.html?q=1">b</a><a href="#c">c</a>'
        '<a href="https://example.org/d">d</a><img src="../_images/e.svg"><a href="mailto:x@example.org">f</a>'
    )
    assert moved(html, "book") == (
        '<html data-root="./"><a href="book/training/a.html#x">a</a><a href="b.html?q=1">b</a><a href="#c">c</a>'
        '<a href="https://example.org/d">d</a><img src="_images/e.svg"><a href="mailto:x@example.org">f</a>'
    )


def test_maths_is_the_same_each_time_and_speaks() -> None:
    html = typeset(r"\sqrt{x}", False, "htmlAndMathml")
    assert "<math" in html and 'aria-hidden="true"' in html
    typeset.cache_clear()
    assert typeset(r"\sqrt{x}", False, "htmlAndMathml") == html
    assert "katex-html" not in typeset(r"\sqrt{x}", False, "mathml")


def test_an_index_that_is_a_function_is_valid_mathml() -> None:
    html = BeautifulSoup(typeset(r"y_{\min}", False, "htmlAndMathml"), "html.parser")
    assert [child.name for child in html.find("msub").children] == ["mi", "mi"]


def test_the_books_own_commands() -> None:
    assert "mathbb" in typeset(r"\R", False, "htmlAndMathml", '{"\\\\R": "\\\\mathbb{R}"}')


@pytest.mark.parametrize(("tex", "named"), [(r"\foo x", r"\foo"), (r"\frac{a", "end of input"), ("é", "é")])
def test_maths_that_cannot_be_set_is_named(tex: str, named: str) -> None:
    with pytest.raises(ValueError, match="(?s)") as caught:
        typeset(tex, True, "htmlAndMathml")
    assert named in str(caught.value)


def test_lines_of_an_equation_are_aligned() -> None:
    assert aligned("a") == "a"
    assert aligned(r"a &= b \\ c &= d").startswith(r"\begin{aligned}")
    assert aligned(r"\begin{cases} a \\ b \end{cases}").startswith(r"\begin{cases}")
    assert display_source(r"\begin{align} a &= b \end{align}", True) == r"\begin{align*} a &= b \end{align*}"
    assert display_source("a\n\nb", False) == r"\begin{gathered}a \\ b\end{gathered}"


def test_the_style_sheet_is_whole_and_small() -> None:
    style = site_assets.style()
    assert style.count("{") == style.count("}")
    assert "/*" not in style and "\n" not in style
    assert len(style) < 40_000


def test_dark_colours_are_the_same_for_both_ways_to_choose_them() -> None:
    text = (site_assets.STATIC / "css" / "10-tokens.css").read_text("utf8")
    by_system = text.split(':root:not([data-theme="light"]) {')[1].split("}")[0].split()
    by_choice = text.split(':root[data-theme="dark"] {')[1].split("}")[0].split()
    assert by_system == by_choice


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def colours(selector: str) -> dict[str, str]:
    text = (site_assets.STATIC / "css" / "10-tokens.css").read_text("utf8")
    block = text.split(f"\n{selector} {{")[1].split("}")[0]
    pairs = [line.strip().removesuffix(";").split(": ") for line in block.splitlines() if "--" in line]
    return {name: value for name, value in pairs if value.startswith("#")}


@pytest.mark.parametrize("selector", [":root", ':root[data-theme="dark"]'])
def test_every_text_colour_is_read_on_every_ground(selector: str) -> None:
    found = colours(selector)
    for ink in ("--ink", "--soft", "--accent"):
        for ground in ("--paper", "--shade", "--accent-shade", "--warm-shade", "--good-shade", "--bad-shade"):
            assert contrast(found[ink], found[ground]) >= 4.5, (ink, ground)
    for ink in ("--key", "--text", "--value", "--note", "--call", "--warm", "--good", "--bad"):
        for ground in ("--paper", "--shade"):
            assert contrast(found[ink], found[ground]) >= 4.5, (ink, ground)
    assert contrast(found["--on-accent"], found["--accent"]) >= 4.5
    assert contrast(found["--ink"], found["--hit"]) >= 4.5
