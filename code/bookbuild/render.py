"""Turn the executed book into a site and a PDF, aside, and publish each in one step."""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

from bookbuild.paths import SITE_ZIP_NAME, Book, BookError, write_atomically

SOURCES = ("book", "code", "theme", "tests/mldev", "_config.yml", "_toc.yml", "requirements.txt", "pyproject.toml")
SETTINGS = ("BOOK_SITE_URL", "BOOK_REPOSITORY_URL", "REPLAY", "SOURCE_DATE_EPOCH", "BOOK_PDF", "BOOK_EPUB")
RENAME_EXCHANGE = 2
AT_FDCWD = -100


def digest(book: Book, product: str) -> str:
    """One hash of everything that the build of a product reads (the site also shows dates out of git's history)."""
    total = hashlib.sha256()
    for name in SOURCES:
        top = book.root / name
        for path in [top] if top.is_file() else sorted(top.rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts and not path.suffix == ".pyc":
                total.update(path.relative_to(book.root).as_posix().encode() + b"\0" + path.read_bytes())
    for name in SETTINGS:
        total.update(f"{name}={os.environ.get(name, '')}".encode())
    if product == "html":
        total.update(git_head(book).encode())
    return total.hexdigest()


def git_head(book: Book) -> str:
    """The commit that the book is at; empty outside a repository."""
    command = ["git", "rev-parse", "HEAD"]
    if not shutil.which("git"):
        return ""
    return subprocess.run(command, cwd=book.root, capture_output=True, text=True, check=False).stdout


def up_to_date(book: Book, product: str) -> bool:
    """Whether a product was made from just what is here now."""
    output = {"html": book.html / "index.html", "pdf": book.pdf, "epub": book.epub}[product]
    kept = book.build / "stamps" / product
    return output.exists() and kept.exists() and kept.read_text() == digest(book, product)


def stamp(book: Book, product: str, value: str) -> None:
    """Note from what a product was made (`value` was taken before it was made: an edit meanwhile counts as new)."""
    write_atomically(book.build / "stamps" / product, value)


def sphinx(book: Book, builder: str) -> Path:
    """Run one Sphinx builder in the staging folder, strictly. Returns the folder that it wrote."""
    from jupyter_book.config import get_final_config
    from sphinx.application import Sphinx
    from sphinx.errors import SphinxError
    from sphinx.util.docutils import docutils_namespace, patch_docutils

    toc = {"external_toc_path": (book.root / "_toc.yml").as_posix(), "nitpicky": True, "latex_individualpages": False}
    settings, _ = get_final_config(
        user_yaml=book.root / "_config.yml", cli_config=toc, sourcedir=book.root, use_external_toc=True
    )
    folder, warnings = book.stage / builder, io.StringIO()  # one per builder: MyST-NB writes pictures beside `out`
    out, trees = folder / builder, folder / "doctrees"
    with patch_docutils(None), docutils_namespace(), deep_recursion():
        try:
            app = Sphinx(
                book.root, None, out, trees, builder, settings, None, warnings, warningiserror=True, keep_going=True
            )
            app.setup_extension("sphinx_multitoc_numbering")
            app.build()
        except SphinxError as error:
            report(warnings)
            raise BookError(f"{builder}: {error}") from error
    if app.statuscode:
        count = report(warnings)
        raise BookError(f"{builder}: {count} warnings above; nothing was published")
    return out


@contextlib.contextmanager
def deep_recursion() -> Iterator[None]:
    """Deep documents need a deeper stack than Python's default (pickling doctrees recurses)."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, 10_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def report(warnings: io.StringIO) -> int:
    """Print Sphinx's warnings, each once."""
    lines = list(dict.fromkeys(re.sub(r"\x1b\[[0-9;]*m", "", warnings.getvalue()).splitlines()))
    for line in lines:
        print(line, file=sys.stderr)
    return sum("WARNING" in line or "ERROR" in line for line in lines)


@contextlib.contextmanager
def clean_stage(book: Book, name: str) -> Iterator[None]:
    """Never build upon what a killed build left: its pages look newer than their sources, and may be half written."""
    dirty = book.stage / f"{name}.unfinished"
    if dirty.exists():
        shutil.rmtree(book.stage / name, ignore_errors=True)
    write_atomically(dirty, "")
    yield
    dirty.unlink()


def publish(new: Path, live: Path) -> None:
    """Put the folder `new` in the place of `live`: a reader sees the old site or the new one."""
    if not live.exists():
        live.parent.mkdir(parents=True, exist_ok=True)
        os.rename(new, live)
        return
    if not exchange(new, live):
        old = live.with_name(f".{live.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        os.rename(live, old)
        os.rename(new, live)
        shutil.rmtree(old)
        return
    shutil.rmtree(new)


def exchange(first: Path, second: Path) -> bool:
    """Swap two folders in one step, where the system can (Linux)."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "renameat2"):
        return False
    return libc.renameat2(AT_FDCWD, os.fsencode(first), AT_FDCWD, os.fsencode(second), RENAME_EXCHANGE) == 0


def render_html(book: Book) -> Path:
    """Build the site aside. Returns its folder, for `publish_html`."""
    with clean_stage(book, "html"):
        return sphinx(book, "html")


def publish_html(book: Book, staged: Path) -> None:
    """Copy the staged site, add the PDF and the EPUB where there are any, and publish the whole."""
    fresh = book.build / ".html.new"
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(staged, fresh)
    for file in (book.pdf, book.epub):
        if file.exists():
            shutil.copy2(file, fresh / file.name)
    publish(fresh, book.html)
    zip_site(book)


def zip_site(book: Book) -> None:
    """Pack the published site for reading offline; the same site gives the same bytes."""
    target = book.build / SITE_ZIP_NAME
    aside = target.with_suffix(".part")
    with zipfile.ZipFile(aside, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
        for path in sorted(book.html.rglob("*")):
            if path.is_file():
                entry = zipfile.ZipInfo(
                    f"{SITE_ZIP_NAME.removesuffix('.zip')}/{path.relative_to(book.html).as_posix()}"
                )
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, path.read_bytes())
    os.replace(aside, target)


def missing_for_pdf() -> str | None:
    """What the PDF needs and this machine lacks, as one line."""
    from bookbuild.latex import missing_tools

    missing = missing_tools()
    if not missing:
        return None
    return f"no PDF: {', '.join(missing)} not found; on Debian or Ubuntu: apt-get install $(cat apt.txt)"


def render_pdf(book: Book) -> None:
    """Write LaTeX aside, run it, and put the PDF in place."""
    from bookbuild.latex import build_pdf

    with clean_stage(book, "latex"):
        build_pdf(book.root, sphinx(book, "latex"), book.pdf)
