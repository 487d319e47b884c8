"""The site as a reader touches it: the frame around every page, and what each page carries in it."""

from __future__ import annotations

import os
from pathlib import Path

from docutils import nodes
from pydata_sphinx_theme.short_link import ShortenLinkTransform
from sphinx.application import Sphinx
from sphinx.config import Config
from sphinx.environment import BuildEnvironment
from sphinx.util.osutil import relative_uri

from bookbuild import charts, site_assets, site_cards, site_pages
from bookbuild.paths import EPUB_NAME, PDF_NAME, is_notebook
from bookbuild.site_html import folded, mended, picture_size
from bookbuild.site_meta import description, last_changed, repository
from bookbuild.site_nav import Navigation, contents_html, navigation, page_contents, toctrees

PLAIN = {
    "search": "Search the text, the code and the captions of the book.",
    "genindex": "The index of the book: where each term is explained and used.",
    "404": "There is no page at this address.",
}


def configure(app: Sphinx, config: Config) -> None:
    """Settings that the frame needs; a changed frame makes Sphinx write every page again."""
    config.templates_path = [str(site_assets.TEMPLATES), *config.templates_path]
    config.html_domain_indices = False
    config.html_copy_source = False
    config.html_baseurl = config.html_baseurl or os.environ.get("BOOK_SITE_URL", "")
    if config.html_baseurl and not config.html_baseurl.endswith("/"):
        config.html_baseurl += "/"
    if not config.mldev_repository_url:
        known = repository(Path(app.srcdir))
        config.mldev_repository_url = known.url if known else ""
    config.mldev_frame = site_assets.fingerprint()
    ShortenLinkTransform.supported_platform = {}  # an address is printed whole, as in the PDF: "a/b" is none


def frame_of(app: Sphinx, env: BuildEnvironment) -> list[str]:
    """The pages to write again because what surrounds them changed: the contents for all, the date for some."""
    days = last_changed(Path(app.srcdir))
    names = sorted(env.titles)
    trees = [(name, tree.get("caption"), tree["entries"]) for name in names for tree in toctrees(env, name)]
    titles = {name: title.astext() for name, title in env.titles.items()}
    contents = repr((trees, sorted(titles.items()), sorted((n, v.get("")) for n, v in env.toc_secnumbers.items())))
    before = getattr(env, "mldev_frame_state", ("", {}))
    env.mldev_frame_state = (contents, days)
    if before[0] != contents:
        return sorted(env.all_docs)
    return sorted(name for name in env.all_docs if before[1].get(f"{name}.md") != days.get(f"{name}.md"))


def shared(app: Sphinx) -> Navigation:
    """The contents of the book, read once for each build."""
    if not hasattr(app, "mldev_navigation"):
        app.mldev_navigation = navigation(app)
    return app.mldev_navigation


def sizes_of(app: Sphinx, body: str) -> dict[str, tuple[int, int]]:
    """The size of every picture that a page shows."""
    found = {}
    for uri, name in app.builder.images.items():
        if f"/{name}" in body:
            size = picture_size(Path(app.srcdir, uri))
            if size:
                found[name] = size
    return found


def page_context(app: Sphinx, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    """Everything that the templates need, under one name: `page`."""
    if app.builder.format != "html" or app.builder.name == "epub":
        return
    nav = shared(app)
    body = mended(context.get("body") or "", sizes_of(app, context.get("body") or ""))
    top, _, rest = body.partition("</h1>")
    context["body"], context["body_top"], context["body_rest"] = body, f"{top}</h1>" if rest else "", rest or body
    uri = app.builder.get_target_uri(pagename)
    before, after = nav.neighbours(pagename)
    part = nav.part_of(pagename)
    context["page"] = {
        "description": (description(doctree) if doctree else PLAIN.get(pagename, "")) or context.get("title", ""),
        "root": relative_uri(uri, "") or "./",
        "home": app.builder.get_relative_uri(pagename, nav.root) or "#",
        "contents": contents_html(nav, pagename, app.builder),
        "sections": page_contents(app, pagename) if doctree else "",
        "part": part.caption if part else "",
        "before": link_of(app, pagename, before),
        "after": link_of(app, pagename, after),
        "maths": 'class="katex' in body,
        "hidden_code": '<details class="admonition hide' in body,
        "fonts": site_assets.fonts_of(body),
        "canonical": canonical(app.config.html_baseurl, uri, pagename == nav.root),
        "card": app.config.html_baseurl + site_cards.card_name(pagename) if app.config.html_baseurl and doctree else "",
        "landing": pagename == nav.root,
        "style": f"_static/{site_assets.STYLE}?v={site_assets.version(site_assets.STYLE)}",
        "script": f"_static/{site_assets.SCRIPT}?v={site_assets.version(site_assets.SCRIPT)}",
        "maths_style": f"_static/{site_assets.MATHS}?v={site_assets.version(site_assets.MATHS)}",
        "books": books(app),
        **source_facts(app, pagename, doctree),
    }


def books(app: Sphinx) -> list[tuple[str, str]]:
    """The files that hold the whole book, as far as this build makes them."""
    names = {"mldev_pdf": ("PDF", PDF_NAME), "mldev_epub": ("EPUB", EPUB_NAME)}
    return [book for setting, book in names.items() if getattr(app.config, setting, False)]


def cards(app: Sphinx) -> list[tuple[str, str, str]]:
    """Name, title and part of every page that is shared with a picture."""
    nav = shared(app)
    parts = ((entry, nav.part_of(entry.docname)) for entry in nav.order)
    return [(entry.docname, entry.title, part.caption if part else "") for entry, part in parts]


def link_of(app: Sphinx, here: str, entry: object) -> dict | None:
    if entry is None:
        return None
    return {"uri": app.builder.get_relative_uri(here, entry.docname), "number": entry.number, "title": entry.title}


def canonical(base: str, uri: str, landing: bool) -> str:
    """The one address of a page; empty when the site's address is not known."""
    return base + ("" if landing else uri) if base else ""


def source_facts(app: Sphinx, pagename: str, doctree: nodes.document | None) -> dict:
    """Downloads, date and repository links of a page that has a source."""
    if doctree is None:
        return {"changed": "", "downloads": "", "edit": "", "issue": "", "launch": "", "repository": ""}
    path = f"{pagename}.md"
    source = Path(app.srcdir, path)
    known = repository(Path(app.srcdir), app.config.mldev_repository_url)
    runs = source.exists() and is_notebook(source.read_text("utf8"))
    return {
        "changed": app.env.mldev_frame_state[1].get(path, ""),
        "downloads": pagename.rsplit("/", 1)[-1] if runs else "",
        "repository": known.url if known else "",
        "edit": known.edit(path) if known else "",
        "issue": known.issue(f"{path}: ") if known else "",
        "launch": known.launch(path) if known and runs else "",
    }


def visit_box(self: nodes.NodeVisitor, node: nodes.Element, name: str = "") -> None:
    """Begin a box, remembering where, so that a box of class `dropdown` can be folded at its end."""
    node["begins"] = len(self.body)
    if "label" in node:
        self.body.append(self.starttag(node, "div", CLASS="admonition"))
    else:
        type(self).visit_admonition(self, node, name)


def depart_box(self: nodes.NodeVisitor, node: nodes.Element) -> None:
    self.body.append("</div>\n")
    begins = node.attributes.pop("begins")
    if "dropdown" in node["classes"] and self.builder.name != "epub":
        html = folded("".join(self.body[begins:]))
        self.body[begins:] = [html]


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Write what pages share, and remove what none of them loads."""
    if exception is not None or app.builder.format != "html" or app.builder.name == "epub":
        return
    out = Path(app.outdir)
    keep = set()
    if charts.pages_with_charts(app.env):
        keep.add(charts.write_vega(out / "_static"))
    site_assets.write_assets(out, keep)
    site_pages.remove_stale(app)
    site_cards.write_cards(out, cards(app) if app.config.html_baseurl else [], app.config.project)
    site_pages.write_root(out, shared(app).root)
    site_pages.write_maps(out, app.config.html_baseurl, [entry.docname for entry in shared(app).order], app.builder)


def setup(app: Sphinx) -> dict:
    from sphinx_exercise.nodes import solution_node

    app.add_config_value("mldev_repository_url", "", "html", str)
    app.add_config_value("mldev_frame", "", "html", str)
    app.connect("config-inited", configure)
    app.connect("env-updated", frame_of)
    app.connect("html-page-context", page_context, priority=900)
    app.connect("html-collect-pages", site_pages.extra_pages)
    app.connect("build-finished", finish, priority=700)
    app.add_node(nodes.admonition, override=True, html=(visit_box, depart_box))
    app.add_node(solution_node, override=True, html=(visit_box, depart_box))
    return {"parallel_read_safe": True, "parallel_write_safe": True, "env_version": 1}
