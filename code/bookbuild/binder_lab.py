"""A page in JupyterLab, as a reader who comes from a launch button meets it: opened, run to its end, and judged."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Error as BrowserError
from playwright.sync_api import Page, sync_playwright

from bookbuild.collect import CHART, CLAIM
from bookbuild.paths import BookError
from bookbuild.site_meta import Repository

SOME_REPOSITORY = Repository("https://github.com/reader/book", "main")
FLAGS = (
    "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync"
)
ONLY_HERE = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
WINDOW = {"width": 1280, "height": 900}
OPENING_SECONDS = 120
RUNNING_SECONDS = 1200
CODE_CELL = re.compile(r"^\s*(`{3,}|~{3,})\{code-cell\}", re.M)

OPENED = "#jp-main-dock-panel :is(.jp-NotebookPanel, .jp-FileEditor, .jp-MarkdownViewer):not(.lm-mod-hidden)"
# What the notebook holds; JupyterLab itself says so, because it draws only the cells that are on the screen.
CONTENT = """() => {
  const panel = window.jupyterapp.shell.currentWidget;
  const kernel = panel.sessionContext.session && panel.sessionContext.session.kernel;
  return {
    path: panel.context.path,
    kernel: kernel ? kernel.status : "none",
    waiting: panel.content.widgets.filter(cell => cell.promptNode && cell.prompt === "*").length,
    cells: panel.context.model.toJSON().cells,
  };
}"""
# What the reader sees of one cell's outputs, once it is on the screen.
SHOWN = """async ({number, chart}) => {
  const notebook = window.jupyterapp.shell.currentWidget.content;
  await notebook.scrollToItem(number);
  const area = notebook.widgets[number].node.querySelector(".jp-Cell-outputWrapper");
  const drawn = () => area.querySelector(".vega-embed :is(svg, canvas)");
  let waits = 0;  // a chart is drawn by a script that may have to be loaded first
  do await new Promise(done => setTimeout(done, 150)); while (chart && !drawn() && ++waits < 100);
  const broken = [...area.querySelectorAll("img")].filter(image => image.complete && !image.naturalWidth);
  const charts = area.querySelectorAll(".vega-embed :is(svg, canvas)").length;
  return { text: area.innerText, broken: broken.length, charts: charts };
}"""


@dataclass
class Visit:
    """What was found on one page."""

    page: str
    cells: int = 0
    claims: int = 0
    seconds: float = 0.0
    faults: list[str] = field(default_factory=list)


def launch_path(page: str) -> str:
    """The path at which Binder opens a page, as the site's launch button asks for it."""
    address = urlsplit(SOME_REPOSITORY.launch(f"{page}.md"))
    return parse_qs(address.query)["urlpath"][0]


@contextmanager
def browser_page() -> Iterator[Page]:
    """One window of a headless Chromium that reaches this machine only."""
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if not path:
        raise BookError("no Chromium: `make system` installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS.split(), ONLY_HERE])
        yield browser.new_page(viewport=WINDOW)
        browser.close()


def visit(page: str, source: str, address: str, token: str, pictures: Path) -> Visit:
    """Open one page from its launch path, run all its cells, and note what is wrong."""
    found = Visit(page)
    with browser_page() as window:
        try:
            window.goto(f"{address}{launch_path(page)}?token={token}")
            fault = open_as_notebook(window, page)
            found.faults += [fault] if fault else run_all(window, found, source)
        except BrowserError as error:
            found.faults.append(f"in the browser: {error.message.splitlines()[0]}")
        window.screenshot(path=pictures / f"{page.replace('/', '-')}.png")
    return found


def open_as_notebook(window: Page, page: str) -> str:
    """Wait until the page is open with a kernel; say what stands in the way."""
    window.wait_for_selector(OPENED, timeout=OPENING_SECONDS * 1000)
    if not window.query_selector(".jp-NotebookPanel"):
        return "opens as text, not as a notebook: see .binder/postBuild"
    deadline = time.monotonic() + OPENING_SECONDS
    while time.monotonic() < deadline:
        dialog = window.query_selector(".jp-Dialog-header")
        if dialog:
            return f"JupyterLab stops and asks: {dialog.inner_text()}"
        state = window.evaluate(CONTENT)
        if state["kernel"] == "idle":
            return "" if state["path"] == f"{page}.md" else f"another file was opened: {state['path']}"
        window.wait_for_timeout(500)
    return f"no kernel after {OPENING_SECONDS} s"


def run_all(window: Page, found: Visit, source: str) -> list[str]:
    """Run > Run All Cells, to the end; returns the faults."""
    begin = time.monotonic()
    window.get_by_role("menuitem", name="Run", exact=True).click()
    window.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    while True:
        window.wait_for_timeout(500)
        state = window.evaluate(CONTENT)
        code = [cell for cell in state["cells"] if cell["cell_type"] == "code"]
        if state["kernel"] in ("dead", "restarting", "autorestarting", "none"):
            return [f"{position(code)}: the kernel died (out of memory?)"]
        if state["kernel"] == "idle" and (ended(code) or has_error(code)):
            break
        if time.monotonic() - begin > RUNNING_SECONDS:
            return [f"{position(code)}: still running after {RUNNING_SECONDS} s"]
    found.seconds = time.monotonic() - begin
    found.cells = len(code)
    found.claims = sum(CLAIM in data for cell in code for data in displayed(cell))
    return content_faults(state["cells"], source) + shown_faults(window, state["cells"])


def position(code: list[dict]) -> str:
    """The first cell that has not run."""
    number = next((n for n, cell in enumerate(code, 1) if not has_run(cell)), len(code))
    return f"cell {number} of {len(code)}"


def text_of(cell: dict) -> str:
    return "".join(cell["source"])


def first_line(text: str) -> str:
    return text.strip().partition("\n")[0]


def has_run(cell: dict) -> bool:
    return cell.get("execution_count") is not None or not text_of(cell).strip()


def ended(code: list[dict]) -> bool:
    return all(has_run(cell) for cell in code)


def has_error(code: list[dict]) -> bool:
    return any(output["output_type"] == "error" for cell in code for output in cell["outputs"])


def displayed(cell: dict) -> list[dict]:
    """What a cell displays: of each output, its forms by mime type."""
    return [output["data"] for output in cell.get("outputs", []) if "data" in output]


def content_faults(cells: list[dict], source: str) -> list[str]:
    """Compare the notebook that ran with the page it was made from."""
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    prose = "\n".join(text_of(cell) for cell in cells if cell["cell_type"] != "code")
    faults = []
    if len(code) != len(CODE_CELL.findall(source)):
        faults.append(f"{len(CODE_CELL.findall(source))} code cells in the file, {len(code)} in the notebook")
    if CODE_CELL.search(prose) or re.search(r"^kernelspec:", prose, re.M):
        faults.append("front matter or code cells are left over as text")
    for number, cell in enumerate(code, 1):
        where = f"cell {number} of {len(code)}"
        errors = [output for output in cell["outputs"] if output["output_type"] == "error"]
        faults += [f"{where}: {error['ename']}: {first_line(error['evalue'])}" for error in errors]
        if not errors and not has_run(cell):
            faults.append(f"{where}: did not run")
        faults += [
            f"{where}: the claim {data[CLAIM]['name']} has no mark"
            for data in displayed(cell)
            if CLAIM in data and "text/html" not in data
        ]
    return faults


def shown_faults(window: Page, cells: list[dict]) -> list[str]:
    """Look at every cell that displays something: claims as their marks, charts drawn, no error in sight."""
    total = sum(cell["cell_type"] == "code" for cell in cells)
    faults, number = [], 0
    for index, cell in enumerate(cells):
        number += cell["cell_type"] == "code"
        if not cell.get("outputs"):
            continue
        chart, where = any(CHART in data for data in displayed(cell)), f"cell {number} of {total}"
        seen = window.evaluate(SHOWN, {"number": index, "chart": chart})
        for data in displayed(cell):
            if CLAIM in data and data[CLAIM]["statement"] not in " ".join(seen["text"].split()):
                faults.append(f"{where}: the mark of the claim {data[CLAIM]['name']} does not show")
        if chart and not seen["charts"]:
            faults.append(f"{where}: its chart does not show")
        if seen["broken"]:
            faults.append(f"{where}: an image does not show")
        shows = re.search(r"Traceback \(most recent|Error displaying widget|Javascript Error", seen["text"])
        faults += [f"{where}: shows {shows.group(0)!r}"] if shows else []
    return faults
