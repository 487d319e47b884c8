"""The skeleton of a chapter: three files and an entry in the contents, all or nothing; filled, it passes the lint."""

from __future__ import annotations

import os
import re
import runpy
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from bookbuild.lint.run import check
from bookbuild.paths import BookError
from bookbuild.scaffold import TITLES, create, insert

FIXTURES = Path(__file__).parent / "fixtures"
LINT_BOOK = runpy.run_path(str(FIXTURES / "lint_book.py"))
write, fill = LINT_BOOK["write"], LINT_BOOK["fill"]
FILES = [
    "book/training/early-stopping.md",
    "code/mldev/training/early_stopping.py",
    "tests/mldev/training/test_early_stopping.py",
]


@pytest.fixture
def book(tmp_path):
    return write(tmp_path / "book", chapter=False)


def snapshot(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() if path.is_file() else "" for path in root.rglob("*")}


def test_three_files_and_an_entry(book):
    assert check(book) == []
    assert [str(path) for path in create(book, "training", "early-stopping")] == [*FILES, "_toc.yml"]
    chapters = yaml.safe_load((book / "_toc.yml").read_text())["parts"][0]["chapters"]
    assert chapters == [{"file": "book/training/index", "sections": [{"file": "book/training/early-stopping"}]}]
    assert not list(book.glob(".chapter-*"))


def test_what_remains_to_be_filled(book):
    create(book, "training", "early-stopping")
    page, module, test = FILES
    found = check(book)
    others = sorted((fault.path, fault.rule, fault.problem) for fault in found if fault.rule != "unfilled")
    assert others == [
        (page, "closing-sections", "'Further reading' has 0 cited works, not 3-8"),
        (page, "closing-sections", "'Summary' has 0 sentences, not 3-6"),
        (page, "exercise-count", "0 exercises in the chapter"),
        (page, "length", "0 code cells, fewer than 10"),
        (page, "length", "0 words of prose, fewer than 1500"),
        (page, "no-claims", "chapter 'early-stopping' claims nothing"),
        (page, "objectives", "0 objectives instead of 3 to 6"),
        (page, "opening", "no paragraph between the title and the objectives"),
    ]
    unfilled = [fault.path for fault in found if fault.rule == "unfilled"]
    assert {path: unfilled.count(path) for path in FILES} == {page: 9, module: 1, test: 1}
    for fault in found:
        if fault.rule == "unfilled":
            assert "fill:" in (book / fault.path).read_text().splitlines()[fault.line - 1]


def test_filled_skeleton_passes(book):
    create(book, "training", "early-stopping")
    skeleton = (book / FILES[0]).read_text()
    fill(book)
    (book / "book/index.md").write_text("# A small book\n\nIt holds a chapter.\n")
    assert [str(fault) for fault in check(book)] == []
    kept = [line for line in skeleton.splitlines() if line.startswith(("#", "("))]
    filled = (book / FILES[0]).read_text().splitlines()
    places = [filled.index(line) for line in kept]
    assert places == sorted(places)


def test_test_of_the_skeleton_passes_and_can_fail(book):
    create(book, "training", "early-stopping")

    def outcome() -> int:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib", FILES[2]]
        environment = {**os.environ, "PYTHONPATH": str(book / "code")}
        return subprocess.run(command, cwd=book, env=environment, capture_output=True, check=False).returncode

    assert outcome() == 0
    module = book / FILES[1]
    module.write_text(module.read_text().replace("training/early-stopping", "another chapter"))
    assert outcome() == 1


def test_skeleton_names_title_and_prerequisites_of_the_outline(book):
    (book / "book/outline.yml").write_text(
        "parts:\n- name: training\n  chapters:\n"
        "  - {path: training/early-stopping, title: When to stop, after: [training/index, data/missing]}\n"
    )
    create(book, "training", "early-stopping")
    page = (book / FILES[0]).read_text()
    assert "# When to stop\n" in page
    assert "```{run-line}\n{doc}`/book/training/index`\n```" in page


def test_part_without_folder_gets_its_package(book):
    written = [str(path) for path in create(book, "evaluation", "metrics")]
    assert "code/mldev/evaluation/__init__.py" in written
    assert {fault.rule for fault in check(book)}.isdisjoint({"packages", "rooms", "contents", "top-level"})
    captions = [part["caption"] for part in yaml.safe_load((book / "_toc.yml").read_text())["parts"]]
    assert captions == [TITLES["training"], TITLES["evaluation"], "Back matter"]


@pytest.mark.parametrize(
    ("part", "name", "says"),
    [
        ("trainings", "early-stopping", "there is no part 'trainings': the parts are introduction"),
        ("", "early-stopping", "there is no part ''"),
        ("training", "Early Stopping", "'Early Stopping' cannot name a chapter"),
        ("training", "early_stopping", "cannot name a chapter"),
        ("training", "../escape", "cannot name a chapter"),
        ("training", "", "'' cannot name a chapter"),
        ("training", "index", "cannot name a chapter"),
        ("training", "lambda", "cannot name a chapter"),
    ],
)
def test_bad_part_or_name_is_refused_in_one_line(book, part, name, says):
    before = snapshot(book)
    with pytest.raises(BookError, match=re.escape(says)) as refusal:
        create(book, part, name)
    assert "\n" not in str(refusal.value)
    assert snapshot(book) == before


@pytest.mark.parametrize("existing", FILES)
def test_existing_file_is_never_overwritten(book, existing):
    (book / existing).parent.mkdir(parents=True, exist_ok=True)
    (book / existing).write_text("kept\n")
    before = snapshot(book)
    with pytest.raises(BookError, match=f"{existing} exists already"):
        create(book, "training", "early-stopping")
    assert snapshot(book) == before


@pytest.mark.parametrize("name", ["early-stopping-rules", "early"])
def test_name_that_another_chapter_would_swallow(book, name):
    create(book, "training", "early-stopping")
    with pytest.raises(BookError, match="would be read as one chapter"):
        create(book, "training", name)


@pytest.mark.parametrize("failing", [1, 2, 3])
def test_failure_half_way_leaves_nothing(book, monkeypatch, failing):
    before, calls, link = snapshot(book), [], os.link

    def full(source, target):
        calls.append(target)
        if len(calls) == failing:
            raise OSError(28, "No space left on device")
        link(source, target)

    monkeypatch.setattr(os, "link", full)
    with pytest.raises(BookError, match="No space left on device.*nothing was written"):
        create(book, "training", "early-stopping")
    assert len(calls) == failing
    assert snapshot(book) == before


def test_failure_at_the_contents_leaves_nothing(book, monkeypatch):
    before = snapshot(book)

    def full(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(BookError, match="nothing was written"):
        create(book, "evaluation", "metrics")
    assert snapshot(book) == before


def test_no_book(tmp_path):
    with pytest.raises(BookError, match="there is no _toc.yml"):
        create(tmp_path, "training", "early-stopping")


FLAT = "root: book/index\nparts:\n  - caption: T\n    chapters:\n      - file: book/training/b\n"
NESTED = FLAT.replace("training/b\n", "training/index\n        sections:\n          - file: book/training/b\n")
ORDER = ["training/a", "training/b", "training/c"]


@pytest.mark.parametrize("toc", [FLAT, NESTED])
@pytest.mark.parametrize(("name", "expected"), [("a", ["a", "b"]), ("c", ["b", "c"]), ("x", ["b", "x"])])
def test_place_in_the_contents(toc, name, expected):
    changed = insert(toc, "training", name, ORDER)
    chapters = yaml.safe_load(changed)["parts"][0]["chapters"]
    listed = chapters[0]["sections"] if "sections" in chapters[0] else chapters
    assert [entry["file"] for entry in listed] == [f"book/training/{letter}" for letter in expected]


def test_pages_of_a_split_chapter_stay_together():
    toc = FLAT + "      - file: book/training/b-in-practice\n"
    listed = re.findall(r"training/(\S+)", insert(toc, "training", "c", ORDER))
    assert listed == ["b", "b-in-practice", "c"]
    assert re.findall(r"training/(\S+)", insert(toc, "training", "a", ORDER)) == ["a", "b", "b-in-practice"]
