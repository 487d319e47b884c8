"""The pages that the build fills in: claims ledger, parity ledger, build status.

Each directive reads a list that `collect` wrote, and notes that file as a dependency of its page, so the page is read
again when the list changes and only then.
"""

from __future__ import annotations

from itertools import groupby

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bookbuild.claims_view import MARKS, WORDS
from bookbuild.collect import collected
from bookbuild.paths import Book


def page_link(docname: str, title: str = "") -> pending_xref:
    """A link to a page by its name; its title is filled in when there is none given."""
    return pending_xref(
        "",
        nodes.inline("", title, classes=["doc"]),
        refdomain="std",
        reftype="doc",
        reftarget=f"/{docname}",
        refexplicit=bool(title),
        refwarn=True,
    )


def label_link(label: str, text: str) -> pending_xref:
    """A link to a label, with a text of our own."""
    return pending_xref(
        "", nodes.inline("", text), refdomain="std", reftype="ref", reftarget=label, refexplicit=True, refwarn=True
    )


def table(headers: list[str], rows: list[list[str | nodes.Node]], widths: list[int]) -> nodes.table:
    """A table from texts and inline nodes."""
    group = nodes.tgroup("", *[nodes.colspec(colwidth=width) for width in widths], cols=len(headers))
    group += nodes.thead("", table_row(headers))
    group += nodes.tbody("", *[table_row(row) for row in rows])
    return nodes.table("", group, classes=["ledger", "colwidths-given", "longtable"])


def table_row(cells: list[str | nodes.Node]) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        content = nodes.Text(cell) if isinstance(cell, str) else cell
        row += nodes.entry("", nodes.paragraph("", "", content))
    return row


class FromCollected(SphinxDirective):
    """A directive filled from one collected list, named by `source`."""

    source = ""

    def run(self) -> list[nodes.Node]:
        book = Book.find(self.env.srcdir)
        self.env.note_dependency(str(book.collected / f"{self.source}.json"))
        return self.content_of(collected(book, self.source))


class ClaimsLedger(FromCollected):
    """Every claim of the book: what it says, its evidence at this build, and where it stands."""

    source = "claims"

    def content_of(self, claims: list[dict]) -> list[nodes.Node]:
        domain, content = self.env.get_domain("std"), []
        for docname, group in groupby(claims, key=lambda claim: claim["docname"]):
            heading = nodes.paragraph("", "", page_link(docname), classes=["ledger-page"])
            content += [heading, nodes.definition_list(classes=["claims-ledger"])]
            for claim in group:
                label = f"ledger-{claim['name']}"
                domain.labels[label] = (self.env.docname, label, claim["statement"])
                domain.anonlabels[label] = (self.env.docname, label)
                content[-1] += self.item(claim, label)
        return content

    def item(self, claim: dict, label: str) -> nodes.definition_list_item:
        mark = nodes.inline("", MARKS[claim["holds"]], classes=["claim-mark"])
        word = nodes.inline("", f" {WORDS[claim['holds']]}: ", classes=["claim-word"])
        term = nodes.term("", "", mark, word, nodes.Text(claim["statement"]), ids=[label])
        link = label_link(f"claim-{claim['name']}", "in the chapter")
        evidence = nodes.paragraph("", "", nodes.Text(f"{claim['evidence']} "), link)
        return nodes.definition_list_item("", term, nodes.definition("", evidence))


class ParityLedger(FromCollected):
    """Every by-hand algorithm and what it was held against."""

    source = "parity"

    def content_of(self, entries: list[dict]) -> list[nodes.Node]:
        headers = ["By hand", "Held against", "Compared", "Tolerance", "Largest difference"]
        rows = [
            [
                entry["algorithm"],
                f"{entry['library']} {entry['version']}",
                entry["kind"],
                number(entry["tolerance"]),
                number(entry["difference"]),
            ]
            for entry in entries
        ]
        return [table(headers, rows, [34, 24, 14, 13, 15])]


class BuildStatus(FromCollected):
    """What each page with code used when it last ran, beside its budget."""

    source = "status"

    def content_of(self, runs: list[dict]) -> list[nodes.Node]:
        headers = ["Page", "Cells", "Seconds", "CPU s (budget)", "Memory MiB (budget)", "Verdict"]
        rows: list[list[str | nodes.Node]] = [
            [
                page_link(run["page"]),
                str(len(run["cells"])),
                f"{run['wall']:.1f}",
                f"{run['cpu']:.1f} ({run['budget_cpu']:.0f})",
                f"{run['memory_mib']:.0f} ({run['budget_mib']:.0f})",
                "over budget" if run["cpu"] > run["budget_cpu"] or run["memory_mib"] > run["budget_mib"] else "within",
            ]
            for run in runs
        ]
        return [table(headers, rows, [34, 8, 12, 16, 18, 12])]


def number(value: float | str | None) -> str:
    """A tolerance or a difference as a reader wants it."""
    if value is None:
        return "-"
    return value if isinstance(value, str) else f"{value:.2g}"


def setup(app: Sphinx) -> dict:
    app.add_directive("claims-ledger", ClaimsLedger)
    app.add_directive("parity-ledger", ParityLedger)
    app.add_directive("build-status", BuildStatus)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
