"""Interactive charts: a drawing that is there at once, and the live chart that takes its place when it comes near.

A page holds the static twin as a picture and the Vega-Lite specification as data. The site's script loads Vega from
the site itself, once, when the first chart of a page comes near. Every other builder writes the twin alone.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from docutils import nodes
from myst_nb.core.render import MimeData, NbElementRenderer
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

from bookbuild.paths import write_atomically

LICENCES = (
    "/* Vega, Vega-Lite and Vega-Embed, bundled from the package vl-convert.\n"
    "   Vega, Vega-Lite, Vega-Embed: Copyright University of Washington Interactive Data Lab and contributors,\n"
    "   BSD 3-Clause licence; their helpers (D3 and others): ISC, MIT and BSD licences. */\n"
)
SNIPPET = "window.vegaEmbed = vegaEmbed;"


class chart(nodes.General, nodes.Element):
    """A chart: its child is the static twin, its attribute `spec` the Vega-Lite specification."""


def chart_nodes(renderer: NbElementRenderer, data: MimeData) -> list[nodes.Element]:
    """Turn a chart's output (`spec`, `alt`, `svg`) into nodes.

    Parameters
    ----------
    renderer
        MyST-NB's renderer, which keeps the twin beside the page's other pictures.
    data
        The output, of mime type `application/vnd.mldev.chart+json`.
    """
    content = data.content
    svg = content["svg"].encode("utf8")
    name = f"{hashlib.sha256(svg).hexdigest()}.svg"
    uri = renderer.write_file([name], svg, overwrite=False, exists_ok=True)
    options = renderer.renderer.get_cell_level_config("render_image_options", data.cell_metadata, line=data.line)
    twin = nodes.image(uri=uri, alt=options.get("alt") or content["alt"])
    node = chart("", twin, spec=content["spec"], alt=twin["alt"])
    for each in (node, twin):
        each.source, each.line = renderer.source, data.line
    return [node]


def vega_name() -> str:
    """The file that holds Vega's scripts: its name changes with their versions."""
    import vl_convert

    return f"vega-{vl_convert.get_vega_version()}-{vl_convert.get_vegalite_versions()[-1]}.js"


def write_vega(folder: Path) -> str:
    """Write Vega's scripts into `folder`, unless they are there already. Returns the file's name."""
    import vl_convert

    path = folder / vega_name()
    if not path.exists():
        write_atomically(path, LICENCES + vl_convert.javascript_bundle(SNIPPET))
    return path.name


def script_json(data: object) -> str:
    """JSON that can stand inside a `script` element."""
    return json.dumps(data, separators=(",", ":"), sort_keys=True).replace("</", "<\\/")


def visit_html(self: HTML5Translator, node: chart) -> None:
    label = self.attval(node["alt"])
    self.body.append(f'<div class="chart" data-vega="{vega_name()}" data-label="{label}">\n')


def depart_html(self: HTML5Translator, node: chart) -> None:
    self.body.append(f'<script type="application/json">{script_json(node["spec"])}</script></div>\n')


def pass_through(self: nodes.NodeVisitor, node: chart) -> None:
    """Write the twin alone."""


def note_charts(app: Sphinx, doctree: nodes.document) -> None:
    """Remember which pages hold a chart."""
    if next(doctree.findall(chart), None) is not None:
        pages_with_charts(app.env).add(app.env.docname)


def pages_with_charts(env: object) -> set[str]:
    if not hasattr(env, "mldev_chart_pages"):
        env.mldev_chart_pages = set()
    return env.mldev_chart_pages


def forget_page(app: Sphinx, env: object, docname: str) -> None:
    pages_with_charts(env).discard(docname)


def setup(app: Sphinx) -> dict:
    other = (pass_through, pass_through)
    app.add_node(chart, html=(visit_html, depart_html), latex=other, epub=other, text=other, texinfo=other, man=other)
    app.connect("doctree-read", note_charts)
    app.connect("env-purge-doc", forget_page)
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
