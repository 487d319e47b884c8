"""How the book is built: incremental, strict, parallel, safe to kill, and clear about faults."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its name."""
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_only_what_changed_is_executed(small_book):
    assert small_book.executed(small_book.build()) == {"one", "two"}
    assert "up to date" in small_book.build()

    # prose, captions and settings of the page run nothing again, and are rendered
    small_book.replace(small_book.page("one"), "The helper gives", "Our helper gives")
    small_book.replace(small_book.page("one"), "rises to the value", "climbs to the value")
    assert small_book.executed(small_book.build()) == set()
    assert "Our helper gives" in small_book.html("one")
    assert "climbs to the value" in small_book.html("one")

    # a helper's helper re-runs exactly the chapter that imports it, and its new value is shown
    base = small_book.module("base")
    small_book.replace(base, "VALUE = 3", "VALUE = 41")
    assert small_book.executed(small_book.build()) == {"one"}
    assert "gives 41" in small_book.html("one")
    assert "the value is 41" in (small_book.root / "_build/html/book/back/ledgers.html").read_text("utf8")

    # going back finds the old result in the cache
    small_book.replace(base, "VALUE = 41", "VALUE = 3")
    assert small_book.executed(small_book.build()) == set()
    assert "gives 3" in small_book.html("one")

    # a pin re-runs every chapter
    pins = small_book.root / "requirements.txt"
    pins.write_text(pins.read_text("utf8") + "# one more pin\n")
    assert small_book.executed(small_book.build()) == {"one", "two"}


def test_figures_are_redrawn_from_the_cache_and_stale_ones_removed(small_book):
    small_book.build()
    figure = small_book.root / "figures/training/one/fig-one.svg"
    first = figure.read_bytes()
    stale = small_book.root / "figures/training/gone/fig-old.svg"
    stale.parent.mkdir()
    stale.write_text("<svg/>")
    figure.unlink()
    small_book.replace(small_book.page("two"), "The helper gives", "Something gives")
    assert small_book.executed(small_book.build()) == set()
    assert figure.read_bytes() == first
    assert not stale.parent.exists()


def test_a_failing_cell_stops_the_build_and_leaves_the_last_good_site(small_book):
    small_book.build()
    before = tree(small_book.root / "_build/html")
    small_book.replace(small_book.page("one"), "value = answer()", "value = answer() / 0")
    result = small_book.run("html")
    assert result.returncode == 1
    assert "book/training/one.md: cell 2 of 4 failed: ZeroDivisionError: division by zero" in result.stderr
    assert "value = answer() / 0" in result.stderr
    assert "Traceback" not in result.stderr.split("  the error:")[0]
    assert tree(small_book.root / "_build/html") == before


def test_a_false_claim_fails_the_build(small_book):
    small_book.replace(small_book.page("two"), "math.factorial(3)", "-math.factorial(3)")
    result = small_book.run("html")
    assert result.returncode == 1
    assert "two-positive" in result.stderr and "the value is -6" in result.stderr
    assert not (small_book.root / "_build/html").exists()


def test_two_builds_at_once_wait_for_each_other(small_book):
    builds = [
        subprocess.Popen(
            small_book.command("html"),
            cwd=small_book.root,
            env=small_book.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [build.communicate(timeout=300)[0] for build in builds]
    assert [build.returncode for build in builds] == [0, 0], outputs
    assert sum("another build of this book is running" in output for output in outputs) == 1
    assert sorted(len(small_book.executed(output)) for output in outputs) == [0, 2]


@pytest.mark.parametrize("moments", [3])
def test_a_killed_build_leaves_nothing_half_written(small_book, moments):
    """A few kills here; `python tests/book/kill_harness.py` does as many as you like."""
    sys.path.insert(0, str(Path(__file__).parent))
    from kill_harness import survive

    report = survive(small_book, kills=moments, seed=0)
    assert report.wrong == [] and report.kills == moments


def test_two_clean_builds_are_identical(small_book):
    small_book.build()
    first = tree(small_book.root / "_build/html")
    figures = tree(small_book.root / "figures")
    timings = small_book.root.parent / "timings"
    shutil.copytree(small_book.root / "_build/timings", timings)
    other = small_book.root.parent / "another folder"
    shutil.copytree(small_book.root, other, ignore=shutil.ignore_patterns("_build", "figures"))
    second = type(small_book)(other)
    second.build(REPLAY=str(timings))
    different = [n for n, content in tree(other / "_build/html").items() if first.get(n) != content]
    assert different == []
    assert tree(other / "_build/html").keys() == first.keys()
    assert tree(other / "figures") == figures


def test_time_and_memory_are_recorded_and_shown(small_book):
    small_book.build()
    run = json.loads((small_book.root / "_build/timings/training/one.run.json").read_text("utf8"))
    assert len(run["cells"]) == 4 and run["cpu"] > 0 and 20 < run["memory_mib"] < run["budget_mib"]
    ledger = (small_book.root / "_build/html/book/back/ledgers.html").read_text("utf8")
    assert f"{run['memory_mib']:.0f} ({run['budget_mib']:.0f})" in ledger


def test_over_twice_the_budget_fails(small_book):
    small_book.replace(small_book.page("two"), "value = math", "hog = b'x' * (3200 << 20)\nvalue = math")
    result = small_book.run("execute")
    assert result.returncode == 1
    assert "book/training/two.md" in result.stderr and "over twice its budget" in result.stderr


PARITY = """\
import math

import pytest

from mldev.training.one import answer


@pytest.mark.parity
def test_answer(record_property):
    difference = abs(answer() - math.sqrt(9))
    record_property(
        "parity",
        {
            "algorithm": "The answer",
            "library": "math",
            "version": "of Python",
            "kind": "numbers",
            "tolerance": 1e-9,
            "difference": difference,
        },
    )
    assert difference <= 1e-9
"""


OTHER_PARITY = """\
from pathlib import Path

import pytest


@pytest.mark.parity
def test_other(record_property):
    with Path("ran").open("a") as file:
        file.write("x")
    record_property("parity", {"algorithm": "Another", "library": "math", "version": "1", "kind": "numbers",
                               "tolerance": 1e-9, "difference": 0.0})
"""


def test_parity_tests_are_a_cached_step_and_fill_their_ledger(small_book):
    tests = small_book.root / "tests/mldev"
    tests.mkdir(parents=True)
    (tests / "test_one.py").write_text(PARITY)
    (tests / "test_two.py").write_text(OTHER_PARITY)
    small_book.build()
    assert "The answer" in (small_book.root / "_build/html/book/back/ledgers.html").read_text("utf8")
    kept = small_book.root / "_build/collected/parity_keys.json"
    first = kept.stat().st_mtime_ns
    small_book.replace(small_book.page("one"), "The helper gives", "It gives")
    small_book.build()
    assert kept.stat().st_mtime_ns == first

    (tests / "test_one.py").write_text(PARITY.replace("The answer", "Our answer"))
    small_book.build()
    ledger = (small_book.root / "_build/html/book/back/ledgers.html").read_text("utf8")
    assert "Our answer" in ledger and "The answer" not in ledger and "Another" in ledger
    assert (small_book.root / "ran").read_text() == "x"  # the other file of tests ran once

    small_book.replace(small_book.module("base"), "VALUE = 3", "VALUE = 4")
    result = small_book.run("html")
    assert result.returncode == 1
    assert "a parity test failed" in result.stderr and "difference <= 1e-9" in result.stderr


FAULTS = {
    "a cell that warns": (
        lambda book: book.replace(
            book.page("two"), "value = math", "__import__('warnings').warn('beware')\nvalue = math"
        ),
        "book/training/two.md: cell 2 of 4 wrote on its error stream",
    ),
    "a cell that does not parse": (
        lambda book: book.replace(book.page("one"), "value = answer()", "value = answer("),
        "book/training/one.md: cell 2 of 4, line 1: '(' was never closed: value = answer(",
    ),
    "cell options that are not YAML": (
        lambda book: book.replace(book.page("one"), 'caption: "A line', "caption: A: line"),
        "book/training/one.md: Code cell",
    ),
    "a page that is missing": (
        lambda book: book.page("two").unlink(),
        "_toc.yml: names 'book/training/two', but book/training/two.md does not exist",
    ),
    "a table of contents that is not YAML": (
        lambda book: (book.root / "_toc.yml").write_text("root: [unclosed"),
        "_toc.yml: not valid YAML",
    ),
    "a reference that leads nowhere": (
        lambda book: book.replace(book.page("one"), "{numref}`fig-one`", "{numref}`fig-none`"),
        "one.md",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_input_gets_one_line_that_says_what_and_where(small_book, fault):
    spoil, expected = FAULTS[fault]
    spoil(small_book)
    result = small_book.run("html")
    assert result.returncode == 1
    assert expected in result.stderr
    assert "Traceback" not in result.stderr
    assert not (small_book.root / "_build/html").exists()


def test_an_unknown_dataset_gets_one_line(small_book):
    shutil.copytree(ROOT / "code/mldev", small_book.root / "code/mldev", dirs_exist_ok=True)
    small_book.replace(
        small_book.page("two"), "value = math", 'from mldev.datasets import load\nload("digitz")\nvalue = math'
    )
    result = small_book.run("execute")
    assert result.returncode == 1
    first = result.stderr.splitlines()[0]
    assert "book/training/two.md: cell 2 of 4 failed: UnknownDataset" in result.stderr, first
    assert "digits" in result.stderr


def test_without_tex_the_site_is_built_and_one_line_says_what_is_missing(small_book):
    tools = small_book.root.parent / "bin"
    tools.mkdir()
    for name in ("git", "env"):
        (tools / name).symlink_to(shutil.which(name))
    result = small_book.run("book", PATH=str(tools))
    assert result.returncode == 1
    lines = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(lines) == 1 and "no PDF" in lines[0] and "apt.txt" in lines[0]
    assert "Chapter one" in small_book.html("one")


FULL_DISK = """
set -e
mkdir -p "$1"; mount -t tmpfs -o size="$3" none "$1"; cp -r "$2"/. "$1"; cd "$1"
dd if=/dev/zero of=filler bs=64k 2>/dev/null || true
code=0; "$4" -m bookbuild html || code=$?
rm filler
diff -r "$2/_build/html" _build/html
"$4" -m bookbuild html >&2
exit $code
"""


def test_a_full_disk_gets_one_line_and_loses_nothing(small_book, tmp_path):
    """The book on a small file system of its own, filled to the last block; then some space is freed."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("mounting a small file system needs root")
    small_book.build()
    used = sum(len(content) for content in tree(small_book.root).values())
    small_book.replace(small_book.page("one"), "value = answer()", "value = answer() + 1")
    folder = tmp_path / "full"
    size = f"{(used >> 20) * 3 + 40}m"
    result = subprocess.run(
        ["unshare", "-m", "bash", "-c", FULL_DISK, "bash", str(folder), str(small_book.root), size, sys.executable],
        env={**small_book.environment, "PYTHONPATH": str(folder / "code")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 1, result.stdout + result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("error:")]
    assert len(errors) == 1 and "the disk is full" in errors[0], result.stderr


def test_the_wrong_python_gets_one_line(tmp_path):
    for name in ("Makefile", "requirements.txt", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path / name)
    fake = tmp_path / "old-python"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 && exit 0\nexit 1\n')
    fake.chmod(0o755)
    command = ["make", "env", f"PYTHON={fake}"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode != 0
    lines = [line for line in result.stderr.splitlines() if not line.startswith("make")]
    assert len(lines) == 1 and "needs Python 3.11" in lines[0] and "Python 3.9.2" in lines[0]
    assert not (tmp_path / ".venv").exists()


def test_the_interrupt_key_is_answered_in_one_line(small_book):
    begun = small_book.root.parent / "begun"
    wait = f"import pathlib, time; pathlib.Path({str(begun)!r}).touch(); time.sleep(300)"
    small_book.replace(small_book.page("one"), "value = answer()", f"{wait}\nvalue = answer()")
    build = subprocess.Popen(
        small_book.command("html"),
        cwd=small_book.root,
        env=small_book.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores the key
    )
    until = time.monotonic() + 120
    while not begun.exists() and build.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    build.send_signal(signal.SIGINT)
    _, errors = build.communicate(timeout=60)
    assert build.returncode == 130
    assert "stopped; the next build goes on from here" in errors
    assert "Traceback" not in errors
    small_book.replace(small_book.page("one"), wait, "")
    small_book.build()
