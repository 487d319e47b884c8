"""Displayed equations in print: numbered as on the site, and never wider than the page."""

from __future__ import annotations

import re
from collections.abc import Callable

from docutils import nodes

INNER = {
    "align": "aligned",
    "alignat": "alignedat",
    "gather": "gathered",
    "eqnarray": "aligned",
    "multline": "gathered",
}
OUTER = re.compile(r"\\(begin|end)\{(align|alignat|gather|eqnarray|multline|equation)\*?\}")


def inner(text: str) -> str:
    """The content of a display: outer environments become their inner twins, so that no equation counts by itself."""
    text = OUTER.sub(lambda m: f"\\{m[1]}{{{INNER[m[2]]}}}" if m[2] in INNER else "", text).strip()
    text = re.sub(r"\\label\{[^}]*\}", "", text)
    pieces = [aligned(piece.strip()) for piece in re.split(r"\n\s*\n", text) if piece.strip()]
    return pieces[0] if len(pieces) == 1 else "\\begin{gathered}\n" + "\\\\\n".join(pieces) + "\n\\end{gathered}"


def aligned(piece: str) -> str:
    """Several lines are aligned, as on the site."""
    top = re.sub(r"\\begin\{([a-zA-Z]+\*?)\}.*?\\end\{\1\}", "", piece, flags=re.S)
    if re.search(r"(?<!\\)&|\\\\", top):
        return f"\\begin{{aligned}}\n{piece}\n\\end{{aligned}}"
    return piece


def display(text: str, number: str, label: str) -> str:
    """One display equation, with its number and label where it has them."""
    body = rf"\bookdisplay{{{inner(text)}}}"
    if not number:
        return f"\n\\begin{{equation*}}{body}\\end{{equation*}}\n"
    anchor = rf"\label{{\detokenize{{{label}}}}}" if label else ""
    return f"\n\\begin{{equation}}\\booktag{{{number}}}{anchor}{body}\\end{{equation}}\n"


def macros_tex(macros: dict[str, str]) -> str:
    """The book's own commands, given to KaTeX as a dictionary, as LaTeX definitions."""
    lines = []
    for name, meaning in sorted(macros.items()):
        count = max((int(digit) for digit in re.findall(r"#(\d)", meaning)), default=0)
        lines.append(rf"\providecommand{{{name}}}{f'[{count}]' if count else ''}{{}}")
        lines.append(rf"\renewcommand{{{name}}}{f'[{count}]' if count else ''}{{{meaning}}}")
    return "\n".join(lines)


def number_equations(tree: nodes.Element, number_of: Callable[[nodes.Element, str], str]) -> None:
    """Replace each display equation by LaTeX that carries the site's number."""
    for node in list(tree.findall(nodes.math_block)):
        label = f"equation:{node['docname']}:{node['label']}" if node.get("label") and node.get("docname") else ""
        number = number_of(node, "displaymath")
        node.replace_self(nodes.raw("", display(node.astext(), number, label), format="latex"))
