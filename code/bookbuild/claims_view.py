"""Checked claims as a reader sees them in a chapter, and the labels by which other places point at them."""

from __future__ import annotations

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx

MARKS = {True: "✓", None: "○"}
WORDS = {True: "Checked at this build", None: "Not evaluated here"}


def claim_nodes(claim: dict) -> list[nodes.Element]:
    """The mark of one claim: its sign, its statement, its evidence."""
    holds = claim["holds"]
    box = nodes.container(classes=["claim", "claim-holds" if holds else "claim-open"], ids=[f"claim-{claim['name']}"])
    box["claim"] = claim
    statement = nodes.paragraph(classes=["claim-statement"])
    statement += nodes.inline("", MARKS[holds], classes=["claim-mark"])
    statement += nodes.Text(" ")
    statement += nodes.inline("", f"{WORDS[holds]}: ", classes=["claim-word"])
    statement += nodes.inline("", claim["statement"], classes=["claim-text"])
    evidence = nodes.paragraph("", "", classes=["claim-evidence"])
    evidence += nodes.Text(f"{claim['evidence']} ")
    evidence += pending_xref(
        "",
        nodes.inline("", "ledger", classes=["std", "std-ref"]),
        refdomain="std",
        reftype="ref",
        reftarget=f"ledger-{claim['name']}",
        refexplicit=True,
        refwarn=True,
        classes=["claim-link"],
    )
    box += [statement, evidence]
    return [box]


def register_labels(app: Sphinx, doctree: nodes.document) -> None:
    """Let `{ref}` point at every claim of a page."""
    domain = app.env.get_domain("std")
    for box in doctree.findall(nodes.container):
        if "claim" in box:
            label = f"claim-{box['claim']['name']}"
            domain.labels[label] = (app.env.docname, label, box["claim"]["statement"])
            domain.anonlabels[label] = (app.env.docname, label)


def setup(app: Sphinx) -> dict:
    app.connect("doctree-read", register_labels)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
