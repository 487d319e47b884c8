"""From the pages of the site to the chapters of a printed book.

Sphinx joins all pages in one tree before it writes LaTeX. Here that tree becomes a book: parts with their openers, the
same chapter, figure, table, equation and exercise numbers as on the site, cells as input and output, solutions in an
appendix, and the bibliography on its own page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from docutils import nodes
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import texescape
from sphinx.writers.latex import LaTeXTranslator
from sphinx_exercise.nodes import exercise_latex_number_reference, solution_node

from bookbuild import latex_boxes as boxes
from bookbuild.epub_pages import tick
from bookbuild.latex_boxes import print_group
from bookbuild.latex_maths import number_equations

SOLUTIONS = "Solutions to the exercises"
CODE_WIDTH = 84  # characters of a line of code
SHORT_CODE, LONG_CODE_START = 11, 5  # lines
VERBATIM = (nodes.literal_block, nodes.math, nodes.math_block, nodes.raw, nodes.comment)
LONG_WORD = re.compile(r"\S{16,}")
JOINT = re.compile(r"[_./\\=&?,:(\[{@-]+(?=.)|[a-z0-9](?=[A-Z])")


@dataclass(frozen=True)
class Part:
    """One part of the table of contents: its caption, its pages, whether its chapters carry numbers."""

    caption: str
    docnames: tuple[str, ...]
    numbered: bool


def tex(text: str) -> nodes.raw:
    return nodes.raw("", text, format="latex")


def escaped(text: str) -> str:
    return texescape.escape(text, "xelatex")


def parts_of(env: BuildEnvironment) -> list[Part]:
    """The parts as the table of contents gives them."""
    root = env.get_doctree(env.config.root_doc)
    return [
        Part(tree.get("caption") or "", tuple(tree["includefiles"]), bool(tree.get("numbered")))
        for tree in root.findall(addnodes.toctree)
    ]


def pages(tree: nodes.Element) -> dict[str, addnodes.start_of_file]:
    """Every page in the tree by its name, in reading order."""
    return {page["docname"]: page for page in tree.findall(addnodes.start_of_file)}


def page_of(node: nodes.Node) -> str:
    """The name of the page that holds a node."""
    while node is not None:
        if isinstance(node, addnodes.start_of_file):
            return node["docname"]
        node = node.parent
    return ""


def dotted(number: tuple[int, ...]) -> str:
    return ".".join(map(str, number))


def adopt(node: nodes.Element) -> None:
    """Let every child know its parent: Sphinx leaves the pages' children pointing at the trees they came from."""
    for child in node.children:
        child.parent = node
        if isinstance(child, nodes.Element):
            adopt(child)


class BookTree:
    """One run over the joined tree."""

    def __init__(self, app: Sphinx, tree: nodes.document) -> None:
        self.env, self.tree = app.env, tree
        self.std = app.env.get_domain("std")

    def arrange(self) -> None:
        """Make a book of the tree."""
        adopt(self.tree)
        boxes.theorems(self.tree, self.number)
        boxes.exercises(self.tree)
        boxes.claims(self.tree)
        boxes.design(self.tree)
        boxes.admonitions(self.tree)
        cells(self.tree)
        tidy(self.tree)
        soften(self.tree)
        keep_code(self.tree)
        self.numbered_nodes()
        number_equations(self.tree, self.number)
        self.number_references()
        self.bibliography()
        self.chapters()
        self.solutions()

    def number(self, node: nodes.Element, kind: str) -> str:
        """The number that the site gives a node, as '4.2'; empty when it has none."""
        known = self.env.toc_fignumbers.get(page_of(node), {}).get(kind, {})
        return next((dotted(known[name]) for name in node["ids"] if name in known), "")

    def numbered_nodes(self) -> None:
        """Give figures, tables and listings the site's numbers instead of LaTeX's own counting."""
        counters = {"figure": "figure", "table": "table", "code-block": "literalblock"}
        for node in list(self.tree.findall(nodes.Element)):
            kind = self.std.get_enumerable_node_type(node)
            number = self.number(node, kind) if kind in counters else ""
            if number:
                first = node
                while first.parent.index(first) and isinstance(
                    first.parent[first.parent.index(first) - 1], nodes.target
                ):
                    first = first.parent[first.parent.index(first) - 1]
                first.parent.insert(first.parent.index(first), tex(f"\\booknumber{{{counters[kind]}}}{{{number}}}%\n"))

    def number_references(self) -> None:
        """References by number already hold the site's number: keep their words, and link them."""
        for node in list(self.tree.findall(addnodes.number_reference)):
            uri = node.get("refuri") or f"%{page_of(node)}#{node['refid']}"
            words = node.astext()
            if isinstance(node, exercise_latex_number_reference):
                uri = f"%{self.env.sphinx_exercise_registry[node['refid']]['docname']}#{node['refid']}"
            elif uri.startswith("%") and not any(c.isdigit() for c in words):
                words = self.section_number(node, uri)
            node.replace_self(nodes.reference("", words, refuri=uri, internal=True))

    def section_number(self, node: nodes.Element, uri: str) -> str:
        docname, _, anchor = uri[1:].partition("#")
        numbers = self.env.toc_secnumbers.get(docname, {})
        page = pages(self.tree).get(docname, self.tree)
        names = next((each["ids"] for each in page.findall(nodes.section) if anchor in each["ids"]), [])
        number = dotted(next((numbers[f"#{name}"] for name in names if f"#{name}" in numbers), numbers.get("") or ()))
        return node.get("title", "%s").replace("%s", number).strip() or docname

    def chapters(self) -> None:
        """Set the pages one after the other, under their parts, numbered as on the site."""
        known, before = pages(self.tree), []
        holder = next(iter(known.values())).parent if known else self.tree
        for page in known.values():
            page.parent.remove(page)
        for part in parts_of(self.env):
            opener = known.get(part.docnames[0]) if part.docnames else None
            names = [name for top in part.docnames for name in below(self.env, top) if name in known]
            if part.numbered and len(names) > 0:
                before += self.part_page(part, opener, names)
                if opener is not None and self.is_opener(part, names):
                    names.remove(part.docnames[0])
            elif names:
                before.append(tex("\\bookunnumberedpart\n"))
            before += [child for name in names for child in self.chapter(known[name])]
        holder.extend(before)

    def is_opener(self, part: Part, names: list[str]) -> bool:
        """Whether a part's first page introduces it: it holds the others, or carries no number."""
        first = part.docnames[0]
        return len(part.docnames) == 1 or first.endswith("/index") or not self.chapter_number(first)

    def chapter_number(self, docname: str) -> str:
        return dotted(self.env.toc_secnumbers.get(docname, {}).get("") or ())

    def part_page(self, part: Part, opener: addnodes.start_of_file | None, names: list[str]) -> Iterator[nodes.Node]:
        """The page on which a part opens, with the text of its opener."""
        number = self.chapter_number(part.docnames[0]) if part.docnames else ""
        yield tex(f"\n\\bookpart{{{number}}}{{{escaped(part.caption)}}}\n")
        if opener is None or not self.is_opener(part, names):
            return
        section = opener.next_node(nodes.section)
        if section is not None:
            labels = [nodes.target("", "", ids=list(section["ids"]))]
            body = [child for child in section.children if not isinstance(child, nodes.title)]
            index = section.parent.index(section)
            section.parent.children[index : index + 1] = []
            opener.extend([*labels, print_group("", *body, environment="bookopener")])
        yield opener

    def chapter(self, page: addnodes.start_of_file) -> Iterator[nodes.Node]:
        number = self.chapter_number(page["docname"])
        yield tex(f"\n\\bookchapter{{{number}}}\n" if number else "\n\\bookunnumbered\n")
        yield page

    def bibliography(self) -> None:
        """Bring the entries back to the page that lists them."""
        for listing in list(self.tree.findall(lambda n: n.tagname == "thebibliography")):
            listing.parent.remove(listing)
            for entry in list(listing.children):
                page = pages(self.tree)[entry["docname"]]
                section = page.next_node(nodes.section)
                if not (section.children and section.children[-1].get("environment") == "bookbibliography"):
                    section += print_group("", environment="bookbibliography")
                body = [child for child in entry.children if not isinstance(child, nodes.label)]
                target = nodes.target("", "", ids=list(entry["ids"]))
                name = f"{entry['docname']}:{entry['ids'][0]}"
                section.children[-1] += print_group("", target, *body, environment="bookreference", argument=name)

    def solutions(self) -> None:
        """Gather the solutions behind the last numbered chapter, under the titles of their chapters."""
        found: dict[str, list[solution_node]] = {}
        for node in list(self.tree.findall(solution_node)):
            found.setdefault(page_of(node), []).append(node)
        if not found:
            return
        for node in list(self.tree.findall(nodes.raw)):
            if "solution" in node:
                place = f"{page_of(node['solution'])}:{node['solution']['label']}"
                node.replace_self(tex(f"\\bookseesolution{{{place}}}\n"))
        appendix = nodes.section("", nodes.title("", SOLUTIONS), ids=["solutions"])
        for docname, group in found.items():
            title = " ".join(filter(None, [self.chapter_number(docname), self.env.titles[docname].astext()]))
            inner = nodes.section("", nodes.title("", title), ids=["solutions-of-page"])
            for node in group:
                node.parent.remove(node)
                inner += self.solution(node)
            appendix += addnodes.start_of_file("", inner, docname=docname)
        last = [page for name, page in pages(self.tree).items() if self.chapter_number(name) and page.parent][-1]
        opening = [
            tex("\n\\bookunnumberedpart\\bookunnumbered\n"),
            addnodes.start_of_file("", appendix, docname="solutions"),
        ]
        index = last.parent.index(last) + 1
        last.parent.children[index:index] = opening
        for node in opening:
            node.parent = last.parent

    def solution(self, node: solution_node) -> Iterator[nodes.Node]:
        title, body = boxes.split_title(node)
        words = [part for child in title for part in (nodes.Text(" "), child)][1:]
        yield nodes.target("", "", ids=list(node["ids"]) or [node["label"]])
        yield print_group("", nodes.paragraph("", "", *words), environment="booksolution")
        yield from boxes.unwrapped(body)


def below(env: BuildEnvironment, docname: str) -> Iterator[str]:
    """A page and the pages that its own tables of contents name, in order."""
    yield docname
    for child in env.toctree_includes.get(docname, []):
        yield from below(env, child)


def cells(tree: nodes.Element) -> None:
    """Code cells: what is typed and what comes out, each in its own dress; folded code stays out of print."""
    for cell in list(tree.findall(nodes.container)):
        if cell.get("nb_element") != "cell_code":
            continue
        mode = cell.get("hide_mode", "")
        kept: list[nodes.Node] = []
        for child in cell.children:
            if child.get("nb_element") == "cell_code_source":
                if mode not in ("all", "input", "input+output"):
                    kept.append(print_group("", *child.children, environment="bookinput"))
            elif child.get("nb_element") == "cell_code_output":
                kept += outputs(child, hidden=mode in ("all", "output", "input+output"))
        cell.replace_self(kept) if kept else cell.parent.remove(cell)


def tidy(tree: nodes.Element) -> None:
    """Small things that HTML does in its own way: rules before footnotes, boxes to tick, tables that must not part."""
    for rule in list(tree.findall(nodes.transition)):
        if "footnotes" in rule["classes"]:
            rule.parent.remove(rule)
    for raw in list(tree.findall(nodes.raw)):
        if "html" in raw.get("format", "") and 'type="checkbox"' in raw.astext():
            raw.replace_self(nodes.Text(tick(raw.astext())))
    for line in list(tree.findall(nodes.paragraph)):
        for name, environment in (("run-line", "bookrunline"), ("ledger-page", "bookledgerpage")):
            if name in line["classes"]:
                line.replace_self(print_group("", nodes.paragraph("", "", *line.children), environment=environment))
    for table in list(tree.findall(nodes.table)):
        table.parent.insert(table.parent.index(table), tex("\\bookkeeptable\n"))


def soften(tree: nodes.Element) -> None:
    """Let long words (names in code, addresses) break after the signs that join their pieces."""
    for text in list(tree.findall(nodes.Text)):
        if isinstance(text.parent, VERBATIM) or within(text, nodes.title):
            continue
        soft = LONG_WORD.sub(lambda word: JOINT.sub("\\g<0>\u200b", word.group()), text)
        if soft != text:
            text.parent.replace(text, nodes.Text(soft))


def keep_code(tree: nodes.Element) -> None:
    """Start a short block of code where it fits whole, and a long one where enough of it fits to be read."""
    for block in list(tree.findall(nodes.literal_block)):
        if within(block, boxes.print_box) or within(block, nodes.table) or within(block, nodes.footnote):
            continue
        lines = sum(max(1, -(-len(line) // CODE_WIDTH)) for line in block.astext().rstrip().splitlines())
        need = lines if lines <= SHORT_CODE else LONG_CODE_START
        holder = block.parent if isinstance(block.parent, (print_group, nodes.container)) else block
        if isinstance(holder, print_group) and holder["environment"] == "bookoutput" and lines > SHORT_CODE:
            continue
        holder.parent.insert(holder.parent.index(holder), tex(f"\n\\bookneed{{{need}}}\n"))


def within(node: nodes.Node, kind: type[nodes.Element]) -> bool:
    while node.parent is not None:
        node = node.parent
        if isinstance(node, kind):
            return True
    return False


def outputs(container: nodes.Element, hidden: bool) -> list[nodes.Node]:
    """What a cell printed, set apart from its figures, tables and claims, which stand on their own."""
    kept: list[nodes.Node] = []
    for child in container.children:
        if isinstance(child, nodes.literal_block):
            if not hidden and child.astext().strip():
                kept.append(print_group("", child, environment="bookoutput"))
        elif isinstance(child, nodes.image):
            kept.append(print_group("", child, environment="bookimage"))
        else:
            kept.append(child)
    return kept


def arrange(app: Sphinx, tree: nodes.document, docname: str) -> None:
    """Sphinx's `doctree-resolved`: here the joined tree is whole, and every reference is known."""
    if app.builder.format == "latex":
        BookTree(app, tree).arrange()


def visit_raw(self: LaTeXTranslator, node: nodes.raw) -> None:
    if "latex" in node.get("format", "").split():
        self.body.append(node.astext())
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    boxes.setup(app)
    app.connect("doctree-resolved", arrange, priority=900)
