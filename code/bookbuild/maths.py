"""Maths, set while the book is built: KaTeX runs here, and the reader's browser gets HTML and MathML, no script.

An unknown command, or an equation that LaTeX would refuse too, stops the build with its page and line.
"""

from __future__ import annotations

import functools
import json
import re
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.errors import SphinxError
from sphinx.util.math import get_node_equation_number
from sphinx.writers.html5 import HTML5Translator

KATEX = Path(__file__).parents[2] / "theme" / "static" / "katex" / "katex.min.js"
NUMBERED = re.compile(r"\\(begin|end)\{(align|alignat|equation|gather)\}")
UNDERLINE = "\u0332"  # KaTeX underlines the fault with it
APPLY = "<mo>\u2061</mo>"  # KaTeX writes it behind `min` even where MathML has no room for it
PROGRAM = "function render(tex, options) { return katex.renderToString(tex, options); }"


class MathsError(SphinxError):
    """An equation that cannot be set."""

    category = "Maths error"


@functools.cache
def engine() -> object:
    """A JavaScript engine with KaTeX in it: one for the whole build."""
    from py_mini_racer import MiniRacer

    context = MiniRacer()
    context.eval(KATEX.read_text("utf8"))
    context.eval(PROGRAM)
    return context


@functools.lru_cache(maxsize=20_000)
def typeset(tex: str, display: bool, output: str, macros: str = "{}") -> str:
    """Set one piece of TeX.

    Parameters
    ----------
    tex
        The TeX source, without delimiters.
    display
        Whether it stands on a line of its own.
    output
        `htmlAndMathml` for the site, `mathml` for the EPUB.
    macros
        The book's own commands, as a JSON object.

    Raises
    ------
    ValueError
        When KaTeX cannot read `tex`; the message is KaTeX's own.
    """
    from py_mini_racer import JSEvalException

    options = {
        "displayMode": display,
        "output": output,
        "macros": json.loads(macros),
        "strict": "error",
        "throwOnError": True,
    }
    try:
        return engine().call("render", tex, options).replace(APPLY, "")
    except JSEvalException as error:
        found = re.search(r"(?:ParseError|Error): (.*)", str(error))
        message = (found.group(1) if found else str(error)).replace("KaTeX parse error: ", "")
        raise ValueError(message.replace(UNDERLINE, "")) from error


def display_source(text: str, nowrap: bool) -> str:
    """The TeX of a displayed equation: several lines are aligned, and Sphinx does the numbering."""
    text = NUMBERED.sub(r"\\\1{\2*}", text.strip())
    if nowrap:
        return text
    parts = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    parts = [aligned(part) for part in parts]
    return parts[0] if len(parts) == 1 else r"\begin{gathered}" + r" \\ ".join(parts) + r"\end{gathered}"


def aligned(part: str) -> str:
    if r"\\" not in part or part.startswith(r"\begin{"):
        return part
    return r"\begin{aligned}" + part + r"\end{aligned}"


def place(translator: HTML5Translator, node: nodes.Node) -> str:
    """Page and line of an equation, for a message."""
    while node is not None and node.line is None:
        node = node.parent
    document = translator.builder.current_docname
    return f"{document}.md:{node.line}" if node is not None else f"{document}.md"


def rendered(translator: HTML5Translator, node: nodes.Element, tex: str, display: bool) -> str:
    output = "mathml" if translator.builder.name == "epub" else "htmlAndMathml"
    macros = json.dumps(translator.config.mldev_math_macros, sort_keys=True)
    try:
        return typeset(tex, display, output, macros)
    except ValueError as error:
        raise MathsError(f"{place(translator, node)}: {error}") from error


def visit_inline(self: HTML5Translator, node: nodes.math) -> None:
    """Set maths inside a sentence."""
    self.body.append(rendered(self, node, node.astext(), display=False))
    raise nodes.SkipNode


def visit_block(self: HTML5Translator, node: nodes.math_block) -> None:
    """Set an equation on its own line, with its number and its anchor."""
    tex = display_source(node.astext(), bool(node.get("nowrap")))
    html = rendered(self, node, tex, display=True)
    number = get_node_equation_number(self, node) if node.get("number") else ""
    label = f"Equation {number}" if number else "Equation"
    self.body.append(self.starttag(node, "div", CLASS="math"))
    self.body.append(f'<div class="math-scroll" tabindex="0" role="group" aria-label="{label}">{html}</div>')
    if number:
        self.body.append(f'<span class="eqno">({number})')
        self.add_permalink_ref(node, f"Link to equation {number}")
        self.body.append("</span>")
    self.body.append("</div>\n")
    raise nodes.SkipNode


def depart(self: HTML5Translator, node: nodes.Element) -> None:
    """Nothing is left to write: both visitors wrote the whole."""


def choose(app: Sphinx, config: Config) -> None:
    """Make KaTeX the renderer of every builder that writes HTML."""
    config.html_math_renderer = "katex"


def setup(app: Sphinx) -> dict:
    app.add_config_value("mldev_math_macros", {}, "env", dict)
    app.add_html_math_renderer("katex", inline_renderers=(visit_inline, depart), block_renderers=(visit_block, depart))
    app.connect("config-inited", choose)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
