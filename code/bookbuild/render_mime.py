"""How MyST-NB shows the book's own kinds of output: checked claims and interactive charts."""

from __future__ import annotations

from docutils import nodes
from myst_nb.core.render import MimeData, MimeRenderPlugin, NbElementRenderer

from bookbuild.charts import chart_nodes
from bookbuild.claims_view import claim_nodes
from bookbuild.collect import CHART, CLAIM

JUPYTERS_CHART = "application/vnd.vegalite."  # the same chart, for notebooks


class MldevRenderer(MimeRenderPlugin):
    """Turn our mime types into docutils nodes, which every builder can write."""

    mime_priority_overrides = [("*", CLAIM, 1), ("*", CHART, 1)]

    @staticmethod
    def handle_mime(renderer: NbElementRenderer, data: MimeData, inline: int) -> None | list[nodes.Element]:
        if inline:
            return None
        if data.mime_type == CLAIM:
            return claim_nodes(data.content)
        if data.mime_type == CHART:
            return chart_nodes(renderer, data)
        if data.mime_type.startswith(JUPYTERS_CHART):
            return []
        return None
