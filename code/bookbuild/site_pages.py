"""Pages that no source stands behind: the site's own root, the page for a wrong address, and maps for machines."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder

from bookbuild.paths import write_atomically

GENERATED = ("index", "search", "genindex", "404")
ADDRESS = re.compile(r'(\s(?:href|src|action|data-root)=")([^"#][^"]*)"')


def extra_pages(app: Sphinx) -> Iterator[tuple[str, dict, str]]:
    """The page that a server shows for a wrong address."""
    if app.builder.name != "epub":
        yield "404", {"title": "Page not found"}, "404.html"


def moved(html: str, folder: str) -> str:
    """A page of `folder` as it must read one level higher: every relative address is turned."""

    def turn(match: re.Match) -> str:
        address = match.group(2)
        parts = urlsplit(address)
        if parts.scheme or parts.netloc or address.startswith("/"):
            return match.group()
        path = posixpath.normpath(posixpath.join(folder, parts.path))
        slash = "/" if parts.path.endswith("/") else ""
        rest = address[len(parts.path) :]
        return f'{match.group(1)}{path}{slash}{rest}"'

    return ADDRESS.sub(turn, html)


def write_root(outdir: Path, root: str) -> None:
    """Let the site open with its landing page, whatever folder that page's source lies in."""
    page = outdir / f"{root}.html"
    if root == "index" or not page.exists():
        return
    html = moved(page.read_text("utf8"), posixpath.dirname(root)).replace(" data-pagefind-body", "", 1)
    write_atomically(outdir / "index.html", html)


def remove_stale(app: Sphinx) -> None:
    """Remove the pages and pictures whose sources are gone, so that the site is what a clean build gives."""
    out = Path(app.outdir)
    pages = {*app.env.all_docs, *GENERATED}
    for path in sorted(out.rglob("*.html")):
        if path.relative_to(out).with_suffix("").as_posix() not in pages:
            path.unlink()
    shown = {name for _, name in app.env.images.values()}
    for path in sorted((out / "_images").glob("*")):
        if path.name not in shown:
            path.unlink()


def write_maps(outdir: Path, base: str, docnames: list[str], builder: StandaloneHTMLBuilder) -> None:
    """`sitemap.xml` when the site's address is known, and `robots.txt` that points at it."""
    rules = "User-agent: *\nAllow: /\n"
    if base:
        first, *others = docnames
        uris = ["", *(builder.get_target_uri(name) for name in others)]
        lines = "".join(f"<url><loc>{escape(base + uri)}</loc></url>\n" for uri in uris)
        head = '<?xml version="1.0" encoding="UTF-8"?>\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        write_atomically(outdir / "sitemap.xml", f"{head}{lines}</urlset>\n")
        rules += f"Sitemap: {base}sitemap.xml\n"
    else:
        (outdir / "sitemap.xml").unlink(missing_ok=True)
    write_atomically(outdir / "robots.txt", rules)
