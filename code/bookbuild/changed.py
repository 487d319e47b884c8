"""Which pages of the book a change touches: `python -m bookbuild changed-pages --base COMMIT`, for reviewers."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from bookbuild.fingerprint import PINS, Inputs, code_cells, imported_names
from bookbuild.paths import Book, BookError

SHOWN = re.compile(r"\{(?:literalinclude|include)\}\s+(\S+)")
EVERYWHERE = ("theme/", "_config.yml", "code/bookbuild/")


def git(root: Path, *arguments: str) -> str:
    """What git answers; its refusal is one line that names the command."""
    result = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        last = (result.stderr.strip().splitlines() or ["no answer"])[-1]
        raise BookError(f"git {arguments[0]} {arguments[-1]}: {last}")
    return result.stdout


def changed_files(root: Path, base: str) -> set[str]:
    """The files that differ between the working tree and the commit where it left `base`."""
    fork = git(root, "merge-base", base, "HEAD").strip()
    tracked = git(root, "diff", "--name-only", "-z", fork)
    new = git(root, "ls-files", "--others", "--exclude-standard", "-z")
    return {name for name in (tracked + new).split("\0") if name}


def shown_files(root: Path, page: Path, text: str) -> set[str]:
    """The files that a page includes."""
    found = set()
    for name in SHOWN.findall(text):
        path = root / name[1:] if name.startswith("/") else page.parent / name
        found.add(path.resolve().relative_to(root.resolve()).as_posix())
    return found


def reasons(root: Path, page: Path, changed: set[str], inputs: Inputs) -> list[str]:
    """Why the text or the results of a page may differ now."""
    text = page.read_text("utf8")
    found = ["text"] if page.relative_to(root).as_posix() in changed else []
    cells = code_cells(text)
    names = {name for code in cells for name in imported_names(code)}
    used = {path.relative_to(root).as_posix() for path in inputs.files(names)}
    found += sorted((used | shown_files(root, page, text)) & changed)
    return found + ([PINS] if cells and PINS in changed else [])


def report(root: Path, base: str) -> str:
    """The pages that a change touches, as a Markdown list."""
    book, changed = Book(root), changed_files(root, base)
    inputs, lines = Inputs(root), []
    for name in book.docnames():
        why = reasons(root, book.source(name), changed, inputs) if book.source(name).exists() else []
        if why:
            lines.append(f"- `{name}.html` ({', '.join(why)})")
    lines = ["### Pages that this change touches", "", *(lines or ["None: no page's text, code or data differs."])]
    if everywhere := sorted(name for name in changed if name.startswith(EVERYWHERE)):
        lines += [
            "",
            f"The look or the making of every page may differ: {', '.join(f'`{name}`' for name in everywhere)}.",
        ]
    return "\n".join(lines) + "\n"


def main(root: Path, base: str) -> int:
    """Print the list. Paths in it are those of the built site."""
    print(report(root, base), end="")
    return 0
