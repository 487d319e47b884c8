"""The site of a small book, built for the test: faults in maths, addresses, and pages that follow what changed."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from bs4 import BeautifulSoup


def links(html: str) -> dict[str, str]:
    return {
        tag.get_text(strip=True): tag["href"] for tag in BeautifulSoup(html, "html.parser").find_all("a", href=True)
    }


def test_maths_that_cannot_be_set_stops_the_build(small_book: object) -> None:
    page = small_book.page("two")
    page.write_text(page.read_text("utf8") + "\nA line.\n\n$$\n\\nosuchcommand x\n$$ (eq-bad)\n")
    line = page.read_text("utf8").splitlines().index("\\nosuchcommand x")
    done = small_book.run("html")
    assert done.returncode != 0
    assert not (small_book.root / "_build" / "html").exists()
    found = re.search(r"book/training/two\.md:(\d+): Undefined control sequence: \\nosuchcommand", done.stderr)
    assert found, done.stderr
    assert abs(int(found.group(1)) - line) <= 1


def test_addresses_are_those_the_book_is_built_for(small_book: object) -> None:
    small_book.build("html", BOOK_REPOSITORY_URL="", BOOK_SITE_URL="")
    shown = links(small_book.html("one"))
    assert not [name for name in shown if "Binder" in name or "Edit" in name or "fault" in name]
    assert "canonical" not in small_book.html("one") and "og:image" not in small_book.html("one")
    site = small_book.root / "_build" / "html"
    assert not (site / "sitemap.xml").exists()
    small_book.build("html", BOOK_REPOSITORY_URL="git@github.com:a/b.git", BOOK_SITE_URL="https://book.example.org/v1")
    shown = links(small_book.html("one"))
    assert shown["Edit this page"] == "https://github.com/a/b/edit/main/book/training/one.md"
    assert shown["Run on Binder"].startswith("https://mybinder.org/v2/gh/a/b/main?urlpath=")
    assert '<link rel="canonical" href="https://book.example.org/v1/book/training/one.html">' in small_book.html("one")
    cards = re.findall(r'property="og:image" content="https://book.example.org/v1/(.*?)"', small_book.html("one"))
    assert len(cards) == 1
    assert (site / cards[0]).read_bytes()[16:24] == struct.pack(">II", 1200, 630)  # width and height of a PNG
    places = re.findall(r"<loc>(.*?)</loc>", (site / "sitemap.xml").read_text())
    assert "https://book.example.org/v1/" in places and "https://book.example.org/v1/book/training/two.html" in places
    assert "Sitemap: https://book.example.org/v1/sitemap.xml" in (site / "robots.txt").read_text()


def entry(html: str, docname: str) -> str:
    contents = BeautifulSoup(html, "html.parser").find(id="contents")
    return next(link.get_text(" ", strip=True) for link in contents.find_all("a") if docname in link["href"])


def test_every_page_follows_when_the_contents_change(small_book: object) -> None:
    small_book.build("html")
    assert entry(small_book.html("one"), "two").endswith("Chapter two")
    small_book.replace(small_book.page("two"), "# Chapter two", "# Another name")
    small_book.build("html")
    assert entry(small_book.html("one"), "two").endswith("Another name")
    toc: Path = small_book.root / "_toc.yml"
    small_book.replace(toc, "          - file: book/training/one\n", "")
    small_book.page("one").unlink()
    pictures = set((small_book.root / "_build" / "html" / "_images").iterdir())
    small_book.build("html")
    assert set((small_book.root / "_build" / "html" / "_images").iterdir()) < pictures
    assert "one.html" not in small_book.html("two")
    assert not list((small_book.root / "_build" / "html").rglob("one.*"))
