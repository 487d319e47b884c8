"""Pages as notebooks, and their executed results out of jupyter-cache."""

from __future__ import annotations

from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.cache.db import NbCacheRecord
from jupyter_cache.cache.main import JupyterCacheBase
from myst_nb.core.read import read_myst_markdown_notebook
from nbformat import NotebookNode

from bookbuild.fingerprint import Inputs, inject
from bookbuild.paths import Book


def read_page(path: Path, inputs: Inputs) -> NotebookNode:
    """Read a MyST page as a notebook that carries its fingerprint."""
    text = inject(path.read_text("utf8"), inputs)
    return read_myst_markdown_notebook(text, None, add_source_map=False, path=str(path))


def open_cache(book: Book) -> JupyterCacheBase:
    """The book's cache of executed notebooks; large enough never to drop one of them."""
    cache = get_cache(str(book.cache))
    cache.db  # noqa: B018  (creates the database, so that two readers do not race to do it)
    return cache


def cached(cache: JupyterCacheBase, notebook: NotebookNode) -> NotebookNode | None:
    """The executed form of `notebook`, or None. A record whose files are gone (a killed build) is forgotten."""
    try:
        record = cache.match_cache_notebook(notebook)
    except KeyError:
        return None
    try:
        return cache.merge_match_into_notebook(notebook)[1]
    except (KeyError, ValueError, nbformat.reader.NotJSONError):
        NbCacheRecord.remove_records([record.pk], cache.db)
        return None


def store(cache: JupyterCacheBase, notebook: NotebookNode, path: Path, seconds: float) -> None:
    """Keep an executed notebook."""
    bundle = CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds})
    cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)


def executed_pages(book: Book) -> dict[str, NotebookNode]:
    """Every page with code, executed; pages that have no result yet are left out."""
    inputs, cache = Inputs(book.root), open_cache(book)
    found = {name: cached(cache, read_page(book.source(name), inputs)) for name in book.notebooks()}
    return {name: notebook for name, notebook in found.items() if notebook is not None}
