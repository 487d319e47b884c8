"""Pages as notebooks, and their executed results out of jupyter-cache."""

from __future__ import annotations

import copy
import hashlib
import json
import shutil
from pathlib import Path

import nbformat
from jupyter_cache import get_cache
from jupyter_cache.base import CacheBundleIn
from jupyter_cache.cache.db import NbCacheRecord
from jupyter_cache.cache.main import JupyterCacheBase
from myst_nb.core.read import MystMetadataParsingError, read_myst_markdown_notebook
from nbformat import NotebookNode

from bookbuild.fingerprint import Inputs, inject
from bookbuild.paths import Book, BookError, write_atomically

TAGS_THAT_MATTER = {"raises-exception", "skip-execution"}


def read_page(path: Path, inputs: Inputs) -> NotebookNode:
    """Read a MyST page as a notebook that carries its fingerprint."""
    text = inject(path.read_text("utf8"), inputs)
    try:
        return read_myst_markdown_notebook(text, None, add_source_map=False, path=str(path))
    except MystMetadataParsingError as error:
        raise BookError(f"{path.relative_to(inputs.root)}: {' '.join(str(error).split())}") from error


def open_cache(book: Book) -> JupyterCacheBase:
    """The book's cache of executed notebooks; large enough never to drop one of them."""
    cache = get_cache(str(book.cache))
    cache.db  # noqa: B018  (creates the database, so that two readers do not race to do it)
    return cache


def code_key(notebook: NotebookNode) -> str:
    """What decides a notebook's results: its code and its kernel, not how its cells are shown or captioned."""
    code = [
        [cell.source, sorted(set(cell.metadata.get("tags", [])) & TAGS_THAT_MATTER)]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    return hashlib.sha256(json.dumps([notebook.metadata.kernelspec, code], sort_keys=True).encode()).hexdigest()


def cached(cache: JupyterCacheBase, notebook: NotebookNode) -> NotebookNode | None:
    """The executed form of `notebook`, or None.

    jupyter-cache's own key covers the options of the cells, captions included. A page whose options alone changed
    is found through the key of its code, and kept again under its new options.
    """
    found = matched(cache, notebook)
    index = cache.path / "code" / code_key(notebook)
    if found is None and index.exists():
        record = json.loads(index.read_text("utf8"))
        earlier = cache.path / "executed" / record["hashkey"] / "base.ipynb"
        if earlier.exists():
            found = with_outputs(notebook, nbformat.read(earlier, nbformat.NO_CONVERT))
            store(cache, found, Path(record["uri"]), record["seconds"])
    return found


def matched(cache: JupyterCacheBase, notebook: NotebookNode) -> NotebookNode | None:
    """What jupyter-cache has for a notebook. A record whose files a killed build left broken is forgotten."""
    try:
        record = cache.match_cache_notebook(notebook)
    except KeyError:
        return None
    try:
        return cache.merge_match_into_notebook(notebook)[1]
    except (KeyError, nbformat.reader.NotJSONError):
        NbCacheRecord.remove_records([record.pk], cache.db)
        return None


def with_outputs(notebook: NotebookNode, executed: NotebookNode) -> NotebookNode:
    """The notebook, with the outputs of its executed form (the same code under other cell options)."""
    merged = copy.deepcopy(notebook)
    merged.metadata["language_info"] = executed.metadata.language_info
    code = [cell for cell in merged.cells if cell.cell_type == "code"]
    for cell, done in zip(code, executed.cells, strict=True):
        cell.outputs, cell.execution_count = done.outputs, done.execution_count
    return merged


def store(cache: JupyterCacheBase, notebook: NotebookNode, path: Path, seconds: float) -> None:
    """Keep an executed notebook, findable by its code as well; what a killed build left in its place goes first."""
    shutil.rmtree(cache.path / "executed" / cache.create_hashed_notebook(notebook)[1], ignore_errors=True)
    bundle = CacheBundleIn(notebook, str(path), data={"execution_seconds": seconds})
    record = cache.cache_notebook_bundle(bundle, check_validity=False, overwrite=True)
    entry = {"hashkey": record.hashkey, "uri": str(path), "seconds": seconds}
    write_atomically(cache.path / "code" / code_key(notebook), json.dumps(entry))


def executed_pages(book: Book) -> dict[str, NotebookNode]:
    """Every page with code, executed; pages that have no result yet are left out."""
    inputs, cache = Inputs(book.root), open_cache(book)
    found = {name: cached(cache, read_page(book.source(name), inputs)) for name in book.notebooks()}
    return {name: notebook for name, notebook in found.items() if notebook is not None}
