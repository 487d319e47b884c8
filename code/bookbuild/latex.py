"""The book as a PDF: what Sphinx's LaTeX builder is told, and the two functions that the build calls."""

from __future__ import annotations

import datetime
import os
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.config import Config

from bookbuild import latex_book
from bookbuild.latex_build import PdfError, build_pdf, missing_tools
from bookbuild.latex_maths import macros_tex

__all__ = ["PdfError", "build_pdf", "missing_tools", "setup"]

TEX_NAME = "book.tex"
STYLE = Path("theme/latex/mldevbook.sty")
GEOMETRY = (
    r"\usepackage[paperwidth=189mm,paperheight=246mm,inner=23mm,outer=23mm,top=24mm,bottom=22mm,"
    r"headheight=14pt,headsep=8mm,footskip=10mm]{geometry}"
)
FONTS = r"""
\setmainfont{texgyrepagella}[Extension=.otf,UprightFont=*-regular,BoldFont=*-bold,ItalicFont=*-italic,
  BoldItalicFont=*-bolditalic]
\setsansfont{texgyreheros}[Extension=.otf,Scale=0.93,UprightFont=*-regular,BoldFont=*-bold,ItalicFont=*-italic,
  BoldItalicFont=*-bolditalic]
\setmonofont{DejaVuSansMono.ttf}[Scale=0.8,BoldFont=DejaVuSansMono-Bold.ttf,ItalicFont=DejaVuSansMono-Oblique.ttf,
  BoldItalicFont=DejaVuSansMono-BoldOblique.ttf]
\usepackage[math-style=TeX,bold-style=TeX]{unicode-math}
\setmathfont{texgyrepagella-math.otf}
\AtBeginDocument{\let\setminus\smallsetminus}% the font has no U+29F5
"""
SETUP = (
    "TitleColor=bookink,InnerLinkColor=booklink,OuterLinkColor=booklink,VerbatimColor=bookcode,"
    "verbatimforcewraps=true,verbatimmaxoverfull=0,verbatimwithframe=true,pre_border-width=0pt,"
    "pre_border-radius=0pt,pre_padding=4pt,verbatimcontinuesalign=r,verbatimcontinuedalign=r,"
    r"verbatimvisiblespace={},verbatimcontinued={\makebox[2\fontcharwd\font`\x][r]{\bookcontinued}}"
)
FALLBACK = re.compile(r"[\u0250-\u2009\u2027-\u203a\u2040-\ud7ff\ue000-\ufeff\uff00-\U0010ffff]")
FALLBACK_FILE = "bookcharacters.tex"


def configure(app: Sphinx, config: Config) -> None:
    """Set every LaTeX option, so that `_config.yml` need not."""
    config.latex_engine = "xelatex"
    config.latex_docclass = {"manual": "book"}
    title, author = config.html_title or config.project, config.author
    config.latex_documents = [(config.root_doc, TEX_NAME, title, author, "manual", True)]
    config.latex_additional_files = [str(Path(app.srcdir) / STYLE)]
    config.latex_toplevel_sectioning = "chapter"
    config.latex_show_urls = "no"
    config.latex_table_style = ["booktabs"]
    config.latex_domain_indices = False
    config.latex_elements = {
        "papersize": "a4paper",
        "pointsize": "10pt",
        "extraclassoptions": "openany,twoside",
        "passoptionstopackages": r"\PassOptionsToPackage{dvipsnames,table}{xcolor}",
        "fontpkg": FONTS,
        "fncychap": "",
        "geometry": GEOMETRY,
        "sphinxsetup": "",
        "preamble": preamble(config),
        "fvset": r"\fvset{fontsize=\bookcodesize}",
        "figure_align": "H",  # a float among breakable code frames can run off the page
        "tocdepth": r"\setcounter{tocdepth}{1}",
        "secnumdepth": r"\setcounter{secnumdepth}{3}",
        "maketitle": r"\bookmaketitle",
        "tableofcontents": r"\booktableofcontents",
        "printindex": r"\bookindexes\printindex",
    }
    overrides = list(config.nb_mime_priority_overrides) if "nb_mime_priority_overrides" in config else []
    config.nb_mime_priority_overrides = [*overrides, ("latex", "application/pdf", 5)]


def preamble(config: Config) -> str:
    """Load the book's style, with what only the build knows."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH")
    date = datetime.datetime.fromtimestamp(int(epoch), datetime.UTC) if epoch else datetime.datetime.now(datetime.UTC)
    site = os.environ.get("BOOK_SITE_URL", "")
    return "\n".join(
        [
            r"\usepackage{mldevbook}",
            rf"\sphinxsetup{{{SETUP}}}",
            rf"\newcommand\bookedition{{{date:%B %Y}}}",
            rf"\newcommand\bookcopyright{{{config.copyright}}}",
            rf"\newcommand\booksite{{{site}}}",
            macros_tex(config.mldev_math_macros if "mldev_math_macros" in config else {}),
            rf"\input{{{FALLBACK_FILE}}}",
        ]
    )


def write_characters(app: Sphinx, error: Exception | None) -> None:
    """List the characters that the text font may lack: each falls back on a font that has it."""
    if error is not None or app.builder.format != "latex":
        return
    source = (Path(app.outdir) / TEX_NAME).read_text("utf8")
    lines = [f"\\bookcharacter{{{ord(c)}}}" for c in sorted(set(FALLBACK.findall(source)))]
    (Path(app.outdir) / FALLBACK_FILE).write_text("\n".join(lines) + "\n", "utf8")


def setup(app: Sphinx) -> dict:
    app.setup_extension("sphinxcontrib.rsvgconverter")
    app.setup_extension("bookbuild.epub")
    app.connect("config-inited", configure, priority=950)
    app.connect("build-finished", write_characters)
    latex_book.setup(app)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
