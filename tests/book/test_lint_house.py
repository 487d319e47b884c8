"""The lint of folders, texts and modules: each planted fault is found by its rule, in its file and line."""

from __future__ import annotations

import runpy
import subprocess
from pathlib import Path

import pytest

from bookbuild.lint.run import check

FIXTURES = Path(__file__).parent / "fixtures"
LINT_BOOK = runpy.run_path(str(FIXTURES / "lint_book.py"))
write, put = LINT_BOOK["write"], LINT_BOOK["put"]

MODULE = "code/mldev/training/early_stopping.py"
TEST = "tests/mldev/training/test_early_stopping.py"
DOC = '"""A module."""\n\n'
NOTE = "book/preface.md"
UNFINISHED = ["TO" + "DO: write", "FIX" + "ME", "lorem " + "ipsum dolor"]


def function(lines: int, name: str = "long") -> str:
    return f"{DOC}def {name}() -> int:\n" + "    x = 1\n" * (lines - 2) + "    return x\n"


# rule, file, its new text, line of the fault, words of the report
PLANTED = [
    ("top-level", "notes.txt", "text\n", 1, "no place at the top"),
    ("top-level", "scripts/a.py", "x = 1\n", 1, "'scripts' has no place"),
    ("top-level", "figures/training/a.svg", "<svg/>\n", 1, "a drawn figure"),
    ("contents", "_toc.yml", "format: jb-book\nroot: book/index\nparts:\n  - chapters:\n    - file: book/nowhere\n", 5,
     "no file 'book/nowhere.md'"),
    ("contents", "_toc.yml", "format: jb-book\nroot: [book/index\n", 3, "not valid YAML"),
    ("contents", NOTE, "# Preface\n\nText.\n", 1, "not in _toc.yml"),
    ("packages", "code/__init__.py", DOC, 1, "breaks the import"),
    ("packages", "tests/mldev/__init__.py", DOC, 1, "breaks the import"),
    ("packages", "code/mldev/techniques/automl.py", DOC, 1, "has no __init__.py"),
    ("packages", "code/mldev/extras/tools.py", DOC, 1, "not a part of the book"),
    ("packages", "code/mldev/training/__init__.py", f"{DOC}import numpy\n", 1, "more or less than a docstring"),
    ("packages", "code/mldev/training/__init__.py", "", 1, "more or less than a docstring"),
    ("rooms", "code/mldev/training/orphan.py", DOC, 1, "a module without a chapter"),
    ("rooms", "tests/mldev/training/test_orphan.py", DOC, 1, "a test without the module 'orphan'"),
    ("rooms", "tests/mldev/training/helpers.py", DOC, 1, "not a test module"),
    ("unfinished", NOTE, f"# Preface\n\nText. {UNFINISHED[0]} it.\n", 3, "marks unfinished work"),
    ("unfinished", MODULE, f"{DOC}# {UNFINISHED[1]}\n", 3, "marks unfinished work"),
    ("unfinished", "README.md", UNFINISHED[2], 1, "marks unfinished work"),
    ("filler", NOTE, "# Preface\n\nWe delve into it.\n", 3, "'delve' says nothing"),
    ("filler", NOTE, "# Preface\n\nIt is important to note this.\n", 3, "says nothing"),
    ("filler", NOTE, "# Preface\n\nIn today's fast-moving digital world.\n", 3, "says nothing"),
    ("filler", NOTE, "# Preface\n\nI hope this helps!\n", 3, "says nothing"),
    ("filler", MODULE, '"""As an AI, this module cannot."""\n', 1, "says nothing"),
    ("dashes", NOTE, "# Preface\n\n" + "Words — more words.\n" * 4, 3, "4 em dashes"),
    ("absolute-path", NOTE, "# Preface\n\nOpen /home/ann/book.\n", 3, "/home/ann/book."),
    ("absolute-path", "Makefile", "book:\n\tcd /work/book\n", 2, "/work/book"),
    ("absolute-path", MODULE, f"{DOC}PLACE = 'C:\\\\Users'\n", 3, "C:"),
    ("registry-address", "README.md", "See https://pypi.org/project/numpy.\n", 1, "pypi.org"),
    ("registry-address", "requirements.txt", "--extra-index-url https://download.pytorch.org/whl/cpu\n", 1, "pytorch"),
    ("registry-address", "README.md", "pip install --index-url https://download.pytorch.org/whl/cu124\n", 1, "pytorch"),
    ("unfilled", NOTE, "# Preface\n\n% fill: the opening\n", 3, "still to fill: the opening"),
    ("unfilled", MODULE, f"{DOC}# fill: the method\n", 3, "still to fill: the method"),
    ("module-syntax", MODULE, f"{DOC}def f(:\n", 3, "syntax error"),
    ("module-syntax", TEST, "x = = 1\n", 1, "syntax error"),
    ("module-size", MODULE, DOC + "x = 1\n" * 399, 1, "401 lines, more than 400"),
    ("module-size", "code/bookbuild/paths.py", function(41), 3, "function 'long' has 41 lines"),
    ("prints", MODULE, f"{DOC}print(1)\n", 3, "a print"),
    ("swallowed", MODULE, f"{DOC}try:\n    x = 1\nexcept:\n    x = 2\n", 5, "a bare except"),
    ("swallowed", MODULE, f"{DOC}try:\n    x = 1\nexcept Exception:\n    pass\n", 5, "drops the error"),
    ("swallowed", MODULE, f"{DOC}try:\n    x = 1\nexcept Exception:\n    x = None\n", 5, "drops the error"),
    ("swallowed", MODULE, f"{DOC}with contextlib.suppress(Exception):\n    x = 1\n", 3, "every error is suppressed"),
    ("swallowed", TEST, f"{DOC}for x in y:\n    try:\n        x()\n    except Exception:\n        continue\n", 6,
     "drops the error"),
    ("typed", MODULE, f"{DOC}def f(x) -> int:\n    return x\n", 3, "without types: x"),
    ("typed", MODULE, f"{DOC}def f(x: int):\n    return x\n", 3, "does not say what it returns"),
    ("typed", MODULE, f"{DOC}class A:\n    def f(self, *, x) -> int:\n        return x\n", 4, "without types: x"),
    ("docstrings", MODULE, "x = 1\n", 1, "no docstring"),
    ("import-direction", MODULE, f"{DOC}from bookbuild import paths\n", 3, "mldev imports bookbuild.paths"),
    ("import-direction", "code/bookbuild/paths.py", f"{DOC}import mldev.claims\n", 3, "bookbuild imports mldev.claims"),
]  # fmt: skip

# rule, file and text that it must leave alone
FINE = [
    ("top-level", ".gitignore", "_build\n"),
    ("top-level", ".github/workflows/build.yml", "on: push\n"),
    ("packages", "code/mldev/training/studies/early_stopping.csv", "# made by\n"),
    ("packages", "tests/mldev/training/conftest.py", DOC),
    ("rooms", "code/mldev/training/early_stopping_rules.py", DOC),
    ("rooms", "tests/mldev/training/test_early_stopping_rules.py", DOC),
    ("rooms", "tests/mldev/training/conftest.py", DOC),
    ("unfinished", NOTE, "# Preface\n\nTodos los santos; a to-do list.\n"),
    ("filler", NOTE, "# Preface\n\nAn AI team. As a language model, it has few parameters.\n"),
    ("dashes", NOTE, "# Preface\n\nWords — more — words.\n"),
    ("absolute-path", NOTE, "# Preface\n\nSee https://example.org/home/page and ~/work/book, {doc}`/book/index`.\n"),
    ("absolute-path", MODULE, f"{DOC}PAGE = '/code/mldev/training/early_stopping.py'\n"),
    ("registry-address", "README.md", "pip install --index-url https://download.pytorch.org/whl/cpu torch\n"),
    ("registry-address", ".binder/requirements.txt", "--extra-index-url https://download.pytorch.org/whl/cpu\n"),
    ("registry-address", "theme/static/vendor/a.js", "// https://cdn.jsdelivr.net/a\n"),
    ("module-size", MODULE, DOC + "x = 1\n" * 398),
    ("module-size", "code/bookbuild/paths.py", function(40)),
    ("prints", "code/bookbuild/paths.py", f"{DOC}print(1)\n"),
    ("swallowed", MODULE, f"{DOC}try:\n    x = 1\nexcept ValueError:\n    pass\n"),
    ("swallowed", MODULE, f"{DOC}try:\n    x = 1\nexcept Exception as error:\n    raise OSError from error\n"),
    ("swallowed", MODULE, f"{DOC}try:\n    x = 1\nexcept Exception as error:\n    x = str(error)\n"),
    ("swallowed", MODULE, f"{DOC}with contextlib.suppress(OSError):\n    x = 1\n"),
    ("typed", MODULE, f"{DOC}def _f(x):\n    def g(y):\n        return y\n    return g(x)\n"),
    ("typed", MODULE, f"{DOC}class A:\n    def __init__(self, x: int):\n        self.x = x\n"),
    ("unseeded", MODULE, f"{DOC}import numpy as np\n\n\nENTROPY = np.random.SeedSequence()\n"),
]


@pytest.fixture
def book(tmp_path):
    return write(tmp_path / "book")


@pytest.mark.parametrize(("rule", "path", "text", "line", "says"), PLANTED)
def test_planted_fault_is_found(book, rule, path, text, line, says):
    put(book / path, text)
    found = [fault for fault in check(book, [rule]) if says in fault.problem]
    assert [(fault.rule, fault.path, fault.line) for fault in found] == [(rule, path, line)]
    assert "\n" not in str(found[0]) and found[0].remedy


@pytest.mark.parametrize(("rule", "path", "text"), FINE)
def test_what_is_allowed_is_left_alone(book, rule, path, text):
    put(book / path, text)
    assert [str(fault) for fault in check(book, [rule])] == []


@pytest.mark.parametrize("name", ["README.md", "book/references.bib", ".ci/run", "apt.txt"])
def test_missing_file_of_the_design(book, name):
    (book / name).unlink()
    assert [f"{name}:1: top-level: this file is missing; write it"] == [str(f) for f in check(book, ["top-level"])]


@pytest.mark.parametrize(
    ("name", "says"),
    [(MODULE, "has no module; write code/mldev/training/early_stopping.py"), (TEST, f"has no test; write {TEST}")],
)
def test_chapter_without_a_room(book, name, says):
    (book / name).unlink()
    found = [str(fault) for fault in check(book, ["rooms"])]
    assert found == [f"book/training/early-stopping.md:1: rooms: chapter 'early-stopping' {says}"]


def test_missing_chapter_leaves_its_other_rooms(book):
    (book / "book/training/early-stopping.md").unlink()
    assert [fault.path for fault in check(book, ["rooms"])] == [MODULE]
    assert [fault.line for fault in check(book, ["contents"])] == [8]


def test_shared_module_of_a_part_is_used_by_another(book):
    put(book / "code/mldev/training/schedules.py", DOC)
    assert [fault.path for fault in check(book, ["rooms"])] == ["code/mldev/training/schedules.py"]
    put(book / MODULE, f"{DOC}from mldev.training import schedules\n")
    assert check(book, ["rooms"]) == []


def test_other_part_may_be_imported_where_the_page_says_so(book):
    put(book / "code/mldev/data/__init__.py", '"""The data part."""\n')
    put(book / "code/mldev/data/features.py", f"{DOC}from mldev.training.early_stopping import descend\n")
    put(book / "book/data/features.md", "(features)=\n# Features\n\nText.\n")
    found = check(book, ["foreign-chapter"])
    assert [(f.path, f.line) for f in found] == [("code/mldev/data/features.py", 3)]
    assert found[0].problem == "part 'data' imports chapter 'training/early-stopping'"
    put(book / "book/data/features.md", "# Features\n\nThe loop is as\nbuilt in {ref}`early-stopping`.\n")
    assert check(book, ["foreign-chapter"]) == []


def test_foreign_chapter_in_a_cell(book):
    page = "# Features\n\n```{code-cell} ipython3\nfrom mldev.training.early_stopping import descend\n```\n"
    put(book / "book/data/features.md", page)
    assert [(f.path, f.line) for f in check(book, ["foreign-chapter"])] == [("book/data/features.md", 4)]


def test_a_broken_file_stops_no_other_rule(book):
    """A page, a module and a table of contents that cannot be read give one line each, and the run goes on."""
    put(book / "_toc.yml", "root: [\n")
    put(book / MODULE, "def f(:\n")
    page = book / "book/training/early-stopping.md"
    put(page, page.read_text(encoding="utf-8").replace("X = X / 16", "X = ("))
    found = {fault.rule: str(fault) for fault in check(book)}
    assert found["contents"].startswith("_toc.yml:")
    assert found["module-syntax"].startswith(f"{MODULE}:1: module-syntax: syntax error")
    assert found["cell-syntax"].startswith("book/training/early-stopping.md:53: cell-syntax: syntax error in the cell")
    assert all("\n" not in line for line in found.values())


def test_files_that_git_ignores_are_not_read(book):
    put(book / ".gitignore", "drafts/\n")
    put(book / "drafts/a.md", f"# Draft\n\n{UNFINISHED[0]}\n")
    assert {fault.rule for fault in check(book, ["unfinished", "top-level"])} == {"unfinished", "top-level"}
    subprocess.run(["git", "init", "-q", str(book)], check=True)
    assert check(book, ["unfinished", "top-level"]) == []
