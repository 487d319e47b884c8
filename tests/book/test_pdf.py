"""The PDF as a reader holds it: whole, readable, and saying what the site says."""

from __future__ import annotations

import functools
import re
import subprocess
import unicodedata
from pathlib import Path

import pypdf
import pytest
import yaml
from bs4 import BeautifulSoup

from bookbuild.latex_build import find_faults
from bookbuild.paths import PDF_NAME

ROOT = Path(__file__).parents[2]
PDF = ROOT / "_build" / "pdf" / PDF_NAME
HTML = ROOT / "_build" / "html"
MARGIN = 25.0  # points: nothing may come nearer to the edge of the paper
MOST_PAGES = 60  # for one page of the site
SITE_ONLY = {"head", "run-line", "collapsed", "expanded"}  # said in another way in print
TYPE_NAMES = re.compile(
    r"<[A-Za-z_][\w.]* (?:object )?at 0x[0-9a-f]+>|<Figure size|<Axes: |HTML object|Traceback \(most recent call last\)"
    r"|<IPython\.|Text\(0, 0,"
)


def said(command: list[str]) -> str:
    """What a program prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def plain(text: str) -> str:
    """Letters and digits alone: how lines break, and which dash or quote is set, does not matter."""
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


@pytest.fixture(scope="module")
def pdf() -> Path:
    if not PDF.exists():
        pytest.fail(f"{PDF.relative_to(ROOT)} is not there: run `make pdf`", pytrace=False)
    return PDF


@pytest.fixture(scope="module")
def reader(pdf: Path) -> pypdf.PdfReader:
    return pypdf.PdfReader(pdf)


@pytest.fixture(scope="module")
def pages(pdf: Path) -> list[str]:
    """The text of each page."""
    return said(["pdftotext", "-layout", str(pdf), "-"]).split("\f")[:-1]


@pytest.fixture(scope="module")
def text(pdf: Path) -> str:
    """All words in reading order, running heads left out, reduced to letters and digits."""
    area = ["-y", "55", "-x", "0", "-W", "2000", "-H", "585"]
    orders = (
        [],
        ["-layout"],
    )  # a caption's number stands beside its words in the one, long cells are whole in the other
    return " ".join(plain(said(["pdftotext", *order, *area, str(pdf), "-"])) for order in orders)


@functools.cache
def docnames() -> tuple[str, ...]:
    """The pages of the table of contents that print holds: all but the landing page and the index."""
    found: list[str] = []

    def walk(node: object) -> None:
        if isinstance(node, list):
            for child in node:
                walk(child)
        elif isinstance(node, dict):
            found.extend([node["file"]] if "file" in node else [])
            for value in node.values():
                walk(value)

    walk(yaml.safe_load((ROOT / "_toc.yml").read_text("utf8"))["parts"])
    return tuple(name for name in found if name != "genindex")


@functools.cache
def soup(docname: str) -> BeautifulSoup:
    path = HTML / f"{docname}.html"
    if not path.exists():
        pytest.fail(f"{path.relative_to(ROOT)} is not there: run `make html`", pytrace=False)
    page = BeautifulSoup(path.read_text("utf8"), "html.parser")
    for extra in page.select(".headerlink, .katex, .math, script, style"):
        extra.replace_with("\u2060")
    return page


def fragments(element: object) -> list[str]:
    """The words of an element, cut where a formula stood."""
    return [piece for piece in map(plain, element.get_text().split("\u2060")) if len(piece) > 2]


def test_every_font_is_embedded(pdf: Path) -> None:
    rows = said(["pdffonts", str(pdf)]).splitlines()
    outside = [row for row in rows[2:] if not re.search(r"\byes (yes|no) (yes|no) +\d+ +\d+$", row)]
    assert len(rows) > 4 and not outside, f"not embedded: {outside}"


def test_the_text_fonts_are_the_books_own(pdf: Path) -> None:
    fonts = said(["pdffonts", str(pdf)])
    for name in ("TeXGyrePagella-Regular", "TeXGyreHeros-Bold", "DejaVuSansMono", "TeXGyrePagellaMath"):
        assert name in fonts, f"{name} is not among the fonts"


def test_it_says_what_it_is(reader: pypdf.PdfReader) -> None:
    config = yaml.safe_load((ROOT / "_config.yml").read_text("utf8"))
    assert reader.metadata.title == config["title"]
    assert reader.metadata.author == config["author"]


def test_page_count_is_sane(reader: pypdf.PdfReader) -> None:
    count = len(reader.pages)
    assert len(docnames()) + 3 <= count <= MOST_PAGES * len(docnames())


def test_bookmarks_name_every_chapter(reader: pypdf.PdfReader) -> None:
    names: list[str] = []

    def walk(entries: list) -> None:
        for entry in entries:
            if isinstance(entry, list):
                walk(entry)
            else:
                names.append(plain(entry.title))

    walk(reader.outline)
    for docname in docnames():
        for words in fragments(soup(docname).h1):
            words = re.sub(r"^\d+", "", words)
            assert any(words in name for name in names), f"{docname}: its title is not among the bookmarks"


def test_every_chapter_title_is_there(text: str) -> None:
    for docname in docnames():
        for words in fragments(soup(docname).h1):
            assert re.sub(r"^\d+", "", words) in text, f"{docname}: its title is not in the PDF"


def test_every_heading_is_there(text: str) -> None:
    for docname in docnames():
        for heading in soup(docname).select("article h2, article h3"):
            for words in fragments(heading):
                assert re.sub(r"^\d+", "", words) in text, f"{docname}: the heading {words!r} is not in the PDF"


def test_every_caption_is_there_under_the_sites_number(text: str) -> None:
    seen = 0
    for docname in docnames():
        for caption in soup(docname).select("figcaption, table caption, .code-block-caption"):
            seen += 1
            words = fragments(caption)
            assert words and all(piece in text for piece in words), f"{docname}: the caption {words} is not in the PDF"
    assert seen, "no caption was found on the site"


def test_every_claim_is_there(text: str) -> None:
    seen = 0
    for docname in docnames():
        for claim in soup(docname).select(".claim .claim-text"):
            seen += 1
            assert all(piece in text for piece in fragments(claim)), f"{docname}: not in the PDF: {claim.get_text()}"
    assert seen, "no claim was found on the site"


def test_every_paragraph_is_there(text: str) -> None:
    for docname in docnames():
        for paragraph in soup(docname).select("article p:not(td p, th p)"):  # a row's cells are read line by line
            if not paragraph.find_parent(class_=SITE_ONLY) and not SITE_ONLY.intersection(paragraph.get("class", [])):
                for words in fragments(paragraph):
                    assert words in text, f"{docname}: not in the PDF: {paragraph.get_text()[:200]!r}"


def test_every_exercise_has_its_solution_in_the_appendix(pages: list[str]) -> None:
    text = plain("".join(pages))
    for docname in docnames():
        for solution in soup(docname).select(".solution > .admonition-title, .solution > summary, .solution-title"):
            for words in fragments(solution):
                assert words in text, f"{docname}: {words!r} is not in the PDF"


def test_nothing_is_printed_as_the_name_of_its_type(pages: list[str]) -> None:
    for number, page in enumerate(pages, 1):
        found = TYPE_NAMES.search(page)
        assert not found, f"page {number}: {found.group()}"


def test_nothing_sticks_out(pdf: Path) -> None:
    log = pdf.with_suffix(".log")
    assert log.exists(), "the LaTeX log is not beside the PDF: run `make pdf`"
    faults = list(find_faults(log.read_text("utf8", errors="replace"), pdf.with_suffix(".tex")))
    assert not faults, "; ".join(map(str, faults))


def test_no_word_comes_near_the_edge(pdf: Path) -> None:
    width, number = 0.0, 0
    for line in said(["pdftotext", "-bbox", str(pdf), "-"]).splitlines():
        if page := re.search(r'<page width="([\d.]+)"', line):
            width, number = float(page[1]), number + 1
        elif word := re.search(r'<word xMin="([-\d.]+)" yMin="[-\d.]+" xMax="([-\d.]+)"[^>]*>(.*?)</word>', line):
            inside = float(word[1]) >= MARGIN and float(word[2]) <= width - MARGIN
            assert inside, f"page {number}: {word[3]!r} is too near the edge"


def test_no_blank_page_but_before_a_part(pages: list[str], reader: pypdf.PdfReader) -> None:
    for index, page in enumerate(pages[:-1]):
        if not page.strip() and not drawn(reader.pages[index]):
            following = pages[index + 1].strip().splitlines()
            opens = following and re.fullmatch(r"Part \S+", following[0].strip())
            assert opens, f"page {index + 1} is blank, and no part opens behind it"


def drawn(page: pypdf.PageObject) -> bool:
    """Whether a page without words holds a picture."""
    return bool(page.get("/Resources", {}).get("/XObject"))


def test_every_internal_link_leads_somewhere(reader: pypdf.PdfReader) -> None:
    known = set(reader.named_destinations)
    seen = 0
    for number, page in enumerate(reader.pages, 1):
        for annotation in page.get("/Annots") or []:
            entry = annotation.get_object()
            action = entry.get("/A", {})
            target = entry.get("/Dest", action.get("/D") if action.get("/S") == "/GoTo" else None)
            if isinstance(target, (str, bytes)):
                seen += 1
                name = target.decode() if isinstance(target, bytes) else target
                assert name in known, f"page {number}: a link to {name!r} leads nowhere"
    assert seen > len(docnames())
