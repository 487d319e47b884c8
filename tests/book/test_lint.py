"""The lint of pages: the good book passes every rule; each planted fault is found, in its place, by its rule."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from bookbuild.lint.page import Page
from bookbuild.lint.registry import RULES, name_of, summary
from bookbuild.lint.run import check, main

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = Path(__file__).parent / "fixtures"
write = runpy.run_path(str(FIXTURES / "lint_book.py"))["write"]

CHAPTER = "book/training/early-stopping.md"
BIB, GLOSSARY = "book/references.bib", "book/glossary.md"
CLAIM = "    gain.above(0),\n"
EVIDENCE = '    f"mean difference {gain:.3f} over {len(outcomes)} seeds",\n'
CELL = "```{code-cell} ipython3\nfrom sklearn.datasets import load_digits\n"
START = "## Two losses that part\n"
ALT = (
    'alt: "Line chart of two losses against epochs: the training loss keeps falling, '
    'the validation loss falls, turns and climbs slowly."'
)
WORK = "@book{other2020,\n  title = {Other},\n  year = {2020},\n  doi = {10.1000/1}\n}\n"


def cell(source: str, tags: str = "") -> str:
    """A code cell to be put in front of the first section's text."""
    return f"{START}\n```{{code-cell}} ipython3\n{tags}{source}\n```\n"


# rule, file, what is replaced, by what, text of the line at which the fault is reported, words of the report
PLANTED = [
    ("page-syntax", CHAPTER, "```{solution-end}\n```\n\n## Further", "```{solution-end}\n\n## Further",
     "{solution-end}",
     "never closed"),
    ("page-syntax", CHAPTER, "kernelspec: {name", "kernelspec: {{name", "kernelspec", "not valid YAML"),
    ("page-syntax", CHAPTER, "    caption: \"The", "    caption: The: \"", "caption", "not valid YAML"),
    ("quantity", CHAPTER, "Ten\nlines of code", "Ten seconds\nof work", "best epoch {cite}", "Ten seconds"),
    ("quantity", CHAPTER, "worth its price.", "worth three times its price.", "three times", "three times"),
    ("figure", CHAPTER, "    name: fig-early-stopping-losses\n", "", "{code-cell}", "has no label"),
    ("figure", CHAPTER, "name: fig-early-stopping-losses", "name: Losses", "{code-cell}", "its label is 'Losses'"),
    ("figure", CHAPTER, "{numref}`fig-early-stopping-losses`", "the figure", "{code-cell}", "never refers to"),
    ("figure", CHAPTER,
     '    caption: "The training loss falls to the end; the validation loss turns where the dotted line'
     ' stands."\n', "", "{code-cell}", "no caption"),
    ("figure", CHAPTER, START, cell("fig, ax = plt.subplots()"), "{code-cell}", "has no label"),
    ("figure", CHAPTER, START, cell("scores.plot.bar();"), "{code-cell}", "has no label"),
    ("alt-text", CHAPTER, "    alt: \"Line chart", "    title: \"Line chart", "{code-cell}", "is missing"),
    ("alt-text", CHAPTER, ALT, "alt: a/b/losses.svg", "alt:", "is a file name"),
    ("alt-text", CHAPTER, ALT, "alt: two losses", "alt:", "shorter than 25"),
    ("alt-text", CHAPTER, ALT, "alt: \"The training loss falls to the end; the validation "
     "loss turns where the dotted line stands\"", "alt:", "is the caption again"),
    ("alt-text", CHAPTER, START, START + "\n![](a.svg)\n", "![]", "is missing"),
    ("alt-text", CHAPTER, START, START + "\n```{image} a.svg\n:alt: short\n```\n", "{image}", "shorter than 25"),
    ("figure", CHAPTER, START, cell("plt.imshow(X);"), "{code-cell}", "has no label"),
    ("hidden-cell", CHAPTER, CELL, CELL.replace("3\n", "3\n:tags: [hide-input]\n"), "{code-cell}", "neither draws nor"),
    ("hidden-cell", CHAPTER, "tags: [hide-input]", "tags: [remove-cell]", "{code-cell}", "the reader never sees"),
    ("objectives", CHAPTER, "- Measure what", "- Draw it.\n" * 3 + "- Measure what", "{objectives}", "7 objectives"),
    ("objective-verb", CHAPTER, "- Measure what", "- The measurement of what", "- The", "begins with 'The'"),
    ("objective-verb", CHAPTER, "- Measure what", "- Measuring what", "- Measuring", "begins with 'Measuring'"),
    ("objective-verb", CHAPTER, "- Measure what", "- Understand what", "- Understand", "begins with 'Understand'"),
    ("objective-section", CHAPTER, "in {ref}`early-stopping-rule`.", "by hand.", "- Write", "does not end in"),
    ("objective-section", CHAPTER, "in {ref}`early-stopping-rule`.", "in {ref}`nowhere`.", "- Write", "'nowhere'"),
    ("exercise", CHAPTER, "{solution-start} ex-early-stopping-rate", "{solution-start} ex-other", "ex-other",
     "no exercise"),
    ("exercise", CHAPTER, ":label: ex-early-stopping-rate\n", "", "{exercise-start}", "without label"),
    ("exercise-count", CHAPTER, "{exercise-start}\n:label: ex-early-stopping-rate", "{note}", "## Exercises",
     "2 exercises"),
    ("solution", CHAPTER, "{solution-end}\n```\n\n## Further", "{note}\n```\n\n## Further", "-rate", "never closed"),
    ("no-claims", CHAPTER, "\nclaim(\n", "\nassert_all(\n", "---", "claims nothing"),
    ("claim-name", CHAPTER, '"early-stopping-lowers', '"Early_lowers', "claim(", "not in kebab case"),
    ("claim-condition", CHAPTER, CLAIM, "    True,\n", "claim(", "literals only"),
    ("claim-condition", CHAPTER, CLAIM, "    bool(1),\n", "claim(", "literals only"),
    ("claim-condition", CHAPTER, CLAIM, "    1 < 2,\n", "claim(", "literals only"),
    ("claim-condition", CHAPTER, CLAIM, "    gain == gain,\n", "claim(", "with itself"),
    ("claim-condition", CHAPTER, CLAIM, "    not outcome,\n", "claim(", "neither compares nor calls"),
    ("claim-condition", CHAPTER, CLAIM + EVIDENCE, "", "claim(", "has no condition"),
    ("claim-evidence", CHAPTER, EVIDENCE, '    "it was lower",\n', "claim(", "a typed text"),
    ("claim-evidence", CHAPTER, EVIDENCE, '    f"it was lower",\n', "claim(", "a typed text"),
    ("claim-evidence", CHAPTER, EVIDENCE, "", "claim(", "has no evidence"),
    ("cell-syntax", CHAPTER, "X = X / 16\n", "X = X / / 16\n", "X / /", "invalid syntax"),
    ("cell-names", CHAPTER, "X.shape\n", "Z.shape\n", "Z.shape", "Undefined name `Z`"),
    ("cell-names", CHAPTER, "X = X / 16\n", "import math\n", "import math", "imported but unused"),
    ("missing-name", CHAPTER, "import stop_epoch\n\n", "import stop_epoch, stop\n\n", "stop_epoch, stop",
     "has no 'stop'"),
    ("missing-name", CHAPTER, "from mldev import plotting", "from mldev import drawing", "drawing", "no 'drawing'"),
    ("missing-name", CHAPTER, "from mldev.claims import", "from mldev.claim import", "mldev.claim import", "no module"),
    ("missing-name", CHAPTER, "import numpy as np", "import numpie as np", "numpie", "no module 'numpie'"),
    ("missing-name", CHAPTER, "from sklearn.datasets", "from sklearn.datasetz", "datasetz", "no module"),
    ("missing-object", CHAPTER, ":pyobject: descend", ":pyobject: ascend", "literalinclude", "no object 'ascend'"),
    ("missing-object", CHAPTER, "/code/mldev/training/early_stopping.py\n:pyobject: descend",
     "/code/mldev/training/early.py\n:pyobject: descend", "early.py", "no file"),
    ("long-cell", CHAPTER, START, cell("x = 1\n" * 26), "{code-cell}", "26 lines"),
    ("network", CHAPTER, START, cell("!pip install requests"), "!pip", "runs '!pip"),
    ("network", CHAPTER, START, cell("%pip install requests"), "%pip", "runs '%pip"),
    ("network", CHAPTER, START, cell("import urllib.request"), "import urllib", "opens the network"),
    ("network", CHAPTER, START, cell("from requests import get"), "from requests", "opens the network"),
    ("network", CHAPTER, START, cell("fetch_openml('adult')"), "fetch_openml", "fetches from the network"),
    ("network", CHAPTER, START, cell("pd.read_csv('https://example.org/a.csv')"), "read_csv",
     "fetches from the network"),
    ("allowed-error", CHAPTER, START, cell("1 / 0", ":tags: [raises-exception]\n"), "{code-cell}", "raises-exception"),
    ("allowed-error", CHAPTER, "file_format: mystnb", "file_format: mystnb\nallow_errors: true", "allow_errors",
     "allowed"),
    ("unseeded", CHAPTER, START, cell("np.random.default_rng()"), "default_rng", "takes no seed"),
    ("unseeded", CHAPTER, START, cell("np.random.default_rng(None)"), "default_rng", "takes no seed"),
    ("unseeded", CHAPTER, START, cell("np.random.rand(3)"), "np.random.rand", "global state"),
    ("unseeded", CHAPTER, START, cell("np.random.seed(0)"), "np.random.seed", "global state"),
    ("unseeded", CHAPTER, START, cell("random.random()"), "random.random", "global state"),
    ("unseeded", "code/mldev/training/early_stopping.py", "default_rng(seed)", "default_rng()", "default_rng",
     "no seed"),
    ("citation", CHAPTER, "best epoch {cite}`prechelt2012`", "{cite}`nobody1999`", "nobody1999",
     "not in book/references.bib"),
    ("citation", CHAPTER, "mislabelled rows as well {cite}`northcutt2021`", "more {cite:p}`yao2007,nobody1999`",
     "nobody1999",
     "'nobody1999' is not in"),
    ("bibliography-entry", BIB, "@article{yao2007", WORK + "@article{yao2007", "other2020", "never cited"),
    ("bibliography-entry", BIB, "  doi     = {10.1007/s00365-006-0663-2}\n", "", "yao2007", "neither doi nor url"),
    ("bibliography-entry", BIB, "  doi     = {10.1007/s00365-006-0663-2}\n", "  doi = {}\n", "yao2007",
     "neither doi nor"),
    ("bibliography-entry", BIB, "@article{northcutt2021", "@article{yao2007", "@article{yao2007", None),
    ("term", GLOSSARY, "patience\n  The", "epoch\n  The", "epoch", None),
    ("term", GLOSSARY, "patience\n  The", "regret\n  The", "regret", None),
    ("term", CHAPTER, "{term}`patience`", "patience", "patience", "defined and never used"),
    ("glue", CHAPTER, "{glue:text}`loss-gain:.2f`", "something", "loss-gain", "glued and never used"),
    ("glue", CHAPTER, "{glue:text}`loss-gain:.2f`", "{glue:text}`gain:.2f`", "gain:.2f", None),
    ("headings", CHAPTER, "## When it fails", "# When it fails", "# When", "2 titles"),
    ("headings", CHAPTER, "## When it fails", "#### When it fails", "#### When", "jumps from level 2 to 4"),
    ("title-label", CHAPTER, "(early-stopping)=\n", "", "# Early", "no label before the title"),
    ("title-label", CHAPTER, "(early-stopping)=\n", "(stopping)=\n", "# Early", "is 'stopping'"),
    ("opening", CHAPTER, "You train a classifier,", "In this chapter you train a classifier,", "In this",
     "announces itself"),
    ("sections", CHAPTER, "```{run-line}", "```{note}", "# Early", "no line of reading time"),
    ("sections", CHAPTER, "```{objectives}", "```{note}", "# Early", None),
    ("sections", CHAPTER, "## Summary", "## Conclusions", "", None),
    ("sections", CHAPTER, "## Further reading", "## Works\n\n## Further reading", "## Summary",
     "the last sections are"),
    ("length", CHAPTER, "A loss measured on the rows", "word " * 2200 + "A loss measured on the rows", "---",
     "more than 3500"),
    ("length", CHAPTER, START, START + cell("1") * 22, "---", "code cells, more than 30"),
    ("closing-sections", CHAPTER, "## In practice\n", "## In practice\n\n- One.\n- Two.\n", "## In practice",
     "6 items"),
    ("closing-sections", CHAPTER, "## Summary\n", "## Summary\n\nOne. Two. Three.\n", "## Summary",
     "7 sentences, not 3-6"),
    ("closing-sections", CHAPTER, "- {cite:t}`yao2007` shows", "- Somebody shows", "## Further",
     "2 cited works, not 3-8"),
]  # fmt: skip


@pytest.fixture
def book(tmp_path):
    return write(tmp_path / "book")


def plant(book: Path, path: str, old: str, new: str) -> list[str]:
    text = (book / path).read_text(encoding="utf-8")
    assert old in text, f"the fixture has no {old!r}"
    text = text.replace(old, new, 1)
    (book / path).write_text(text, encoding="utf-8")
    return text.splitlines()


def test_good_book_has_no_fault(book):
    assert [str(fault) for fault in check(book)] == []


@pytest.mark.parametrize(("rule", "path", "old", "new", "at", "says"), PLANTED)
def test_planted_fault_is_found(book, rule, path, old, new, at, says):
    lines = plant(book, path, old, new)
    found = check(book, [rule])
    assert found, f"{rule} does not see it"
    assert {fault.rule for fault in found} == {rule}
    here = [fault for fault in found if says is None or says in fault.problem]
    assert here, [str(fault) for fault in found]
    if at:
        texts = [(lines if fault.path == path else _read(book, fault.path))[fault.line - 1] for fault in here]
        assert any(at in text for text in texts), texts


def _read(book: Path, path: str) -> list[str]:
    return (book / path).read_text(encoding="utf-8").splitlines()


def test_every_rule_has_a_planted_fault():
    """Every rule is named by a test here or in test_lint_house.py, which plants its faults in folders and modules."""
    tests = "".join(
        Path(__file__).with_name(name).read_text(encoding="utf-8")
        for name in ("test_lint.py", "test_lint_house.py", "test_lint_quantities.py")
    )
    names = [name_of(rule) for rule in RULES]
    assert [name for name in names if f'"{name}"' not in tests] == []
    assert len(names) == len(set(names))
    assert all(summary(rule).endswith(".") for rule in RULES)


def test_duplicate_names_across_pages(book):
    """A claim, a figure label and a term are unique in the whole book, not in one page."""
    other = (book / CHAPTER).read_text(encoding="utf-8").replace("(early-stopping)=", "(second)=")
    (book / "book/training/second.md").write_text(other, encoding="utf-8")
    for rule, says in (("claim-name", "stands at"), ("figure-label-unique", "is used in")):
        found = check(book, [rule])
        assert [fault.path for fault in found] == ["book/training/second.md"]
        assert says in found[0].problem and CHAPTER in found[0].problem


def test_objective_count(book):
    text = (book / CHAPTER).read_text(encoding="utf-8")
    first = text.index("- Show where")
    last = text.index("- Recognise")
    (book / CHAPTER).write_text(text[:first] + text[last:], encoding="utf-8")
    assert ["1 objectives instead of 3 to 6"] == [fault.problem for fault in check(book, ["objectives"])]


def test_chapter_too_short(book):
    page = "(early-stopping)=\n# Early stopping\n\nA few words.\n"
    (book / CHAPTER).write_text(page, encoding="utf-8")
    problems = {fault.problem for fault in check(book, ["length"])}
    assert problems == {"3 words of prose, fewer than 1500", "0 code cells, fewer than 10"}


def test_empty_solution(book):
    text = (book / CHAPTER).read_text(encoding="utf-8")
    start = text.index("Smaller steps need more")
    end = text.index("```{solution-end}\n```\n\n## Further")
    (book / CHAPTER).write_text(text[:start] + text[end:], encoding="utf-8")
    assert ["the solution of 'ex-early-stopping-rate' is empty"] == [f.problem for f in check(book, ["solution"])]


def test_condition_may_be_computed_before(book):
    plant(book, CHAPTER, "claim(\n", "holds = gain.above(0)\nclaim(\n")
    plant(book, CHAPTER, CLAIM, "    holds,\n")
    assert check(book, ["claim-condition"]) == []
    plant(book, CHAPTER, "holds = gain.above(0)", "holds = True")
    assert len(check(book, ["claim-condition"])) == 1


def test_split_chapter_is_read_as_one(book):
    text = (book / CHAPTER).read_text(encoding="utf-8")
    cut = text.index("(early-stopping-worth)=")
    head = (
        "---\nfile_format: mystnb\n---\n(early-stopping-in-practice)=\n# Early stopping in practice\n\nThe measure.\n\n"
    )
    rest = text[cut:].replace('glue("loss-gain", gain.estimate, display=False)\n', "")
    (book / CHAPTER).write_text(text[:cut].replace("{glue:text}`loss-gain:.2f`", "something"), encoding="utf-8")
    (book / "book/training/early-stopping-in-practice.md").write_text(head + rest, encoding="utf-8")
    plant(book, "_toc.yml", "training/early-stopping\n", "training/early-stopping\n      - file: "
          "book/training/early-stopping-in-practice\n")  # fmt: skip
    found = [fault for fault in check(book) if fault.rule != "cell-names"]
    assert [str(fault) for fault in found] == []


def test_page_that_is_not_utf8(book):
    path = book / CHAPTER
    path.write_bytes(path.read_bytes().replace(b"## Summary", b"## Summary\n\nCaf\xe9."))
    found = check(book, ["page-syntax"])
    assert [fault.problem for fault in found] == ["the page is not UTF-8 here"]
    assert "Caf" in path.read_text(encoding="utf-8", errors="replace").splitlines()[found[0].line - 1]


def test_modulo_at_the_start_of_a_line_is_no_magic(book):
    plant(book, CHAPTER, START, cell("(\n    len([1])\n    % 2\n)"))
    assert check(book, ["cell-syntax", "cell-names"]) == []


def test_computed_glue_names_match(book):
    plant(book, CHAPTER, 'glue("loss-gain", gain', 'for name in ["loss"]: glue(f"{name}-gain", gain')
    assert check(book, ["glue"]) == []


def test_code_that_shows_roles_is_not_read_as_roles():
    page = Page.parse("book/a.md", "# A\n\nWrite `` {glue:text}`x` `` and {ref}`text <here>`, `{cite}` too.\n")
    assert [(role.name, role.target) for role in page.roles] == [("ref", "here")]


def test_nested_directives_keep_their_lines():
    text = "# A\n\n````{note}\n```{code-cell} ipython3\n:tags: [a, b]\n\nx = 1\n```\nText.\n````\n"
    page = Page.parse("book/a.md", text)
    assert page.problems == []
    assert [(cell.line, cell.tags, cell.source.strip()) for cell in page.cells] == [(4, ["a", "b"], "x = 1")]
    assert [(line.number, line.context) for line in page.prose if line.text == "Text."] == [(9, ("note",))]


def test_printed_line_says_where_what_and_what_to_do(book, capsys):
    plant(book, CHAPTER, "worth its price.", "worth half its price.")
    assert main(book) == 1
    out = capsys.readouterr().out.splitlines()
    assert out[0].startswith(f"{CHAPTER}:") and ": quantity: typed share 'half'; glue it" in out[0]
    assert out[-1].endswith("1 faults in 1 files")


def test_only_the_named_files_are_reported(book, capsys):
    plant(book, CHAPTER, "worth its price.", "worth half its price.")
    assert main(book, ["book/index.md"]) == 0
    assert main(book, [book / CHAPTER]) == 1
    assert main(book, ["book/nowhere.md"]) == 2
    assert "no file 'book/nowhere.md'" in capsys.readouterr().err


def test_rules_can_be_listed(book, capsys):
    assert main(book, list_rules=True) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(RULES)


def test_unknown_rule_is_named(book):
    with pytest.raises(ValueError, match="unknown rule spelling"):
        check(book, ["spelling"])


def test_the_book_itself_passes():
    assert [str(fault) for fault in check(ROOT)] == []
