"""The last touch to a page's HTML: pictures with a size, tables and code in boxes of their own, honest summaries.

Every function takes a page's body as text and returns it mended; doing so twice changes nothing.
"""

from __future__ import annotations

import re
import struct
from html import escape, unescape
from pathlib import Path

IMAGE = re.compile(r"<img\b[^>]*>")
FIGURE_IMAGE = re.compile(r'(<figure\b[^>]*>\s*)(<img\b[^>]*\swidth="(\d+)"[^>]*>)')
SRC = re.compile(r'\bsrc="([^"]*)"')
WRAPPED = re.compile(
    r'<div class="pst-scrollable-table-container">(<table.*?</table>)\s*</div>'
    r"|<div>\s*(?:<style scoped>.*?</style>\s*)?"
    r'(<table border="1" class="dataframe[^"]*">.*?</table>)\s*(<p>[^<]*</p>)?\s*</div>',
    re.S,
)
HIDDEN = re.compile(
    r'<summary aria-label="Toggle hidden content">\s*<p class="collapsed admonition-title">(.*?)</p>\s*'
    r'<p class="expanded admonition-title">(.*?)</p>\s*</summary>',
    re.S,
)
PLAIN_TOKEN = re.compile(r'<span class="(?:n|o|p|w)">([^<]*)</span>|<span></span>')
PRE = re.compile(r"<pre(?![^>]*tabindex)")
REPEATED_ID = re.compile(r'(<section\b[^>]*?) id="(?:proof|exercise|solution)-content"')
HEADERLINK = re.compile(r'<a class="headerlink" href="(#[^"]*)" title="([^"]*)">[^<]*</a>')
ADMONITION_TITLE = re.compile(r'<p class="admonition-title"([^>]*)>(.*?)</p>', re.S)
LINK = re.compile(r"</?a\b[^>]*>")
ROW = re.compile(r"<tr\b.*?</tr>", re.S)
CELL = re.compile(r"<(t[hd])>(.*?)</t[hd]>", re.S)
NUMBER = re.compile(r"[-+−]?[\d,. ]*\d%?(?:e[-+]?\d+)?(?: ?[±\[(].*)?|NaN|None|<NA>|-|", re.I)
EMPTY_HEAD = re.compile(r"<th(?: class=\"[^\"]*\")?>(?:<p></p>)?</th>")
SVG_SIZE = re.compile(rb'<svg\b[^>]*?\b(width|height)="([\d.]+)(pt|px|)"[^>]*?\b(width|height)="([\d.]+)(pt|px|)"')
SVG_BOX = re.compile(rb'<svg\b[^>]*?viewBox="[\d.-]+[ ,]+[\d.-]+[ ,]+([\d.]+)[ ,]+([\d.]+)"')
PT = 4 / 3
PHONE = 330  # pixels that a figure has on a narrow phone
READABLE = 0.78  # of its own size: the letters of 9 pt (12 pixels) are then 9 pixels high


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a picture in CSS pixels; `None` for kinds whose size is not read here."""
    if path.suffix == ".svg":
        return svg_size(path.read_bytes()[:4000])
    if path.suffix == ".png":
        head = path.read_bytes()[:24]
        return struct.unpack(">II", head[16:24]) if head[:8] == b"\x89PNG\r\n\x1a\n" else None
    return None


def svg_size(head: bytes) -> tuple[int, int] | None:
    found = SVG_SIZE.search(head)
    if found:
        size = {found[1]: float(found[2]), found[4]: float(found[5])}
        scale = PT if found[3] == b"pt" else 1
        if len(size) == 2:
            return round(size[b"width"] * scale), round(size[b"height"] * scale)
    box = SVG_BOX.search(head)
    return (round(float(box[1])), round(float(box[2]))) if box else None


def mend_images(body: str, sizes: dict[str, tuple[int, int]]) -> str:
    """Give every picture its size, so that the page does not jump, and load it only when it comes near.

    Parameters
    ----------
    body
        The page.
    sizes
        Width and height by file name.
    """

    def mend(match: re.Match) -> str:
        tag = match.group()
        if "loading=" in tag:
            return tag
        name = SRC.search(tag).group(1).rsplit("/", 1)[-1]
        extra = ' loading="lazy" decoding="async"'
        if name in sizes and not re.search(r"\swidth=", tag):
            width, height = sizes[name]
            extra += f' width="{width}" height="{height}"'
        return re.sub(r"\s*/?>$", f"{extra}>", tag)

    return IMAGE.sub(mend, body)


def mend_figures(body: str) -> str:
    """Put each wide figure into a box, which scrolls on a phone so that the letters stay large enough to be read."""

    def box(match: re.Match) -> str:
        figure, image, width = match.groups()
        least = round(READABLE * int(width))
        if least <= PHONE:
            return match.group()
        start = f'<div class="figure-scroll" style="--least: {least}px" tabindex="0" role="group" aria-label="Figure">'
        return f"{figure}{start}{image}</div>"

    return FIGURE_IMAGE.sub(box, body)


def mend_tables(body: str) -> str:
    """Put each table into a box that scrolls by itself and can be reached with the keyboard."""

    def box(match: re.Match) -> str:
        table = match.group(1) or match.group(2)
        note = match.group(3) or ""
        caption = re.search(r"<caption>(.*?)</caption>", table, re.S)
        label = text_of(caption.group(1)) if caption else "Table"
        table = EMPTY_HEAD.sub("<td></td>", table)
        if match.group(2):
            table = aligned(table.replace('border="1" ', "").replace(' style="text-align: right;"', ""))
        return f'<div class="table-scroll" tabindex="0" role="group" aria-label="{escape(label)}">{table}</div>{note}'

    return WRAPPED.sub(box, body)


def aligned(table: str) -> str:
    """A data frame whose columns of words stand to the left; its columns of numbers stay to the right."""
    head, mark, body = table.partition("<tbody>")
    words: set[int] = set()
    for row in ROW.findall(body):
        cells = reversed(CELL.findall(row))
        words |= {place for place, (kind, text) in enumerate(cells) if kind == "td" and not is_number(text)}

    def turned(row: re.Match) -> str:
        text = row.group()
        for place, cell in enumerate(reversed(list(CELL.finditer(text)))):
            if place in words:
                text = f'{text[: cell.start()]}<{cell[1]} class="words">{text[cell.start() + 4 :]}'
        return text

    return ROW.sub(turned, head) + mark + ROW.sub(turned, body)


def is_number(html: str) -> bool:
    return bool(NUMBER.fullmatch(text_of(html)))


def text_of(html: str) -> str:
    """The words of a piece of HTML."""
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", html))).strip(" #\n")


def mend_hidden_cells(body: str) -> str:
    """Say in the summary of a hidden cell what it opens and closes."""

    def summary(match: re.Match) -> str:
        show, hide = (words.replace("code cell source", "code").replace("code cell ", "") for words in match.groups())
        return f'<summary><span class="when-closed">{show}</span><span class="when-open">{hide}</span></summary>'

    return HIDDEN.sub(summary, body)


def mend_anchors(body: str) -> str:
    """Name the links beside headings; drop ids given more than once, and roles that no longer mean anything."""
    body = REPEATED_ID.sub(r"\1", body).replace('role="doc-biblioentry"', 'role="listitem"')
    return HEADERLINK.sub(r'<a class="headerlink" href="\1" aria-label="\2" title="\2">#</a>', body)


def mend_code(body: str) -> str:
    """Let every block of code be reached by keyboard, without the marks of tokens that have no colour of their own.

    Those marks are half of all elements of a chapter.
    """
    return PRE.sub('<pre tabindex="0"', PLAIN_TOKEN.sub(r"\1", body))


def folded(html: str) -> str:
    """Turn a box (a `div` with a title) into one that opens and closes without a script."""
    opened = re.sub(r"^\s*<div\b", "<details", html, count=1)
    title = ADMONITION_TITLE.search(opened)
    if title is None or not opened.rstrip().endswith("</div>"):
        return html
    words = LINK.sub("", title.group(2)).strip()
    summary = f'<summary class="admonition-title"{title.group(1)}>{words}</summary>'
    opened = opened[: title.start()] + summary + opened[title.end() :]
    return opened.rstrip().removesuffix("</div>") + "</details>\n"


def mended(body: str, sizes: dict[str, tuple[int, int]]) -> str:
    """All of the above, in order."""
    body = mend_images(body, sizes)
    body = mend_figures(body)
    body = mend_tables(body)
    body = mend_hidden_cells(body)
    body = mend_anchors(body)
    return mend_code(body)
