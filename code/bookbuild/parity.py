"""The parity tests as a build step of their own, cached like a chapter.

`pytest -m parity` holds every by-hand algorithm against its library; each test records what it compared and the
largest difference it saw. A file of tests runs again only when it, or a module that it imports, changes.
"""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from functools import partial
from hashlib import sha256
from pathlib import Path

from bookbuild.collect import write_json
from bookbuild.execute import kernel_environment
from bookbuild.fingerprint import Inputs
from bookbuild.paths import Book, BookError

LEDGER, KEYS = "parity.json", "parity_keys.json"


def parity_tests(book: Book) -> list[Path]:
    """The test files that hold a parity test."""
    files = sorted((book.root / "tests" / "mldev").rglob("test_*.py"))
    return [path for path in files if re.search(r"\bmark\.parity\b", path.read_text("utf8"))]


def fingerprints(book: Book) -> dict[str, str]:
    """For each test file with a parity test, a hash of it and of all that it imports."""
    inputs, found = Inputs(book.root), {}
    for path in parity_tests(book):
        code = path.read_text("utf8")
        found[path.relative_to(book.root).as_posix()] = sha256((code + inputs.of_code(code)).encode()).hexdigest()[:16]
    return found


def read_report(path: Path) -> list[dict]:
    """The `parity` properties of a pytest report."""
    found = []
    for case in ElementTree.parse(path).iter("testcase"):
        for item in case.iter("property"):
            if item.get("name") == "parity":
                entry = ast.literal_eval(item.get("value"))
                test = f"{case.get('classname')}::{case.get('name')}"
                found.append({**entry, "test": test, "file": case.get("file")})
    return found


def kept(book: Book) -> tuple[dict[str, str], list[dict]]:
    """The fingerprints of the last run and what it recorded; nothing where either is missing or unreadable."""
    try:
        return json.loads((book.collected / KEYS).read_text("utf8")), json.loads(
            (book.collected / LEDGER).read_text("utf8")
        )
    except (FileNotFoundError, json.JSONDecodeError):
        return {}, []


def parity_step(book: Book) -> dict[str, Callable[[], None]]:
    """The parity tests as work for `execute`; nothing when what they depend on is as it was."""
    keys = fingerprints(book)
    if kept(book)[0] == keys and (book.collected / LEDGER).exists():
        return {}
    return {"parity tests": partial(run_parity, book, keys)}


def run_parity(book: Book, keys: dict[str, str]) -> None:
    """Run the parity tests of the files that changed, and keep what all of them recorded."""
    before, entries = kept(book)
    same = {path for path, key in keys.items() if before.get(path) == key}
    entries = [entry for entry in entries if entry["file"] in same]
    changed = sorted(set(keys) - same)
    if changed:
        with tempfile.TemporaryDirectory(prefix="mldev-") as folder:
            report = Path(folder) / "report.xml"
            command = [sys.executable, "-m", "pytest", "-q", "-m", "parity", "-p", "no:cacheprovider"]
            command += [f"--junitxml={report}", "-o", "junit_family=xunit1", *changed]
            environment = kernel_environment(book, "book/parity")
            result = subprocess.run(
                command, cwd=book.root, env=environment, capture_output=True, text=True, check=False
            )
            if result.returncode:
                tail = "\n".join(f"    {line}" for line in result.stdout.splitlines()[-25:])
                raise BookError(f"tests/mldev: a parity test failed (pytest -m parity)\n{tail}")
            entries += read_report(report)
    write_json(book, LEDGER, sorted(entries, key=lambda entry: (entry["algorithm"], entry["library"], entry["test"])))
    write_json(book, KEYS, keys)
