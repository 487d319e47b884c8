"""What a chapter's results depend on, as one short hash.

jupyter-cache knows a notebook by its code cells and its kernel's name. Results also depend on the modules that the
cells import, directly or not, on the data kept beside those modules, on the pinned packages and on Python itself.
`inject` puts a hash of all of these into the kernel's metadata, so that the cache's own key covers them.
"""

from __future__ import annotations

import ast
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = "mldev"
PINS = "requirements.txt"
CELL = re.compile(r"^(`{3,}|:{3,})\{code-cell\}[^\n]*\n(.*?)^\1\s*$", re.S | re.M)
OPTIONS = re.compile(r"\A(?:---\n.*?^---\n|(?::[\w-]+:[^\n]*\n)+)", re.S | re.M)
MAGIC = re.compile(r"^\s*[%!]")


def code_cells(text: str) -> list[str]:
    """The code of each code cell of a page, without the cell's options."""
    return [OPTIONS.sub("", match.group(2)) for match in CELL.finditer(text)]


def imported_names(code: str, package: str = "") -> Iterator[str]:
    """Every module that a piece of code may import; `from a import b` names both `a` and `a.b`.

    `package` is where the code itself lives, for imports relative to it.
    """
    plain = "\n".join("pass" if MAGIC.match(line) else line for line in code.splitlines())
    for node in ast.walk(ast.parse(plain)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)


class Inputs:
    """The helper modules, data and pins of one book, each read once per build."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._imports: dict[Path, list[str]] = {}

    def source(self, name: str) -> Path | None:
        """The file of a module of `mldev`; None for any other name."""
        if name.split(".")[0] != PACKAGE:
            return None
        path = self.root / "code" / Path(*name.split("."))
        found = [file for file in (path / "__init__.py", path.with_suffix(".py")) if file.exists()]
        return found[0] if found else None

    def sources(self, names: Iterable[str]) -> list[Path]:
        """The files of the named modules, of the packages around them, and of all that these import in turn."""
        todo, found = list(names), set()
        while todo:
            name = todo.pop()
            path = self.source(name)
            if path and path not in found:
                found.add(path)
                todo += [name.rpartition(".")[0], *self.imports(path, name)]
        return sorted(found)

    def imports(self, path: Path, name: str) -> list[str]:
        if path not in self._imports:
            package = name if path.name == "__init__.py" else name.rpartition(".")[0]
            self._imports[path] = list(imported_names(path.read_text("utf8"), package))
        return self._imports[path]

    def files(self, names: Iterable[str]) -> list[Path]:
        """The sources that the named modules bring in, and the study data kept for each of them."""
        files = self.sources(names)
        for path in list(files):
            for stem in (path.stem, path.stem.replace("_", "-")):
                files += sorted((path.parent / "studies").glob(f"{stem}*"))
        return list(dict.fromkeys(files))

    def of_code(self, code: str) -> str:
        """The fingerprint of everything outside a piece of code that its results depend on."""
        digest = hashlib.sha256(sys.version.encode())
        for path in [*self.files(imported_names(code)), self.root / PINS]:
            digest.update(path.relative_to(self.root).as_posix().encode() + b"\0")
            digest.update(path.read_bytes() if path.exists() else b"")
        return digest.hexdigest()[:16]

    def of_page(self, text: str) -> str:
        """The fingerprint of a page; a cell that does not parse is left for the kernel to report."""
        parts = []
        for code in code_cells(text):
            try:
                list(imported_names(code))
            except SyntaxError:
                continue
            parts.append(code)
        return self.of_code("\n".join(parts))


def inject(text: str, inputs: Inputs) -> str:
    """Put the page's fingerprint into its kernel's metadata; other pages come back as they are."""
    head, _, body = text[4:].partition("\n---\n") if text.startswith("---\n") else ("", "", "")
    if not re.search(r"^kernelspec:", head, re.M):
        return text
    value = inputs.of_page(text)
    head = re.sub(r"^kernelspec: *\{", f"kernelspec: {{fingerprint: '{value}', ", head, count=1, flags=re.M)
    head = re.sub(r"^kernelspec: *$", f"kernelspec:\n  fingerprint: '{value}'", head, count=1, flags=re.M)
    return f"---\n{head}\n---\n{body}"


def jcache_reader(uri: str) -> object:
    """Read a page as jupyter-cache sees it (its entry point `mldev_md`)."""
    from bookbuild.notebooks import read_page
    from bookbuild.paths import Book

    book = Book.find(Path(uri).parent)
    return read_page(Path(uri), Inputs(book.root))
