"""The picture that shows when somebody shares a page: its title and part, in the colours of the book.

Such a picture is asked for by its full address, so there is one only where the site's address is known.
"""

from __future__ import annotations

import re
import textwrap
from html import escape, unescape
from pathlib import Path

import vl_convert

from bookbuild.paths import write_atomically

WIDTH, HEIGHT = 1200, 630
FOLDER = "_static/cards"
LINE = 24  # characters of a title in one line at its size
CARD = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="DejaVu Sans">
<rect width="{width}" height="{height}" fill="#0a5c70"/>
<g transform="translate(770 400) scale(.35)">
<path d="M0 400C160 400 180 50 340 50s140 230 290 230 180-90 410-90" fill="none" stroke="#fff" stroke-opacity=".35"
 stroke-width="40" stroke-linecap="round"/>
<circle cx="340" cy="50" r="60" fill="#ffc27a"/>
</g>
<text x="80" y="110" font-size="30" fill="#ffc27a">{part}</text>
{title}
<text x="80" y="570" font-size="32" fill="#fff">{book}</text>
</svg>
"""


def card_name(docname: str) -> str:
    """Where the card of a page lies in the site."""
    return f"{FOLDER}/{docname.replace('/', '-')}.png"


def plain(html: str) -> str:
    """The words of a title."""
    return " ".join(unescape(re.sub(r"<[^>]+>", "", html)).split())


def drawing(title: str, part: str, book: str) -> str:
    """The card as SVG: the title in up to five lines, the last ones low enough to stand above the book's name."""
    lines = textwrap.wrap(title, LINE)
    size = 72 if len(lines) <= 4 else 56
    first = 310 - (len(lines) - 1) * size * 0.6
    rows = "\n".join(
        f'<text x="80" y="{first + n * size * 1.2:.0f}" font-size="{size}" font-weight="bold" fill="#fff">'
        f"{escape(line)}</text>"
        for n, line in enumerate(lines)
    )
    return CARD.format(width=WIDTH, height=HEIGHT, part=escape(part), title=rows, book=escape(book))


def write_cards(outdir: Path, pages: list[tuple[str, str, str]], book: str) -> None:
    """Draw the card of every page, given as name, title and part; cards of pages that are gone are removed."""
    wanted = set()
    for docname, title, part in pages:
        path = outdir / card_name(docname)
        wanted.add(path.name)
        write_atomically(path, vl_convert.svg_to_png(drawing(plain(title), part, book)))
    for path in sorted((outdir / FOLDER).glob("*")):
        if path.name not in wanted:
            path.unlink()
