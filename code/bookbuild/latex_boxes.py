"""Boxes in print: admonitions, exercises, definitions, claims, cards and folded parts, all as one kind of node."""

from __future__ import annotations

from collections.abc import Iterator

from docutils import nodes
from sphinx.addnodes import seealso
from sphinx.application import Sphinx
from sphinx.locale import admonitionlabels
from sphinx.writers.latex import LaTeXTranslator
from sphinx_exercise.nodes import exercise_enumerable_node, exercise_node, solution_node
from sphinx_proof.nodes import NODE_TYPES, proof_node, unenumerable_node

WARNINGS = frozenset("warning attention caution danger error".split())
NAMED = (
    nodes.note, nodes.tip, nodes.hint, nodes.important, nodes.warning, nodes.attention, nodes.caution, nodes.danger,
    nodes.error, seealso,
)  # fmt: skip
THEOREMS = (*NODE_TYPES.values(), unenumerable_node)


class print_box(nodes.General, nodes.Element):
    """A box with a title; `kind` chooses its colours."""


class print_title(nodes.General, nodes.TextElement):
    """The title of a box: its first child, empty when it has none."""


class print_group(nodes.General, nodes.Element):
    """What stands in one LaTeX environment, named by `environment`."""


def visit_box(self: LaTeXTranslator, node: print_box) -> None:
    labels = self.hypertarget_to(node, anchor=True) if node["ids"] else ""
    self.body.append(f"\n\n\\begin{{bookbox}}{{{node['kind']}}}{{{labels}}}")
    self.no_latex_floats += 1
    if self.table:
        self.table.has_problematic = True


def depart_box(self: LaTeXTranslator, node: print_box) -> None:
    self.body.append("\n\\end{bookbox}\n")
    self.no_latex_floats -= 1


def visit_box_title(self: LaTeXTranslator, node: print_title) -> None:
    self.body.append("{")


def depart_box_title(self: LaTeXTranslator, node: print_title) -> None:
    self.body.append("}\n")


def visit_group(self: LaTeXTranslator, node: print_group) -> None:
    argument = f"{{{node['argument']}}}" if "argument" in node else ""
    self.body.append(f"\n\\begin{{{node['environment']}}}{argument}\n")


def depart_group(self: LaTeXTranslator, node: print_group) -> None:
    self.body.append(f"\n\\end{{{node['environment']}}}\n")


def box(kind: str, title: list[nodes.Node], body: list[nodes.Node], source: nodes.Element) -> print_box:
    """A box that takes the place, and the anchors, of `source`."""
    new = print_box("", print_title("", "", *title), *body, kind=kind, ids=list(source["ids"]))
    new.source, new.line = source.source, source.line
    return new


def split_title(node: nodes.Element) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """The title's content and the rest of an admonition's children."""
    if node.children and isinstance(node.children[0], (nodes.title, nodes.rubric)):
        return list(node.children[0].children), list(node.children[1:])
    return [], list(node.children)


def unwrapped(body: list[nodes.Node]) -> Iterator[nodes.Node]:
    """The content of a proof or an exercise, without the section that its directive wraps round it."""
    for child in body:
        if isinstance(child, nodes.section):
            yield from child.children
        else:
            yield child


def admonition_kind(node: nodes.Element) -> str:
    name, classes = node.tagname, node["classes"]
    if name in WARNINGS or WARNINGS.intersection(classes):
        return "warning"
    if "objectives" in classes:
        return "objectives"
    if name in ("tip", "hint", "important") or {"tip", "hint", "important"}.intersection(classes):
        return "tip"
    return "note"


def admonitions(tree: nodes.Element) -> None:
    """Notes, warnings, tips and the admonitions that carry a title of their own."""
    for node in list(tree.findall(nodes.Admonition)):
        if isinstance(node, NAMED):
            label = admonitionlabels[node.tagname]
            node.replace_self(box(admonition_kind(node), [nodes.Text(label)], list(node.children), node))
        elif isinstance(node, nodes.admonition):
            if isinstance(node.parent, proof_node):
                node.parent.replace_self(print_group("", *node.children, environment="bookproof"))
                continue
            title, body = split_title(node)
            node.replace_self(box(admonition_kind(node), title, body, node))
    for node in list(tree.findall(lambda n: isinstance(n, (nodes.topic, nodes.sidebar)))):
        if "contents" not in node["classes"]:
            title, body = split_title(node)
            node.replace_self(box("note", title, body, node))


def theorems(tree: nodes.Element, number_of: object) -> None:
    """Definitions, theorems, algorithms: their name, their number as on the site, their title."""
    for node in list(tree.findall(lambda n: isinstance(n, THEOREMS))):
        title, body = split_title(node)
        name = node.get("realtype", "remark").title()
        number = number_of(node, node.get("countertype", "")) if not isinstance(node, unenumerable_node) else ""
        head = nodes.Text(f"{name} {number}".rstrip())
        node.replace_self(box("theorem", [head, *title], list(unwrapped(body)), node))


def exercises(tree: nodes.Element) -> None:
    """Exercises, each with the page of its solution."""
    solved = {node["target_label"]: node for node in tree.findall(solution_node)}
    for node in list(tree.findall(lambda n: isinstance(n, (exercise_node, exercise_enumerable_node)))):
        title, body = split_title(node)
        new = box("exercise", title, list(unwrapped(body)), node)
        solution = solved.get(node["label"])
        if solution is not None:
            new += nodes.raw("", "", format="latex", solution=solution)
        node.replace_self(new)


def claims(tree: nodes.Element) -> None:
    """The marks of checked claims."""
    for node in list(tree.findall(nodes.container)):
        if "claim" in node["classes"]:
            kind = "claim" if "claim-holds" in node["classes"] else "openclaim"
            body = list(node.children)
            for child in body:
                if isinstance(child, nodes.paragraph) and "claim-evidence" in child["classes"]:
                    node.replace(child, print_group("", child, environment="bookevidence"))
            node.replace_self(box(kind, [], list(node.children), node))


def design(tree: nodes.Element) -> None:
    """Cards, folded parts and tabs: one box each, under its own title."""
    for node in list(tree.findall(nodes.container)):
        component = node.get("design_component")
        if component == "card":
            card(node)
        elif component == "dropdown":
            title, body = split_title(node)
            node.replace_self(box("note", title, body, node))
        elif component == "tab-item":
            labels = [child for child in node.children if isinstance(child, nodes.rubric)]
            body = [n for c in node.children if c not in labels for n in c.children]
            node.replace_self(box("note", [n for label in labels for n in label.children], body, node))


def card(node: nodes.container) -> None:
    """A card, its title a link where the whole card is one."""
    title: list[nodes.Node] = []
    for part in list(node.findall(nodes.container)):
        if part.get("design_component") == "card-title":
            title = [n for child in part.children for n in getattr(child, "children", [child])]
            part.parent.remove(part)
    body, target = [], None
    for link in list(node.findall(nodes.reference)):
        if "sd-stretched-link" in link["classes"] or "sd-hide-link-text" in link["classes"]:
            target = link
            link.parent.remove(link)
    for child in node.children:
        inside = child.children if isinstance(child, nodes.container) else [child]
        body += [n for n in inside if isinstance(n, nodes.image) or n.astext().strip()]
    if target is not None:
        words = title or [nodes.Text(target.astext())]
        where = {key: target[key] for key in ("refuri", "refid", "internal") if key in target}
        title = [nodes.reference("", "", *words, **where)]
    node.replace_self(box("card", title, body, node))


def setup(app: Sphinx) -> None:
    app.add_node(print_box, latex=(visit_box, depart_box))
    app.add_node(print_title, latex=(visit_box_title, depart_box_title))
    app.add_node(print_group, latex=(visit_group, depart_group))
