"""The Sphinx extension of the book: everything that the build does inside Sphinx starts here.

A plain `jupyter-book build .` therefore gives the same site as `make html`: before any page is read, the pages whose
inputs changed are executed in parallel and their figures and claims collected.
"""

from __future__ import annotations

import hashlib
import importlib
import os
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError

from bookbuild.collect import collect, collected
from bookbuild.execute import execute, source_date_epoch
from bookbuild.fingerprint import Inputs, inject
from bookbuild.parity import parity_step
from bookbuild.paths import Book, BookError

PARTS = (
    "bookbuild.claims_view",
    "bookbuild.ledgers",
    "bookbuild.chapter_parts",
    "bookbuild.given",
    "bookbuild.outcomes",
    "bookbuild.numbers",
    "bookbuild.maths",
    "bookbuild.charts",
    "bookbuild.site",
    "bookbuild.search",
    "bookbuild.export",
    "bookbuild.tables",
    "bookbuild.latex",
)


def prepare(app: Sphinx) -> None:
    """Execute what changed and collect the results, before Sphinx reads a page."""
    os.environ.setdefault("SOURCE_DATE_EPOCH", source_date_epoch())
    book = Book.find(app.srcdir)
    try:
        if not os.environ.get("BOOK_PREPARED"):
            execute(book, also=parity_step(book))
            collect(book)
    except BookError as error:
        raise ExtensionError(str(error)) from error
    app.mldev_inputs = Inputs(book.root)


def read_source(app: Sphinx, docname: str, source: list[str]) -> None:
    """Give the page the fingerprint under which its results were kept."""
    source[0] = inject(source[0], app.mldev_inputs)


def outdated(app: Sphinx, env: BuildEnvironment, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """The pages to read again though their text is as it was: their helpers, data or pins changed."""
    texts = {name: Book(Book.find(app.srcdir).root).source(name) for name in env.found_docs}
    new = {name: app.mldev_inputs.of_page(path.read_text("utf8")) for name, path in texts.items() if path.exists()}
    old = getattr(env, "mldev_fingerprints", {})
    env.mldev_fingerprints = new
    claims: dict[str, list] = {}
    for claim in collected(Book.find(app.srcdir), "claims"):
        claims.setdefault(claim["docname"], []).append(claim)
    env.mldev_claims = claims
    return [name for name, value in new.items() if name in old and old[name] != value]


def own_version() -> str:
    """A hash of the build's own code: pages that an earlier form of it read are read again."""
    sources = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()


def setup(app: Sphinx) -> dict:
    for name in ("pdf", "epub"):
        app.add_config_value(f"mldev_{name}", bool(os.environ.get(f"BOOK_{name.upper()}")), "html", bool)
    app.connect("builder-inited", prepare, priority=100)
    app.connect("source-read", read_source)
    app.connect("env-get-outdated", outdated)
    for part in PARTS:
        importlib.import_module(part).setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": own_version()}
