"""The maps drawn from the plan and the numbers of the book, in a real Sphinx build of a small book."""

from __future__ import annotations

import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace

from bookbuild.outline import outcomes_of, read_outline
from bookbuild.paths import Book, BookError

PLAN = """\
outcomes:
  1: Explain it.
  2: Use it.
parts:
  - name: training
    title: AI in Model Training
    line: How models learn.
    chapters:
      - {path: training/first, title: The first chapter, line: Begin here., hours: 2}
      - {path: training/second, title: The second chapter, line: Go on., hours: 3, after: [training/first]}
      - {path: training/third, title: The third chapter, line: End here., hours: 4, after: [training/second]}
  - name: trends
    title: Future Trends
    line: What comes next.
    chapters:
      - {path: trends/later, title: A later chapter, line: Some day., hours: 1}
"""
TOC = """\
format: jb-book
root: book/index
parts:
  - caption: AI in Model Training
    chapters:
      - file: book/training/index
        sections: [{file: book/training/second}, {file: book/training/second-in-practice}]
  - caption: Back
    chapters: [{file: book/preface}, {file: book/back/outcomes}, {file: book/back/claims}, {file: book/back/parity},
      {file: book/back/contributing}]
"""
INDEX = """\
# The book

The book holds {book-number}`claims` claims and {book-number}`planned-chapters` planned chapters.

```{book-numbers}
```

```{start-here}
```

```{checked-claim} second-wins
```

```{part-list}
```
"""
SECOND = """\
---
outcomes: [2]
---
# The second chapter

(claim-second-wins)=
## Where it is measured

```{exercise-start} Count the trials
:label: ex-count
```

How many?

```{exercise-end}
```
"""
CITATION = """\
cff-version: 1.2.0
title: A Small Book
authors: [{name: The Writers}]
version: 1.2.3
"""
CONF = """\
extensions = ["sphinx_external_toc", "myst_parser", "sphinx_exercise", "bookbuild.numbers", "bookbuild.outcomes"]
external_toc_path = "_toc.yml"
copyright = "2026"
numfig = True
exclude_patterns = ["_build"]


def setup(app):
    app.add_config_value("mldev_pdf", False, "html", bool)
    app.add_config_value("mldev_epub", False, "html", bool)
    app.add_config_value("mldev_repository_url", "", "html", str)
"""
CLAIMS = [
    {"name": "second-wins", "statement": "The second wins.", "holds": True, "evidence": "by 3 points"},
    {"name": "not-here", "statement": "Java runs.", "holds": None, "evidence": "needs Java"},
]


@dataclass(frozen=True)
class Small:
    """A small book that Sphinx builds without executing anything."""

    root: Path

    @property
    def book(self) -> Book:
        return Book(self.root)

    def write(self, name: str, text: str) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf8")

    def collect(self, name: str, content: list[dict]) -> None:
        self.write(f"_build/collected/{name}.json", json.dumps(content))

    def build(self, builder: str = "html", **settings: object) -> str:
        """Build it; returns the warnings."""
        warnings = io.StringIO()
        out, trees = self.root / "_build" / builder, self.root / "_build" / "trees"
        with docutils_namespace():
            Sphinx(self.root, self.root, out, trees, builder, settings, io.StringIO(), warnings).build()
        return "\n".join(line for line in warnings.getvalue().splitlines() if "toctree" not in line)

    def html(self, name: str) -> str:
        return (self.root / "_build" / "html" / "book" / f"{name}.html").read_text("utf8")

    def text(self, name: str) -> str:
        """What a reader sees of a page, without the theme's navigation."""
        body = self.html(name).split('role="main"')[1].split('class="sphinxsidebar"')[0]
        return " ".join(re.sub(r"<[^>]+>", " ", body).split())


@pytest.fixture
def small(tmp_path: Path) -> Small:
    small = Small(tmp_path)
    sources = {
        "_config.yml": "title: A small book\n",
        "_toc.yml": TOC,
        "CITATION.cff": CITATION,
        "conf.py": CONF,
        "book/outline.yml": PLAN,
        "book/index.md": INDEX,
        "book/preface.md": "# Preface\n\n(run-the-book)=\n## Run\n\n```{how-to-cite}\n```\n",
        "book/training/index.md": "# Training\n\n```{chapter-map} training\n```\n",
        "book/training/second.md": SECOND,
        "book/training/second-in-practice.md": "# The second chapter in practice\n\n(claim-not-here)=\n## Java\n",
        "book/back/outcomes.md": "# Outcomes\n\n```{outcome-map}\n```\n",
        "book/back/claims.md": "# Claims\n",
        "book/back/parity.md": "# Parity\n",
        "book/back/contributing.md": "# Contributing\n",
    }
    for name, text in sources.items():
        small.write(name, text)
    pages = ["book/training/second", "book/training/second-in-practice"]
    small.collect(
        "claims", [{**c, "docname": d, "chapter": "training/second"} for c, d in zip(CLAIMS, pages, strict=True)]
    )
    small.collect("figures", [{"label": "fig-a"}, {"label": "fig-b"}])
    small.collect("parity", [{"algorithm": "a"}])
    return small


def test_plan_knows_which_pages_exist(small: Small) -> None:
    outline = read_outline(small.book)
    assert outline.chapters["training/second"].pages == (
        "book/training/second",
        "book/training/second-in-practice",
    )
    assert [chapter.path for chapter in outline.part("training").written] == ["training/second"]
    assert outline.part("training").hours == 9
    assert outline.part("training").opener == "book/training/index"
    assert outline.part("trends").opener is None


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("training/second, title", "training/other, title", "no chapter for the page book/training/second.md"),
        ("after: [training/first]", "after: [training/zeroth]", "comes after 'training/zeroth'"),
        ("parts:", "parts: [", "not valid YAML"),
    ],
)
def test_faulty_plan_is_one_line(small: Small, old: str, new: str, message: str) -> None:
    if "other" in new:
        small.write("book/outline.yml", PLAN.replace(old, new).replace("[training/second]", "[training/first]"))
    else:
        small.write("book/outline.yml", PLAN.replace(old, new))
    with pytest.raises(BookError, match=message) as caught:
        read_outline(small.book)
    assert "\n" not in str(caught.value)


def test_missing_plan_and_unknown_part_are_named(small: Small) -> None:
    with pytest.raises(BookError, match="no part 'kitchen'.*training, trends"):
        read_outline(small.book).part("kitchen")
    (small.root / "book" / "outline.yml").unlink()
    with pytest.raises(BookError, match="outline.yml: missing"):
        read_outline(small.book)


def test_unknown_outcome_is_refused(small: Small) -> None:
    small.write("book/training/second.md", SECOND.replace("[2]", "[7]"))
    with pytest.raises(BookError, match="outcome 7 does not exist"):
        outcomes_of(small.book, "book/training/second", {1: "", 2: ""})


def test_chapter_map_links_what_is_written_and_names_the_rest(small: Small) -> None:
    assert small.build() == ""
    html, text = small.html("training/index"), small.text("training/index")
    assert "Written: 1 of 3 chapters, about 3 hours of study. The whole part is planned as about 9 hours." in text
    assert 'href="second.html"' in html and 'href="second-in-practice.html"' in html
    assert "first.html" not in html and "third.html" not in html
    assert re.search(r"The first chapter to come", text)
    assert "The second chapter 3 h" in text
    assert "Read before: The first chapter (to come)" in text
    assert html.count("map-planned") == 2 and html.count("map-written") == 1


def test_outcome_map_lists_chapters_exercises_and_claims(small: Small) -> None:
    assert small.build() == ""
    before, after = small.text("back/outcomes").split("Outcome 2: Use it.")
    assert "Outcome 1: Explain it. No chapter that is written meets this outcome yet." in before
    assert "Chapters: The second chapter ." in after
    assert re.search(r"Exercises \(1\): Exercise 1 (?:\(Count the trials\) )?\.", after), after
    assert "Claims (1): second wins ." in after
    assert "second.html#ex-count" in small.html("back/outcomes")
    assert "second.html#claim-second-wins" in small.html("back/outcomes")


def test_outcome_map_follows_the_chapters_front_matter(small: Small) -> None:
    small.build()
    small.write("book/training/second.md", SECOND.replace("[2]", "[1]"))
    assert small.build() == ""
    before, after = small.text("back/outcomes").split("Outcome 2: Use it.")
    assert "Chapters: The second chapter" in before
    assert "No chapter that is written meets this outcome yet." in after


def test_numbers_are_those_of_this_build(small: Small) -> None:
    assert small.build() == ""
    text = small.text("index")
    assert "The book holds 1 claims and 4 planned chapters." in text
    for tile in ("1 chapter written", "1 claim checked", "1 comparison with a library", "2 figures redrawn"):
        assert tile in text
    small.collect("claims", [])
    small.collect("parity", [{"algorithm": "a"}] * 3)
    small.write("book/index.md", INDEX.replace("```{checked-claim} second-wins\n```\n", ""))
    small.write("book/back/outcomes.md", "# Outcomes\n")
    assert small.build() == ""
    assert "The book holds 0 claims" in small.text("index") and "3 comparisons with libraries" in small.text("index")
    assert "claims checked" not in small.text("index")


def test_numbers_change_when_only_a_collected_list_changes(small: Small) -> None:
    small.build()
    small.collect("figures", [{"label": "fig-a"}])
    small.build()
    assert "1 figure redrawn" in small.text("index")


def test_shown_claim_carries_its_evidence_and_leads_to_its_place(small: Small) -> None:
    assert small.build() == ""
    assert "Checked at this build: The second wins. by 3 points See where it is measured" in small.text("index")
    assert "training/second.html#claim-second-wins" in small.html("index")


@pytest.mark.parametrize(
    ("page", "old", "new", "message"),
    [
        ("index", "checked-claim} second-wins", "checked-claim} third-wins", "no chapter makes the claim 'third-wins'"),
        ("index", "`claims`", "`clams`", "no book number 'clams'"),
        ("training/index", "chapter-map} training", "chapter-map} kitchen", "no part 'kitchen'"),
    ],
)
def test_mistaken_names_are_reported(small: Small, page: str, old: str, new: str, message: str) -> None:
    path = small.root / "book" / f"{page}.md"
    assert old in path.read_text("utf8")
    path.write_text(path.read_text("utf8").replace(old, new), "utf8")
    assert message in small.build()


def test_ways_to_start_are_those_that_exist(small: Small) -> None:
    assert small.build() == ""
    text, html = small.text("index"), small.html("index")
    assert "PDF" not in text and "Binder" not in text and "Repository" not in text
    assert 'href="training/second.html"' in html and 'href="preface.html#run-the-book"' in html


def test_ways_to_start_with_pdf_and_repository(small: Small) -> None:
    assert small.build(mldev_pdf=True, mldev_repository_url="https://github.com/someone/some-book") == ""
    html = small.html("index")
    assert 'href="../ai-in-ml-model-development.pdf"' in html
    assert re.search(r'href="https://mybinder\.org/v2/gh/someone/some-book/\w+\?urlpath=[^"]*second\.md"', html)
    assert 'href="https://github.com/someone/some-book"' in html


def test_ways_to_start_stay_out_of_print(small: Small) -> None:
    small.build("latex")
    tex = next((small.root / "_build" / "latex").glob("*.tex")).read_text("utf8")
    assert "The book holds" in tex and "What you need" not in tex


def test_citation_comes_from_its_file(small: Small) -> None:
    assert small.build(html_baseurl="https://book.example.org/") == ""
    text = small.text("preface")
    assert "The Writers (2026). A Small Book (version 1.2.3). https://book.example.org/" in text
    assert "@book{mldev," in small.html("preface") or "@book" in text
    small.build()
    assert "example.org" not in small.text("preface")


def test_the_books_own_plan_and_contents_agree() -> None:
    book = Book.find(Path(__file__).parent)
    outline = read_outline(book)
    contents = yaml.safe_load((book.root / "_toc.yml").read_text("utf8"))
    captions = [part["caption"] for part in contents["parts"]]
    titles = [part.title for part in outline.parts]
    assert len(outline.outcomes) == 5 and len(titles) == 9
    assert [caption for caption in captions if caption in titles] == [
        part.title for part in outline.parts if part.opener
    ]
    for part in outline.parts:
        if part.opener:
            assert f"# {part.title}\n" in book.source(part.opener).read_text("utf8")
            assert f"{{chapter-map}} {part.name}\n" in book.source(part.opener).read_text("utf8")


def test_every_written_chapter_meets_an_outcome() -> None:
    book = Book.find(Path(__file__).parent)
    outline = read_outline(book)
    for chapter in outline.chapters.values():
        met = [number for page in chapter.pages for number in outcomes_of(book, page, outline.outcomes)]
        assert met or not chapter.pages, f"{chapter.path}: its front matter names no outcome (outcomes: [2, 3])"
