"""Figures are legible on both grounds and to colour-blind readers, and the same bytes every time."""

import base64
import itertools
import json
import subprocess
import sys

import altair as alt
import matplotlib as mpl
import matplotlib.pyplot as plt
import nbformat
import numpy as np
import pandas as pd
import pytest
from nbclient import NotebookClient

from mldev import plotting
from mldev.experiments import curve_interval

WHITE, DARK, DARK_SURFACE = "#ffffff", "#14181e", "#29313d"

# hue-rotate(180deg) of the CSS filter effects specification
HALF_TURN = np.array([[-0.574, 1.430, 0.144], [0.426, 0.430, 0.144], [0.426, 1.430, -0.856]])

# How dichromats see linear RGB: Machado, Oliveira and Fernandes (2009), severity 1
VISION = {
    "all cones": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def rgb(color):
    return np.array(mpl.colors.to_rgb(color))


def turned_over(color):
    """`filter: invert(1) hue-rotate(180deg)`."""
    return np.clip(HALF_TURN @ (1 - rgb(color)), 0, 1)


def linear(color):
    return np.where(color <= 0.04045, color / 12.92, ((color + 0.055) / 1.055) ** 2.4)


def contrast(one, other):
    """The contrast ratio of WCAG 2."""
    light = sorted(linear(rgb(color)) @ [0.2126, 0.7152, 0.0722] + 0.05 for color in (one, other))
    return light[1] / light[0]


def lab(linear_rgb):
    x, y, z = np.cbrt(np.maximum(TO_XYZ @ np.clip(linear_rgb, 0, 1) / [0.9505, 1.0, 1.089], 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def distance(one, other, vision):
    """How different two colours look: CIE 1976."""
    return np.linalg.norm(lab(VISION[vision] @ linear(rgb(one))) - lab(VISION[vision] @ linear(rgb(other))))


@pytest.fixture(autouse=True)
def style(monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    with mpl.rc_context():
        mpl.use("agg")
        plotting.use_style()
        yield
    plt.close("all")
    alt.theme.enable("default")


def test_contrast_is_that_of_wcag():
    assert contrast("black", "white") == pytest.approx(21)
    assert contrast("#767676", "white") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("name", plotting.PALETTE)
def test_lines_stand_out_on_both_grounds(name):
    color = plotting.PALETTE[name]
    assert contrast(color, WHITE) >= 3
    assert contrast(turned_over(color), DARK) >= 3
    assert contrast(turned_over(color), DARK_SURFACE) >= 3


@pytest.mark.parametrize(
    "name", ["text.color", "axes.labelcolor", "axes.titlecolor", "xtick.color", "ytick.color", "axes.edgecolor"]
)
def test_text_reads_on_both_grounds(name):
    color = mpl.rcParams[name]
    assert contrast(color, WHITE) >= 4.5
    assert contrast(turned_over(color), DARK) >= 4.5
    assert contrast(turned_over(color), DARK_SURFACE) >= 4.5


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("ground", ["white", "dark"])
def test_colours_stay_apart_for_colour_blind_readers(vision, ground):
    colors = [turned_over(color) if ground == "dark" else color for color in plotting.COLORS]
    assert min(distance(*pair, vision) for pair in itertools.combinations(colors, 2)) >= 19


def test_the_measure_sees_what_colour_blind_readers_confuse():
    assert distance("#c05000", "#808000", "all cones") > 40
    assert distance("#c05000", "#808000", "deuteranopia") < 19


def test_a_hue_keeps_its_name_on_the_dark_ground():
    for name in ("blue", "orange", "green"):
        before, after = rgb(plotting.PALETTE[name]), turned_over(plotting.PALETTE[name])
        assert np.argsort(before).tolist() == np.argsort(after).tolist()


def test_text_is_large_enough():
    fig, ax = plt.subplots()
    ax.plot([1, 2], label="line")
    ax.set(xlabel="time / s", ylabel="loss", title="a title")
    ax.legend()
    fig.draw_without_rendering()
    sizes = [text.get_fontsize() for text in fig.findobj(mpl.text.Text)]
    assert min(sizes) >= 9
    assert fig.get_size_inches().tolist() == [6.4, 3.6]


def test_ground_is_transparent(tmp_path):
    fig, ax = plt.subplots()
    ax.plot([1, 2], label="line")
    ax.legend()
    assert fig.get_facecolor()[3] == 0  # a notebook saves it with its own ground
    fig.savefig(tmp_path / "figure.png")
    pixels = plt.imread(tmp_path / "figure.png")
    assert pixels[0, 0, 3] == 0 and np.median(pixels[..., 3]) == 0


def test_band_draws_the_mean_and_its_interval():
    curves = np.random.default_rng(0).normal(size=(20, 6)).cumsum(axis=1)
    _, ax = plt.subplots()
    line = plotting.band(ax, range(1, 7), curves, "by hand", plotting.COLORS[1])
    mean, low, high = curve_interval(curves)
    assert np.allclose(line.get_ydata(), mean) and line.get_label() == "by hand"
    corners = ax.collections[0].get_paths()[0].vertices
    assert corners[:, 1].min() == pytest.approx(low.min()) and corners[:, 1].max() == pytest.approx(high.max())
    assert mpl.colors.same_color(line.get_color(), ax.collections[0].get_facecolor()[0][:3])


DRAW = """
import hashlib, io
import matplotlib
matplotlib.use("agg")
import matplotlib.pyplot as plt
import numpy as np
from mldev import plotting
plotting.use_style()
fig, ax = plt.subplots()
plotting.band(ax, range(9), np.random.default_rng(0).normal(size=(5, 9)), "a", plotting.COLORS[0])
ax.scatter(range(9), range(9), rasterized=True)
ax.fill_between(range(9), range(9), hatch="/")
for kind in ("svg", "pdf"):
    file = io.BytesIO()
    fig.savefig(file, format=kind)
    print(kind, hashlib.sha256(file.getvalue()).hexdigest())
"""


def test_two_runs_draw_the_same_bytes(monkeypatch, tmp_path):
    monkeypatch.delenv("SOURCE_DATE_EPOCH")
    first, second = (
        subprocess.run([sys.executable, "-c", DRAW], capture_output=True, text=True, check=True, cwd=folder).stdout
        for folder in (None, tmp_path)
    )
    assert first == second and first.count("\n") == 2


def test_a_notebook_gets_both_forms_of_a_figure():
    cells = [
        "from mldev import plotting\nplotting.use_style()\nimport matplotlib.pyplot as plt",
        "fig, ax = plt.subplots()\nax.plot([1, 2])\nax.set_xlabel('time / s');",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook).execute()
    (output,) = notebook.cells[1].outputs
    assert set(output.data) == {"image/svg+xml", "application/pdf", "text/plain"}
    assert base64.b64decode(output.data["application/pdf"]).startswith(b"%PDF-")
    svg = output.data["image/svg+xml"]
    assert "<text" not in svg and 'width="460.8pt"' in svg


def slider_chart():
    frame = pd.DataFrame({"trial": [1, 2, 3], "regret": [0.5, 0.25, 0.125], "method": ["grid", "random", "grid"]})
    threshold = alt.param(name="threshold", value=0.2, bind=alt.binding_range(min=0, max=1))
    chart = alt.Chart(frame).mark_line().encode(x="trial", y="regret", color="method")
    return chart.add_params(threshold)


def test_interactive_holds_the_chart_and_its_twin():
    bundle = plotting.interactive(slider_chart(), alt="Regret falls with every trial")._repr_mimebundle_()
    chart = bundle["application/vnd.mldev.chart+json"]
    assert chart["alt"] == chart["spec"]["description"] == "Regret falls with every trial"
    lab = bundle["application/vnd.vegalite.v5+json"]
    assert lab["$schema"].endswith("/v5.json") and chart["spec"]["$schema"].endswith(".json")
    assert {**lab, "$schema": ""} == {**chart["spec"], "$schema": ""}
    assert chart["svg"].startswith("<svg") and plotting.COLORS[0] in chart["svg"]
    assert chart["spec"]["config"]["background"] == "transparent"
    assert bundle["text/plain"] == "Interactive chart: Regret falls with every trial"
    assert json.loads(json.dumps(bundle)) == bundle


def test_interactive_is_the_same_every_time():
    one, two = (plotting.interactive(slider_chart(), alt="Regret")._repr_mimebundle_() for _ in range(2))
    assert one == two


@pytest.mark.parametrize("words", ["", "  ", None])
def test_interactive_charts_are_put_into_words(words):
    with pytest.raises(ValueError, match="alt must say what the chart shows"):
        plotting.interactive(slider_chart(), alt=words)
