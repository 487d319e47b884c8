"""Where a reader is in the book and where to go from here: the contents beside a page, and the page's own."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from html import escape

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.builders.html import StandaloneHTMLBuilder
from sphinx.environment import BuildEnvironment

NUMBER = re.compile(r'<span class="section-number">.*?</span>')
GENERATED = {"genindex": "Index"}


@dataclass(frozen=True)
class Entry:
    """One line of the contents."""

    docname: str
    number: str
    title: str
    children: tuple[Entry, ...] = ()


@dataclass(frozen=True)
class Part:
    """A captioned group of pages."""

    caption: str
    entries: tuple[Entry, ...]

    def holds(self, docname: str) -> bool:
        return any(docname in _docnames(entry) for entry in self.entries)


@dataclass
class Navigation:
    """The whole contents, with titles as HTML, and the order in which pages are read."""

    root: str
    parts: list[Part]
    order: list[Entry] = field(default_factory=list)

    def neighbours(self, docname: str) -> tuple[Entry | None, Entry | None]:
        names = [entry.docname for entry in self.order]
        if docname not in names:
            return None, None
        here = names.index(docname)
        before = self.order[here - 1] if here else None
        after = self.order[here + 1] if here + 1 < len(names) else None
        return before, after

    def part_of(self, docname: str) -> Part | None:
        return next((part for part in self.parts if part.holds(docname)), None)


def _docnames(entry: Entry) -> list[str]:
    return [entry.docname, *(name for child in entry.children for name in _docnames(child))]


def number_of(env: BuildEnvironment, docname: str) -> str:
    """A page's own number ("4.3"); empty where pages are not numbered."""
    return ".".join(map(str, env.toc_secnumbers.get(docname, {}).get("", ())))


def entry_of(builder: StandaloneHTMLBuilder, docname: str, title: str | None) -> Entry:
    env = builder.env
    if docname in GENERATED:
        return Entry(docname, "", escape(title or GENERATED[docname]))
    html = escape(title) if title else title_html(builder, docname)
    below = [entry for tree in toctrees(env, docname) for entry in tree["entries"]]
    children = tuple(entry_of(builder, name, text) for text, name in below if known(env, name))
    return Entry(docname, number_of(env, docname), html, children)


def title_html(builder: StandaloneHTMLBuilder, docname: str) -> str:
    """A page's title without its number, which stands in a column of its own."""
    return NUMBER.sub("", builder.render_partial(builder.env.titles[docname])["title"])


def known(env: BuildEnvironment, docname: str) -> bool:
    return docname in GENERATED or docname in env.titles


def toctrees(env: BuildEnvironment, docname: str) -> list[addnodes.toctree]:
    return list(env.get_doctree(docname).findall(addnodes.toctree))


def navigation(app: Sphinx) -> Navigation:
    """Read the contents from the tables of contents that the pages hold."""
    builder, env, root = app.builder, app.env, app.config.root_doc
    parts = []
    for tree in toctrees(env, root):
        entries = [entry_of(builder, name, text) for text, name in tree["entries"] if known(env, name)]
        parts.append(Part(tree.get("caption") or "", tuple(entries)))
    flat = [entry for part in parts for top in part.entries for entry in _flatten(top)]
    home = Entry(root, "", title_html(builder, root))
    return Navigation(root, parts, [home, *flat])


def _flatten(entry: Entry) -> list[Entry]:
    return [entry, *(line for child in entry.children for line in _flatten(child))]


def line_html(entry: Entry, here: str, builder: StandaloneHTMLBuilder) -> str:
    """One line of the contents, with those below it."""
    current = ' aria-current="page"' if entry.docname == here else ""
    uri = builder.get_relative_uri(here, entry.docname) or "#"
    number = f'<span class="number">{entry.number}</span> ' if entry.number else ""
    below = "".join(line_html(child, here, builder) for child in entry.children)
    below = f"<ul>{below}</ul>" if below else ""
    return f'<li><a href="{uri}"{current}>{number}<span>{entry.title}</span></a>{below}</li>'


def named_for_part(entry: Entry, caption: str) -> Entry:
    """A part's opener says "Overview" below the caption that already says its title."""
    return replace(entry, title="Overview") if entry.title == escape(caption) else entry


def contents_html(nav: Navigation, here: str, builder: StandaloneHTMLBuilder) -> str:
    """The contents of the book for the page `here`: its own part open, or all parts where it belongs to none."""
    home = nav.part_of(here)
    blocks = []
    for part in nav.parts:
        entries = [named_for_part(entry, part.caption) for entry in part.entries]
        lines = "".join(line_html(entry, here, builder) for entry in entries)
        if not part.caption:
            blocks.append(f"<ul>{lines}</ul>")
            continue
        opened = " open" if home in (None, part) or not home.caption else ""
        caption = f"<summary>{escape(part.caption)}</summary>"
        blocks.append(f"<details{opened}>{caption}<ul>{lines}</ul></details>")
    return "\n".join(blocks)


def page_contents(app: Sphinx, docname: str) -> str:
    """The sections of one page as a nested list; empty when it has fewer than two."""
    toc = app.env.tocs.get(docname)
    if toc is None or not toc.children:
        return ""
    inner = next((child for child in toc.children[0].children if isinstance(child, nodes.bullet_list)), None)
    if inner is None or sum(isinstance(child, nodes.list_item) for child in inner.children) < 2:
        return ""
    inner = inner.deepcopy()
    for link in inner.findall(nodes.reference):
        link["refuri"] = link["anchorname"]
    html = app.builder.render_partial(inner)["fragment"]
    return html.replace('<ul class="simple">', "<ul>").replace("<p>", "").replace("</p>", "")
