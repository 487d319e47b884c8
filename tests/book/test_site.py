"""The built site, read as files: what every page must have, and what no page may have."""

from __future__ import annotations

import gzip
import json
import os
import re
import statistics
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag

from bookbuild.paths import Book

ROOT = Path(__file__).resolve().parents[2]
SITE = Path(os.environ.get("BOOK_SITE_DIR", ROOT / "_build" / "html"))
PAGES = sorted(path.relative_to(SITE).as_posix() for path in SITE.rglob("*.html"))
TOC = [name for name in Book.find(ROOT).docnames() if name != "genindex"]
KB = 1024


@cache
def soup(page: str) -> BeautifulSoup:
    return BeautifulSoup((SITE / page).read_text("utf8"), "html.parser")


@cache
def names(page: str) -> frozenset[str]:
    return frozenset(tag["id"] for tag in soup(page).find_all(id=True))


def packed(path: Path) -> int:
    """The bytes that a server sends for a file: text gzipped, pictures and fonts as they are."""
    data = path.read_bytes()
    return len(data) if path.suffix in (".woff2", ".png") else len(gzip.compress(data, 6))


def target(page: str, address: str) -> Path:
    return Path(os.path.normpath(SITE / Path(page).parent / unquote(urlsplit(address).path)))


def weight(page: str) -> int:
    """An upper bound of what a first look at a page loads: its frame, its fonts, and its first pictures."""
    html = soup(page)
    files = [SITE / page]
    files += [target(page, tag["href"]) for tag in html.find_all("link", rel="stylesheet")]
    files += [target(page, tag["src"]) for tag in html.find_all("script", src=True)]
    files += [target(page, tag["href"]) for tag in html.find_all("link", rel="preload")]
    files += [target(page, tag["src"]) for tag in html.find_all("img")[:3]]
    return sum(packed(path) for path in files)


def test_there_is_a_site() -> None:
    assert "index.html" in PAGES, f"no site in {SITE}: run `make book` first"
    missing = [name for name in TOC if f"{name}.html" not in PAGES]
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_a_page_says_what_it_is(page: str) -> None:
    html = soup(page)
    assert html.html["lang"] == "en"
    assert len(html.find_all("h1")) == 1
    assert html.title.string.strip()
    description = html.find("meta", attrs={"name": "description"})["content"]
    assert 20 <= len(description) <= 165, description
    assert html.find("a", class_="skip")["href"] == "#main"
    assert html.find("main", id="main")


def test_no_two_pages_have_the_same_title() -> None:
    titles = [soup(page).title.string for page in PAGES if page != "index.html"]
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("page", PAGES)
def test_every_id_is_given_once(page: str) -> None:
    ids = [tag["id"] for tag in soup(page).find_all(id=True)]
    assert sorted(ids) == sorted(set(ids))


@pytest.mark.parametrize("page", PAGES)
def test_links_and_anchors_lead_somewhere(page: str) -> None:
    broken = []
    for tag in soup(page).find_all(["a", "link", "script", "img", "form"]):
        address = tag.get("href") or tag.get("src") or tag.get("action") or ""
        parts = urlsplit(address)
        if parts.scheme or not address:
            continue
        path = target(page, address) if parts.path else SITE / page
        if path.suffix in (".pdf", ".epub") and not path.exists():
            continue  # both are added when they are built; their own tests ask for them
        if not path.is_file():
            broken.append(address)
        elif parts.fragment and path.suffix == ".html":
            if unquote(parts.fragment) not in names(path.relative_to(SITE).as_posix()):
                broken.append(address)
    assert not broken


@pytest.mark.parametrize("page", PAGES)
def test_nothing_is_asked_of_anybody_else(page: str) -> None:
    html = soup(page)
    loaded = [
        tag.get("src") or tag.get("href") for tag in html.find_all(["script", "img", "iframe", "source", "embed"])
    ]
    loaded += [tag["href"] for tag in html.find_all("link") if tag["rel"] != ["canonical"]]
    foreign = [address for address in loaded if address and urlsplit(address).scheme not in ("", "data")]
    foreign += re.findall(r"url\((https?:[^)]*)\)|@import", str(html))
    assert not foreign


def test_style_sheets_ask_nobody_else() -> None:
    sheets = sorted((SITE / "_static").glob("*.css"))
    assert [sheet.name for sheet in sheets] == ["book.css", "maths.css"]
    for sheet in sheets:
        for address in re.findall(r"url\(([^)]+)\)", sheet.read_text("utf8")):
            assert address.startswith("data:") or (sheet.parent / address).is_file(), address


@pytest.mark.parametrize("page", PAGES)
def test_one_script_and_no_more_styles_than_needed(page: str) -> None:
    html = soup(page)
    assert [Path(urlsplit(tag["src"]).path).name for tag in html.find_all("script", src=True)] == ["book.js"]
    sheets = [Path(urlsplit(tag["href"]).path).name for tag in html.find_all("link", rel="stylesheet")]
    assert sheets == (["book.css", "maths.css"] if html.find(class_="katex") else ["book.css"])


@pytest.mark.parametrize("page", PAGES)
def test_pictures_have_words_and_a_size(page: str) -> None:
    for image in soup(page).find_all("img"):
        alt = image.get("alt", "")
        assert len(alt.split()) >= 3, f"alt text of {image.get('src')}: {alt!r}"
        assert not re.search(r"\.(svg|png|jpe?g)\b|[/\\]", alt), alt
        assert image["loading"] == "lazy"
        assert int(image["width"]) > 0 and int(image["height"]) > 0


def unboxed(table: Tag) -> bool:
    box = table.parent
    return "table-scroll" not in box.get("class", []) or not box.get("aria-label")


@pytest.mark.parametrize("page", PAGES)
def test_what_is_wide_scrolls_in_a_box_of_its_own(page: str) -> None:
    html = soup(page)
    assert not [table.get("class") for table in html.find_all("table") if unboxed(table)]
    assert not [pre for pre in html.find_all("pre") if pre.get("tabindex") != "0"]
    assert not [box for box in html.find_all(class_="math-scroll") if box.get("tabindex") != "0"]


@pytest.mark.parametrize("page", PAGES)
def test_every_summary_has_words(page: str) -> None:
    summaries = soup(page).find_all("summary")
    assert all(summary.get_text(strip=True) for summary in summaries)
    assert not [summary for summary in summaries if summary.find(["a", "button", "input"])]


@pytest.mark.parametrize("page", PAGES)
def test_nothing_unfinished_shows(page: str) -> None:
    html = BeautifulSoup((SITE / page).read_text("utf8"), "html.parser")
    for code in html.find_all(["pre", "code", "script"]):
        code.decompose()
    text = html.get_text(" ")
    for sign in ("Traceback", "{glue", "{ref}", "{cite", "WARNING", "Unknown mime", "$$", "```", "<Figure", "nan%"):
        assert sign not in text
    assert not html.find(class_=["katex-error", "problematic", "system-message"])


@pytest.mark.parametrize("page", PAGES)
def test_maths_is_set_with_words_for_those_who_listen(page: str) -> None:
    for piece in soup(page).find_all(class_="katex"):
        assert piece.find("math") is not None
        assert piece.find(class_="katex-html")["aria-hidden"] == "true"


def test_every_class_of_sphinx_design_is_drawn() -> None:
    style = (SITE / "_static" / "book.css").read_text("utf8")
    plain = re.compile(
        r"sd-(sphinx-override|d-flex-row|shadow-\w+|g-.*|row-cols(-xs)?-\d|m[tbxy]?-\d|btn-text|text-wrap|octicon.*|summary-(chevron|content|text|title).*|.*-icon)$"
    )
    used = {name for page in PAGES for tag in soup(page).find_all(class_=True) for name in tag["class"]}
    missing = [
        name for name in sorted(used) if name.startswith("sd-") and f".{name}" not in style and not plain.match(name)
    ]
    assert not missing


@pytest.mark.parametrize("page", [f"{name}.html" for name in TOC])
def test_the_contents_show_every_page_and_where_one_is(page: str) -> None:
    contents = soup(page).find(id="contents")
    shown = {target(page, link["href"]).relative_to(SITE).as_posix() for link in contents.find_all("a", href=True)}
    shown.discard(Path(page).parent.as_posix())
    assert {f"{name}.html" for name in TOC} - shown - {page} == set()
    assert len(contents.find_all(attrs={"aria-current": "page"})) == 1


def test_pages_are_light() -> None:
    chapters = [page for page in PAGES if soup(page).body.get("class") == ["chapter"]]
    weights = {page: weight(page) for page in PAGES}
    heavy = {page: size // KB for page, size in weights.items() if size > 600 * KB}
    assert not heavy
    assert statistics.median(weights[page] for page in chapters) <= 250 * KB


def test_the_start_page_stands_at_the_root() -> None:
    html = soup("index.html")
    assert html.html["data-root"] == "./"
    assert html.body["class"] == ["landing"]
    assert html.find(attrs={"data-pagefind-body": True}) is None, "the start page would be found twice"


def test_the_index_for_search_covers_every_page() -> None:
    entry = json.loads((SITE / "pagefind" / "pagefind-entry.json").read_text("utf8"))
    assert list(entry["languages"]) == ["en"]
    assert entry["languages"]["en"]["page_count"] == len(TOC)


def test_nothing_is_shipped_that_no_page_loads() -> None:
    unexpected = [p.name for p in (SITE / "_static").iterdir() if p.is_file() and not p.name.startswith("vega-")]
    assert sorted(unexpected) == ["book.css", "book.js", "maths.css"]
    assert not (SITE / "searchindex.js").exists()
    assert not (SITE / "_sources").exists()
