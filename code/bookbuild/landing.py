"""What the front pages need: the ways to start (`start-here`) and how to cite the book (`how-to-cite`).

Addresses of the repository and the site are known only to the build; a way that needs an unknown address is left out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bookbuild.outline import PLAN, read_outline
from bookbuild.paths import EPUB_NAME, PDF_NAME, Book
from bookbuild.site_meta import repository


class ways_to_start(nodes.General, nodes.Element):
    """Holds the place of the ways to start until the builder and the addresses are known."""


class how_to_cite(nodes.General, nodes.Element):
    """Holds the place of the citation until the site's address is known."""


@dataclass(frozen=True)
class Way:
    """One way to start: its links (docname or address, and text) and a sentence."""

    name: str
    line: str
    links: tuple[tuple[str, str], ...]


class StartHere(SphinxDirective):
    """The ways to start, as far as they exist: read, PDF, run, contribute."""

    def run(self) -> list[nodes.Node]:
        book = Book.find(self.env.srcdir)
        for name in (PLAN, "_toc.yml"):
            self.env.note_dependency(str(book.root / name))
        written = [chapter for chapter in read_outline(book).chapters.values() if chapter.pages]
        place = ways_to_start(docname=self.env.docname)
        place["first"] = (written[0].pages[0], written[0].title) if written else None
        return [place]


class HowToCite(SphinxDirective):
    """The citation of the book, as a sentence and as BibTeX, from CITATION.cff."""

    def run(self) -> list[nodes.Node]:
        path = Book.find(self.env.srcdir).root / "CITATION.cff"
        self.env.note_dependency(str(path))
        return [how_to_cite(cff=yaml.safe_load(path.read_text("utf8")))]


def citation_nodes(cff: dict, year: str, address: str) -> list[nodes.Node]:
    """The citation with the site's address, when that is known."""
    author = ", ".join(entry["name"] for entry in cff["authors"])
    sentence = nodes.paragraph("", f"{author} ({year}). ", nodes.emphasis("", cff["title"]))
    sentence += nodes.Text(f" (version {cff['version']}).")
    fields = {"title": cff["title"], "author": f"{{{author}}}", "year": year, "note": f"Version {cff['version']}"}
    if address:
        sentence += [nodes.Text(" "), nodes.reference("", address, refuri=address)]
        fields["url"] = address
    bibtex = "@book{mldev,\n" + "".join(f"  {key} = {{{value}}},\n" for key, value in fields.items()) + "}"
    return [sentence, nodes.literal_block(bibtex, bibtex, language="bibtex")]


def ways(app: Sphinx, docname: str, first: tuple[str, str] | None) -> list[Way]:
    """The ways that exist in this build."""
    code = repository(Path(app.srcdir), app.config.mldev_repository_url)
    binder = code.launch(f"{first[0]}.md") if code and first else ""
    found = []
    if first:
        links = (first, ("book/preface", "How to read it"))
        found.append(Way("Read", "Every chapter is a page of this site.", links))
    files = [(PDF_NAME, "PDF")] * app.config.mldev_pdf + [(EPUB_NAME, "EPUB")] * app.config.mldev_epub
    if files:
        line = "The whole book for paper and for reading offline, with the solutions in an appendix."
        links = tuple((f"{'../' * docname.count('/')}{name}", label) for name, label in files)
        found.append(Way("Take it with you", line, links))
    if binder:
        line = "Open the chapters as notebooks in your browser. Nothing to install."
        found.append(
            Way("Run it on Binder", line, ((binder, "Launch"), ("book/preface#run-the-book", "Run it locally")))
        )
    else:
        line = "One command makes every number and figure of the book again, on your machine."
        found.append(Way("Run it", line, (("book/preface#run-the-book", "What you need"),)))
    line = "Report a claim that does not hold, mend a passage, write a chapter."
    sources = ((code.url, "Repository"),) if code else ()
    found.append(Way("Contribute", line, (("book/back/contributing", "How to"), *sources)))
    return found


def link(app: Sphinx, docname: str, target: str, text: str) -> nodes.reference:
    """A link to a page of the book (by its name, perhaps with an anchor) or to an address."""
    page, _, anchor = target.partition("#")
    if page in app.env.found_docs:
        target = app.builder.get_relative_uri(docname, page) + (f"#{anchor}" if anchor else "")
        return nodes.reference("", "", nodes.inline("", text), refuri=target, internal=True)
    return nodes.reference("", "", nodes.inline("", text), refuri=target)


def way_item(app: Sphinx, docname: str, way: Way) -> nodes.list_item:
    title = nodes.paragraph("", "", nodes.strong("", way.name), classes=["start-title"])
    text = nodes.paragraph("", way.line, classes=["start-line"])
    links = nodes.paragraph("", "", classes=["start-links"])
    for position, (target, label) in enumerate(way.links):
        links += [nodes.Text(" "), link(app, docname, target, label)] if position else link(app, docname, target, label)
    return nodes.list_item("", title, text, links)


def fill(app: Sphinx, doctree: nodes.document, docname: str) -> None:
    """Put the ways to start and the citation in their places.

    The ways are cards on the site; the reader of a PDF or an EPUB has started, and sees nothing there.
    """
    for place in list(doctree.findall(ways_to_start)):
        found = ways(app, docname, place["first"]) if app.builder.name in ("html", "dirhtml") else []
        cards = nodes.bullet_list("", *[way_item(app, docname, way) for way in found], classes=["start-cards"])
        place.replace_self(cards if found else [])
    for place in list(doctree.findall(how_to_cite)):
        year = re.sub(r"\D", "", str(app.config.copyright))[:4]
        place.replace_self(citation_nodes(place["cff"], year, app.config.html_baseurl))


def setup(app: Sphinx) -> dict:
    app.add_node(ways_to_start)
    app.add_node(how_to_cite)
    app.add_directive("start-here", StartHere)
    app.add_directive("how-to-cite", HowToCite)
    app.connect("doctree-resolved", fill)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
