"""Which pages a change touches, in a real repository."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bookbuild.changed import changed_files, main, report
from bookbuild.paths import BookError

if TYPE_CHECKING:
    from conftest import SmallBook


def git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=Test", "-c", "user.email=test@example.org"]
    command = ["git", "-C", str(root), *identity, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def tracked(small_book: SmallBook) -> SmallBook:
    """The small book on a branch that has just left `main`."""
    git(small_book.root, "init", "-q", "-b", "main")
    git(small_book.root, "add", "-A")
    git(small_book.root, "commit", "-q", "-m", "Write a small book")
    git(small_book.root, "switch", "-q", "-c", "change")
    return small_book


def pages(book: SmallBook) -> dict[str, str]:
    lines = [line for line in report(book.root, "main").splitlines() if line.startswith("- ")]
    return {line.split("`")[1]: line.split("(")[1].rstrip(")") for line in lines}


def test_nothing_changed(tracked: SmallBook) -> None:
    assert pages(tracked) == {}
    assert "None: no page's text, code or data differs." in report(tracked.root, "main")


def test_text_touches_its_page(tracked: SmallBook) -> None:
    tracked.replace(tracked.page("two"), "# Chapter two", "# The second chapter")
    git(tracked.root, "commit", "-q", "-a", "-m", "Rename")
    assert pages(tracked) == {"book/training/two.html": "text"}


def test_uncommitted_and_new_files_count(tracked: SmallBook) -> None:
    tracked.replace(tracked.page("two"), "# Chapter two", "# The second chapter")
    (tracked.root / "book" / "new.md").write_text("# New\n")
    assert changed_files(tracked.root, "main") == {"book/training/two.md", "book/new.md"}


def test_later_commits_on_the_base_do_not_count(tracked: SmallBook) -> None:
    git(tracked.root, "switch", "-q", "main")
    tracked.replace(tracked.page("one"), "# Chapter one", "# The first chapter")
    git(tracked.root, "commit", "-q", "-a", "-m", "Rename on main")
    git(tracked.root, "switch", "-q", "change")
    tracked.replace(tracked.page("two"), "# Chapter two", "# The second chapter")
    assert set(pages(tracked)) == {"book/training/two.html"}


def test_pins_touch_every_page_with_code(tracked: SmallBook) -> None:
    path = tracked.root / "requirements.txt"
    path.write_text(path.read_text() + "# another package\n")
    assert pages(tracked) == {
        "book/training/one.html": "requirements.txt",
        "book/training/two.html": "requirements.txt",
    }


def test_shown_code_touches_the_page_that_shows_it(tracked: SmallBook) -> None:
    page = tracked.page("two")
    page.write_text(page.read_text() + "\n```{literalinclude} /code/mldev/base.py\n:language: python\n```\n")
    git(tracked.root, "commit", "-q", "-a", "-m", "Show the helper")
    git(tracked.root, "branch", "-f", "main")
    tracked.replace(tracked.module("base"), "VALUE = 3", "VALUE = 4")
    assert pages(tracked)["book/training/two.html"] == "code/mldev/base.py"


def test_theme_is_named_without_listing_every_page(tracked: SmallBook) -> None:
    style = next((tracked.root / "theme" / "static" / "css").glob("*.css"))
    style.write_text(style.read_text() + "p { color: inherit; }\n")
    assert pages(tracked) == {}
    assert f"The look or the making of every page may differ: `theme/static/css/{style.name}`." in report(
        tracked.root, "main"
    )


def test_helper_touches_the_pages_that_import_it(tracked: SmallBook) -> None:
    tracked.replace(tracked.module("base"), "VALUE = 3", "VALUE = 4")
    result = tracked.run("changed-pages", "--base", "main")
    assert result.returncode == 0, result.stderr
    assert "- `book/training/one.html` (code/mldev/base.py)" in result.stdout
    assert "two.html" not in result.stdout


def test_unknown_base_is_one_line(tracked: SmallBook) -> None:
    with pytest.raises(BookError, match="^git merge-base .*no-such-branch.*$"):
        main(tracked.root, "no-such-branch")
    result = tracked.run("changed-pages", "--base", "no-such-branch")
    assert result.returncode == 1 and len(result.stderr.strip().splitlines()) == 1
