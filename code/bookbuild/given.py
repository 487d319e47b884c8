"""The role ``{given}``: a number that the text gives by definition, so that the lint does not take it for measured.

``{given}`20` seeds`` reads "20 seeds" in every format. It is meant for choices and definitions, never
for results; those are glued.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxRole


class Given(SphinxRole):
    """Renders its text as it stands."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        return [nodes.inline(self.rawtext, self.text, classes=["given"])], []


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the role."""
    app.add_role("given", Given())
    return {"parallel_read_safe": True, "parallel_write_safe": True}
