"""The search index: Pagefind reads the finished pages; without Pagefind, Sphinx's own search stays."""

from __future__ import annotations

import hashlib
import importlib.util
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import SphinxError

from bookbuild.paths import write_atomically

INDEX = "pagefind"
LISTS = ("book/back/bibliography.html", "book/glossary.html")  # they name everything: found, but after the chapters
SPHINX_FILES = {"documentation_options.js", "doctools.js", "sphinx_highlight.js", "searchtools.js", "language_data.js"}
USED = ("pagefind.js", "pagefind-entry.json", "wasm.en.pagefind")
USED_KINDS = (".pf_meta", ".pf_index", ".pf_fragment")
HEADING = re.compile(r"<(h[1-3])\b")
CODE = re.compile(r"<pre\b.*?</pre>", re.S)
NAME = re.compile(r"([.(\[{=,:@])((?:<[^>]*>)*)(?=[A-Za-z_])")
IGNORED = (".katex", ".headerlink", ".eqno", ".linenos", ".copy", "details.hide > summary", ".table-scroll.wide")


class SearchError(SphinxError):
    """Pagefind could not index the site."""

    category = "Search error"


def available() -> bool:
    return importlib.util.find_spec("pagefind_bin") is not None or importlib.util.find_spec("pagefind") is not None


def pages_digest(outdir: Path) -> str:
    """One hash of all pages: the index is built anew only when it differs."""
    total = hashlib.sha256(Path(__file__).read_bytes())
    for path in sorted(outdir.rglob("*.html")):
        total.update(path.relative_to(outdir).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def readable(html: str) -> str:
    """A page as the index should read it: names in code are words, headings say best what a page is about."""
    html = HEADING.sub(r'<\1 data-pagefind-weight="10"', html)
    return CODE.sub(lambda code: NAME.sub(r"\1\2 ", code.group()), html)


def build_index(outdir: Path) -> None:
    """Index every page that says `data-pagefind-body`, aside, then put the index in place.

    Raises
    ------
    SearchError
        When Pagefind fails; its last line is the message.
    """
    aside = outdir / f".{INDEX}.new"
    shutil.rmtree(aside, ignore_errors=True)
    with tempfile.TemporaryDirectory() as copies:
        for path in sorted(outdir.rglob("*.html")):
            html = path.read_text("utf8")
            if path.relative_to(outdir).as_posix() in LISTS:
                html = html.replace("data-pagefind-body", 'data-pagefind-body data-pagefind-weight="0.1"')
            if "data-pagefind-body" in html:
                write_atomically(Path(copies, path.relative_to(outdir)), readable(html))
        command = [sys.executable, "-m", "pagefind", "--site", copies, "--output-path", str(aside)]
        command += ["--exclude-selectors", ", ".join(IGNORED), "--force-language", "en", "--quiet"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or not (aside / "pagefind.js").exists():
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
        raise SearchError(f"Pagefind: {last[0]}")
    for path in sorted(aside.rglob("*")):
        if path.is_file() and path.name not in USED and path.suffix not in USED_KINDS:
            path.unlink()
    shutil.rmtree(outdir / INDEX, ignore_errors=True)
    aside.rename(outdir / INDEX)


def choose(app: Sphinx) -> None:
    """Keep Sphinx from building an index of its own where Pagefind builds a better one; the search page stays."""
    app.mldev_pagefind = available()
    if app.builder.name == "html" and app.mldev_pagefind:
        app.builder.search = False
        app.config.html_additional_pages["search"] = "search.html"


def page_context(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: object) -> None:
    if "page" in context:
        context["page"]["pagefind"] = app.mldev_pagefind


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Index the finished site."""
    if exception is not None or app.builder.name != "html" or not app.mldev_pagefind:
        return
    out = Path(app.outdir)
    stamp, digest = Path(app.doctreedir) / "pagefind.digest", pages_digest(out)
    if (out / INDEX / "pagefind.js").exists() and stamp.exists() and stamp.read_text() == digest:
        return
    build_index(out)
    stamp.write_text(digest)


def setup(app: Sphinx) -> dict:
    app.connect("builder-inited", choose)
    app.connect("html-page-context", page_context, priority=950)
    app.connect("build-finished", finish, priority=900)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
