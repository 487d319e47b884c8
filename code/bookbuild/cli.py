"""The build's own command line: `python -m bookbuild COMMAND`. The Makefile calls nothing else."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bookbuild.lock import build_lock
from bookbuild.paths import Book, BookError


def prepare(book: Book, pages: list[str] | None = None) -> None:
    """Execute what changed, run the parity tests beside it if they changed, and collect."""
    from bookbuild.collect import collect
    from bookbuild.execute import execute
    from bookbuild.parity import parity_step

    done = execute(book, pages, also=parity_step(book))
    claims = collect(book)
    print(f"executed {len(done)} pages; {sum(claim['holds'] is True for claim in claims)} claims hold", flush=True)


def command_execute(book: Book, options: argparse.Namespace) -> int:
    prepare(book, [book.docname(page) for page in options.pages] or None)
    return 0


def command_html(book: Book, options: argparse.Namespace) -> int:
    from bookbuild.render import digest, publish_html, render_html, stamp, up_to_date

    os.environ["BOOK_PDF"] = "1" if book.pdf.exists() else ""
    os.environ["BOOK_EPUB"] = "1" if book.epub.exists() else ""
    if up_to_date(book, "html"):
        print("html: up to date")
        return 0
    value = digest(book, "html")
    prepare(book)
    os.environ["BOOK_PREPARED"] = "1"
    publish_html(book, render_html(book))
    stamp(book, "html", value)
    print(f"html: {book.html.relative_to(book.root)}/index.html")
    return 0


def command_pdf(book: Book, options: argparse.Namespace) -> int:
    from bookbuild.render import digest, missing_for_pdf, render_pdf, stamp, up_to_date

    os.environ["BOOK_PDF"] = os.environ["BOOK_EPUB"] = "1"
    if up_to_date(book, "pdf"):
        print("pdf: up to date")
        return 0
    missing, value = missing_for_pdf(), digest(book, "pdf")
    if missing:
        raise BookError(missing)
    if not os.environ.get("BOOK_PREPARED"):
        prepare(book)
        os.environ["BOOK_PREPARED"] = "1"
    render_pdf(book)
    stamp(book, "pdf", value)
    print(f"pdf: {book.pdf.relative_to(book.root)}")
    return 0


def command_epub(book: Book, options: argparse.Namespace) -> int:
    from bookbuild.epub import build_epub
    from bookbuild.render import digest, stamp, up_to_date

    os.environ["BOOK_PDF"] = os.environ["BOOK_EPUB"] = "1"
    if up_to_date(book, "epub"):
        print("epub: up to date")
        return 0
    value = digest(book, "epub")
    if not os.environ.get("BOOK_PREPARED"):
        prepare(book)
        os.environ["BOOK_PREPARED"] = "1"
    build_epub(book.root, book.epub)
    stamp(book, "epub", value)
    print(f"epub: {book.epub.relative_to(book.root)}")
    return 0


def command_book(book: Book, options: argparse.Namespace) -> int:
    """Site, PDF and EPUB, rendered side by side; the site is published when all are right."""
    from bookbuild.render import digest, missing_for_pdf, publish_html, render_html, stamp, up_to_date

    missing = missing_for_pdf()
    os.environ["BOOK_PDF"] = "" if missing else "1"
    os.environ["BOOK_EPUB"] = "1"
    if all(up_to_date(book, product) for product in ("html", "pdf", "epub")):
        print("the book is up to date")
        return 0
    value = digest(book, "html")
    prepare(book)
    os.environ["BOOK_PREPARED"] = "1"
    command = [sys.executable, "-m", "bookbuild", "pdf", "--unlocked"]
    printing = None if missing else subprocess.Popen(command, cwd=book.root)
    try:
        command_epub(book, options)
        staged = render_html(book)
        if printing and printing.wait():
            raise BookError("the PDF failed (above): the site was left as it was")
    finally:
        if printing and printing.poll() is None:
            printing.terminate()
            printing.wait()
    publish_html(book, staged)
    stamp(book, "html", value)
    print(f"html: {book.html.relative_to(book.root)}/index.html")
    if missing:
        raise BookError(missing)
    return 0


def command_check(book: Book, options: argparse.Namespace) -> int:
    from bookbuild.lint.run import main as lint

    return lint(book.root, [Path(name) for name in options.pages], list_rules=options.rules)


def command_chapter(book: Book, options: argparse.Namespace) -> int:
    from bookbuild.scaffold import create

    for path in create(book.root, options.part, options.name):
        print(f"wrote {path}")
    return 0


def command_study(book: Book, options: argparse.Namespace) -> int:
    """Run a chapter's long studies in the book's environment; `mldev` knows how."""
    module = "mldev." + options.name.replace("/", ".").replace("-", "_")
    code = (
        "import importlib, sys\n"
        f"module = importlib.import_module({module!r})\n"
        "studies = getattr(module, 'STUDIES', None)\n"
        f"if not studies: sys.exit({module!r} + ': has no STUDIES')\n"
        "for name, study in studies.items(): print(study.write())\n"
    )
    return subprocess.run([sys.executable, "-c", code], cwd=book.root, check=False).returncode


def command_changed(book: Book, options: argparse.Namespace) -> int:
    from bookbuild.changed import main as changed

    return changed(book.root, options.base)


def command_system(book: Book, options: argparse.Namespace) -> int:
    from bookbuild.system import install

    return install(book)


def command_binder_check(book: Book, options: argparse.Namespace) -> int:
    from bookbuild.binder import binder_check

    return binder_check(book, options.page, options.keep)


def command_serve(book: Book, options: argparse.Namespace) -> int:
    from bookbuild.serve import serve

    return serve(book, options.port)


def command_clean(book: Book, options: argparse.Namespace) -> int:
    """Remove everything that a build made."""
    shutil.rmtree(book.build, ignore_errors=True)
    for path in book.figures.iterdir() if book.figures.exists() else []:
        if path.is_dir():
            shutil.rmtree(path)
    return 0


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m bookbuild", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    def add(name: str, run: Callable, text: str, locked: bool = False) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text)
        sub.set_defaults(run=run, locked=locked)
        return sub

    execute = add("execute", command_execute, "execute the pages whose inputs changed, and collect", locked=True)
    execute.add_argument("pages", nargs="*", help="only these pages")
    add("html", command_html, "execute and build the site", locked=True)
    pdf = add("pdf", command_pdf, "execute and build the PDF", locked=True)
    pdf.add_argument("--unlocked", dest="locked", action="store_false", help="the caller holds the build lock")
    add("epub", command_epub, "execute and build the EPUB", locked=True)
    add("book", command_book, "execute, build the site, the PDF and the EPUB", locked=True)
    check = add("check", command_check, "check the sources: the book's lint")
    check.add_argument("pages", nargs="*", help="only these files")
    check.add_argument("--rules", action="store_true", help="list the rules")
    chapter = add("chapter", command_chapter, "write the three files of a new chapter")
    chapter.add_argument("part")
    chapter.add_argument("name")
    study = add("study", command_study, "run a chapter's long studies and keep their rows")
    study.add_argument("name", help="part/chapter")
    changed = add("changed-pages", command_changed, "list the pages that changed since a commit")
    changed.add_argument("--base", required=True)
    add("system", command_system, "install the system packages of apt.txt where that needs no password")
    binder = add("binder-check", command_binder_check, "do what Binder does, and run every page with code there")
    binder.add_argument("--page", action="append", default=[], help="only this page (may be repeated)")
    binder.add_argument(
        "--keep", action="store_true", help="keep the environment for the next check, and use a kept one"
    )
    serve = add("serve", command_serve, "serve the site, rebuilt and reloaded at every change")
    serve.add_argument("--port", type=int, default=8000)
    add("clean", command_clean, "remove everything that a build made", locked=True)
    return top


DISK_FULL = "the disk is full: free some space and run the same command again; nothing was lost"


def disk_is_full(error: BaseException | None) -> bool:
    """Whether a full disk is behind an error, however deep."""
    while error is not None:
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            return True
        if "disk is full" in str(error) or "No space left on device" in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False


def main(arguments: list[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        book = Book.find()
        with build_lock(book) if options.locked else contextlib.nullcontext():
            return options.run(book, options)
    except KeyboardInterrupt:
        print("stopped; the next build goes on from here", file=sys.stderr)
        return 130
    except Exception as error:
        if not isinstance(error, BookError) and not disk_is_full(error):
            raise
        print(f"error: {DISK_FULL if disk_is_full(error) else error}", file=sys.stderr)
    return 1
