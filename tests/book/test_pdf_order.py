"""From pages to a book, tried on a tiny one: parts, numbers, boxes, solutions, in the LaTeX that comes out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from sphinx.application import Sphinx
from sphinx.util.docutils import docutils_namespace, patch_docutils

ROOT = Path(__file__).parents[2]
CONFIG = {
    "project": "Tiny",
    "author": "The contributors",
    "html_title": "Tiny",
    "numfig": True,
    "extensions": [
        "myst_nb", "sphinx_design", "sphinx_exercise", "sphinx_proof", "sphinxcontrib.bibtex", "bookbuild.maths",
        "bookbuild.charts", "bookbuild.tables", "bookbuild.latex",
    ],
    "bibtex_bibfiles": ["works.bib"],
    "nb_execution_mode": "off",
    "myst_enable_extensions": ["amsmath", "colon_fence", "dollarmath", "tasklist"],
}  # fmt: skip
PAGES = {
    "index": """
# Tiny

Only the site shows this.

```{toctree}
:caption: Front

preface
```
```{toctree}
:caption: First & last part
:numbered:

part/index
```
```{toctree}
:caption: Back

end
```
""",
    "preface": """
# Preface

For you. See {numref}`fig-a`, {eq}`eq-one`, {ref}`ex-one`, {numref}`sec-two` and {prf:ref}`def-one`.

- [x] done
""",
    "part/index": """
# The part's page

Goals of the part.

```{toctree}
one
two
```

## Its chapters

Two of them.
""",
    "part/one": """
(one)=
# Chapter one

```{figure} dot.png
:name: fig-a
:alt: a dot

A caption.
```

Words.

$$ a = b $$ (eq-one)

\\begin{align}
c &= d
\\end{align}

```{exercise-start} By hand
:label: ex-one
```
Do it.
```{exercise-end}
```

```{solution-start} ex-one
:class: dropdown
```
Done so.
```{solution-end}
```

````{prf:definition} Regret
:label: def-one
What is lost.
````

:::{warning}
Mind the gap.
:::

:::{card} A card
:link: one
:link-type: ref
Its words.
:::

:::{dropdown} Folded
Unfolded words.
:::
""",
    "part/two": """
# Chapter two

(sec-two)=
## A section

Cited: {cite}`writer1999`, with `a_very_long_name_in_code`.

```python
a_very_long_name_in_code = 1
```

| head | number |
|---|---|
| cell | 1 |
""",
    "end": """
# Works

```{bibliography}
```
""",
}
DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c63600000000200018ee0a38c"
    "0000000049454e44ae426082"
)
WORKS = "@book{writer1999, author={Writer, Ann}, title={A title of its own}, publisher={Press}, year={1999}}"


@pytest.fixture(scope="module")
def tex(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The LaTeX of the tiny book."""
    root = tmp_path_factory.mktemp("tiny")
    (root / "theme").symlink_to(ROOT / "theme")
    (root / "part").mkdir()
    for name, text in PAGES.items():
        (root / f"{name}.md").write_text(text, "utf8")
    (root / "part" / "dot.png").write_bytes(DOT)
    (root / "works.bib").write_text(WORKS)
    with patch_docutils(None), docutils_namespace():
        out = root / "out"
        app = Sphinx(root, None, out, root / "trees", "latex", {**CONFIG, "exclude_patterns": ["theme"]}, None, None)
        app.build()
    assert app.statuscode == 0
    return (out / "book.tex").read_text("utf8")


def order(tex: str, *marks: str) -> None:
    """Each mark comes once behind the one before it."""
    place = 0
    for mark in marks:
        assert mark in tex[place:], f"{mark!r} does not come where it should"
        place += tex[place:].index(mark) + len(mark)


def test_parts_chapters_and_solutions_come_in_order(tex: str) -> None:
    order(
        tex,
        r"\bookunnumbered", r"\chapter{Preface}", r"\bookpart{1}{First \& last part}", "Goals of the part.",
        r"\bookchapter{1.1}", r"\chapter{Chapter one}", r"\bookchapter{1.2}", r"\chapter{Chapter two}",
        r"\chapter{Solutions to the exercises}", "Done so.", r"\chapter{Works}", "A title of its own",
    )  # fmt: skip


def test_the_landing_page_stays_on_the_site(tex: str) -> None:
    assert "Only the site shows this" not in tex


def test_a_part_opens_with_its_page_and_without_a_chapter_of_its_own(tex: str) -> None:
    assert r"\chapter{The part" not in tex
    opener = tex[tex.index(r"\begin{bookopener}") : tex.index(r"\end{bookopener}")]
    assert "Goals of the part." in opener and "Its chapters" in opener


def test_figures_carry_the_sites_numbers(tex: str) -> None:
    order(tex, r"\booknumber{figure}{1.1}", r"\begin{figure}", r"\caption{A caption.}")
    assert "Fig. 1.1" in tex


def test_only_equations_with_a_number_on_the_site_have_one(tex: str) -> None:
    assert r"\booktag{1.1}\label{\detokenize{equation:part/one:eq-one}}\bookdisplay{a = b}" in tex
    assert r"\begin{align}" not in tex and r"\begin{aligned}" in tex


def test_references_say_what_the_site_says(tex: str) -> None:
    preface = tex[tex.index(r"\chapter{Preface}") : tex.index(r"\bookpart")]
    for words in ("Fig. 1.1", "Exercise 1.1", "Section 1.2.1", "Definition 1.1"):
        assert words in preface, f"{words} is not among the preface's references"


def test_an_exercise_points_at_its_solution(tex: str) -> None:
    place = re.search(r"\\bookseesolution\{([^}]+)\}", tex)[1]
    order(tex, "Exercise 1.1 (By hand)", r"\bookseesolution", "Solution to", "Exercise 1.1 (By hand)")
    assert rf"\label{{\detokenize{{{place}}}}}" in tex


def test_boxes_have_titles(tex: str) -> None:
    for kind, title in (
        ("exercise", "Exercise 1.1 (By hand)"), ("theorem", "Definition 1.1 (Regret)"), ("warning", "Warning"),
        ("note", "Folded"),
    ):  # fmt: skip
        assert re.search(rf"\\begin\{{bookbox\}}\{{{kind}\}}\{{[^\n]*\}}\{{{re.escape(title)}\}}", tex), (
            f"no box {title}"
        )


def test_a_card_is_a_box_whose_title_is_its_link(tex: str) -> None:
    box = tex[tex.index(r"\begin{bookbox}{card}") :]
    box = box[: box.index(r"\end{bookbox}")]
    assert r"\hyperref[\detokenize{part/one:one}]" in box and "A card" in box and "Its words." in box


def test_works_stand_on_their_page_with_the_target_of_their_citations(tex: str) -> None:
    target = re.search(r"\\hyperlink\{cite\.([^}]+)\}", tex)[1]
    assert rf"\begin{{bookreference}}{{{target}}}" in tex


def test_ticked_boxes_are_characters(tex: str) -> None:
    assert "☑" in tex and "checkbox" not in tex


def test_long_names_may_break_in_sentences_and_stay_whole_in_code(tex: str) -> None:
    assert "a\\_\u200bvery\\_\u200blong" in tex
    block = tex[tex.index(r"\begin{sphinxVerbatim}") : tex.index(r"\end{sphinxVerbatim}")]
    assert "\u200b" not in block and "name" in block
    order(tex, r"\bookneed{1}", r"\begin{sphinxVerbatim}")
