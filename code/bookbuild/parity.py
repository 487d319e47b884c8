"""The parity tests as a build step of their own, cached like a chapter.

`pytest -m parity` holds every by-hand algorithm against its library; each test records what it compared and the
largest difference it saw. The step runs again only when those tests, or the modules they import, change.
"""

from __future__ import annotations

import ast
import hashlib
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import partial
from pathlib import Path

from bookbuild.collect import write_json
from bookbuild.execute import kernel_environment
from bookbuild.fingerprint import Inputs
from bookbuild.paths import Book, BookError, write_atomically


def parity_tests(book: Book) -> list[Path]:
    """The test files that hold a parity test."""
    files = sorted((book.root / "tests" / "mldev").rglob("test_*.py"))
    return [path for path in files if re.search(r"\bmark\.parity\b", path.read_text("utf8"))]


def fingerprint(book: Book, tests: list[Path]) -> str:
    inputs, digest = Inputs(book.root), hashlib.sha256()
    for path in tests:
        code = path.read_text("utf8")
        digest.update(code.encode() + inputs.of_code(code).encode())
    return digest.hexdigest()[:16]


def read_report(path: Path) -> list[dict]:
    """The `parity` properties of a pytest report."""
    found = []
    for case in ElementTree.parse(path).iter("testcase"):
        for item in case.iter("property"):
            if item.get("name") == "parity":
                entry = ast.literal_eval(item.get("value"))
                found.append({**entry, "test": f"{case.get('classname')}::{case.get('name')}"})
    return sorted(found, key=lambda entry: (entry["algorithm"], entry["library"], entry["test"]))


def parity_step(book: Book) -> dict[str, Callable[[], None]]:
    """The parity tests as work for `execute`; nothing when what they depend on is as it was."""
    tests = parity_tests(book)
    stamp, key = book.collected / "parity.key", fingerprint(book, tests)
    if stamp.exists() and stamp.read_text() == key and (book.collected / "parity.json").exists():
        return {}
    return {"parity tests": partial(run_parity, book, tests, key)}


def run_parity(book: Book, tests: list[Path], key: str) -> None:
    """Run the parity tests, and keep what they recorded under the key of what they depend on."""
    entries: list[dict] = []
    if tests:
        with tempfile.TemporaryDirectory(prefix="mldev-") as folder:
            report = Path(folder) / "report.xml"
            command = [sys.executable, "-m", "pytest", "-q", "-m", "parity", "-p", "no:cacheprovider"]
            command += [f"--junitxml={report}", "-o", "junit_family=xunit1", *map(str, tests)]
            environment = kernel_environment(book, "book/parity")
            result = subprocess.run(
                command, cwd=book.root, env=environment, capture_output=True, text=True, check=False
            )
            if result.returncode:
                tail = "\n".join(f"    {line}" for line in result.stdout.splitlines()[-25:])
                raise BookError(f"tests/mldev: a parity test failed (pytest -m parity)\n{tail}")
            entries = read_report(report)
    write_json(book, "parity.json", entries)
    write_atomically(book.collected / "parity.key", key)
