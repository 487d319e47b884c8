"""What an EPUB's pages do without: folded parts, tabs, boxes to tick, and drawings that only browsers forgive."""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms import SphinxPostTransform

HIDDEN_INPUT = ("all", "input", "input+output")
REPEATED = frozenset({"proof-content", "exercise-content", "solution-content"})  # ids that directives give each time


class EpubPages(SphinxPostTransform):
    """Unfold what the site folds, before the site's own transforms make scripts' work of it."""

    default_priority = 150

    def run(self, **kwargs: object) -> None:
        if self.app.builder.name == "epub":
            unfold(self.document)


def unfold(tree: nodes.Element) -> None:
    """Make a page of plain paragraphs, boxes and figures of `tree`."""
    for cell in list(tree.findall(lambda n: isinstance(n, nodes.container) and "hide_mode" in n)):
        mode = cell.attributes.pop("hide_mode")
        for child in list(cell.children):
            if mode in HIDDEN_INPUT and child.get("nb_element") == "cell_code_source":
                cell.remove(child)
    for raw in list(tree.findall(nodes.raw)):
        if "html" in raw.get("format", "") and 'type="checkbox"' in raw.astext():
            raw.replace_self(nodes.Text(tick(raw.astext())))
    for section in tree.findall(nodes.section):
        section["ids"] = [name for name in section["ids"] if name not in REPEATED]
    for box in list(tree.findall(nodes.container)):
        component = box.get("design_component")
        if component == "dropdown":
            box.replace_self(admonition(box))
        elif component == "tab-set":
            box.replace_self([tab(item) for item in box.children])


def tick(html: str) -> str:
    """A box to tick, as a character."""
    return "☑ " if "checked" in html else "☐ "


def admonition(box: nodes.Element) -> nodes.admonition:
    """A folded part as a box under its title."""
    title = [child for child in box.children if isinstance(child, nodes.rubric)][:1]
    head = nodes.title("", "", *(title[0].children if title else []))
    body = [child for child in box.children if child not in title]
    return nodes.admonition(
        "", head, *body, classes=["unfolded"], ids=[*box["ids"], *(title[0]["ids"] if title else [])]
    )


def tab(item: nodes.Element) -> nodes.admonition:
    """One tab as a box under its label."""
    labels = [child for child in item.children if isinstance(child, nodes.rubric)]
    body = [node for child in item.children if child not in labels for node in child.children]
    head = nodes.title("", "", *(node for label in labels for node in label.children))
    return nodes.admonition("", head, *body, classes=["unfolded"], ids=item["ids"])


def strict(name: str, data: bytes) -> bytes:
    """A file as the EPUB's rules want it."""
    if name.endswith(".svg"):
        return strict_svg(data.decode()).encode()
    return data


def strict_svg(svg: str) -> str:
    """A drawing without document type, empty paths and names that are given twice."""
    svg = re.sub(r"<!DOCTYPE[^>]*>\s*", "", svg)
    svg = re.sub(r"<path(?![^>]*\sd=)([^>]*?)(/?)>", r'<path d=""\1\2>', svg)
    seen: set[str] = set()

    def once(match: re.Match) -> str:
        again = match[1] in seen
        seen.add(match[1])
        return "" if again else match[0]

    return re.sub(r'\sid="([^"]*)"', once, svg)


def without_scripts(app: Sphinx, tree: nodes.document, docname: str) -> None:
    """Take out what extensions add to every page for browsers to run."""
    if app.builder.name == "epub":
        for raw in list(tree.findall(nodes.raw)):
            if "<script" in raw.astext():
                raw.parent.remove(raw)


def setup(app: Sphinx) -> None:
    app.add_post_transform(EpubPages)
    app.connect("doctree-resolved", without_scripts, priority=950)
