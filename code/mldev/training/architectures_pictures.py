"""The chapter's interactive chart: a kernel that is moved over a character, with stride, padding and dilation."""

from __future__ import annotations

import json

import altair as alt
import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mldev.plotting import PALETTE
from mldev.training.architectures_convolution import conv2d

MARGIN = 2  # the widest padding that the chart offers
DILATIONS = (1, 2, 3)
KERNELS = {
    "edges, left to right": [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]],
    "edges, top to bottom": [[-1, -2, -1], [0, 0, 0], [1, 2, 1]],
    "mean of the patch": [[0.11, 0.11, 0.11], [0.11, 0.12, 0.11], [0.11, 0.11, 0.11]],
}


def kernel_tables(image: Tensor) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The pixels of an image (H, W) with a margin of zeros, and the results of each kernel at every place.

    A larger stride or a smaller padding shows a part of these places, so they are all that the chart needs.
    """
    if image.ndim != 2:
        raise ValueError(f"image: expected (H, W), got {tuple(image.shape)}")
    padded = torch.nn.functional.pad(image, [MARGIN] * 4)
    pixels = [
        {"r": r - MARGIN, "c": c - MARGIN, "ink": round(float(ink), 2)}
        for r, line in enumerate(padded)
        for c, ink in enumerate(line)
    ]
    places = []
    for name, kernel in KERNELS.items():
        weight = torch.tensor(kernel, dtype=torch.float32)[None, None]
        for apart in DILATIONS:
            found = conv2d(
                image[None, None],
                weight,
                torch.zeros(1),
                padding=MARGIN,
                dilation=apart,
            )[0, 0]
            for (r, c), value in np.ndenumerate(found.numpy()):
                places.append(
                    {
                        "kernel": name,
                        "apart": apart,
                        "top": r - MARGIN,
                        "left": c - MARGIN,
                        "value": round(float(value), 2),
                    }
                )
    return pd.DataFrame(pixels), pd.DataFrame(places)


def directedness(kernels: Tensor, num_angles: int = 16) -> np.ndarray:
    """How much each kernel (D, 1, k, k) prefers edges of one direction: 0 not at all, towards 1 wholly.

    Each is laid on a sharp edge through its middle, at angles all around: dark on one side, light on the other.
    """
    size = kernels.shape[-1]
    middle = torch.arange(size) - (size - 1) / 2
    angles = 2 * torch.pi * torch.arange(num_angles) / num_angles
    across = (
        angles.cos()[:, None, None] * middle[None, :, None]
        + angles.sin()[:, None, None] * middle[None, None, :]
    )
    answers = kernels[:, 0].flatten(1) @ torch.sign(across).flatten(1).T  # (D, angles)
    total = kernels[:, 0].abs().flatten(1).sum(1)  # the most that any image could draw
    return (answers.abs().amax(1) / total).numpy()


def _controls(side: int) -> list[alt.Parameter]:
    """The list of kernels and five sliders."""

    def slider(name: str, value: int, low: int, high: int) -> alt.Parameter:
        bind = alt.binding_range(name=f"{name} ", min=low, max=high, step=1)
        return alt.param(name=name, value=value, bind=bind)

    choice = alt.binding_select(options=list(KERNELS), name="kernel ")
    return [
        alt.param(name="kernel", value=next(iter(KERNELS)), bind=choice),
        slider("down", 4, 0, side - 1),
        slider("across", 3, 0, side - 1),
        slider("stride", 1, 1, 3),
        slider("padding", 1, 0, MARGIN),
        slider("dilation", 1, min(DILATIONS), max(DILATIONS)),
    ]


def _squares(table: pd.DataFrame, x: str, y: str, ends: tuple[float, float]) -> dict:
    """Encodings of unit squares around whole positions, the first row on top."""
    axis = alt.Axis(ticks=False, labels=False, grid=False, domain=False)
    scale = {"domain": ends, "nice": False}
    return {
        "x": alt.X(f"{x}0:Q", axis=axis, title=None, scale=alt.Scale(**scale)),
        "x2": f"{x}1:Q",
        "y": alt.Y(
            f"{y}0:Q", axis=axis, title=None, scale=alt.Scale(reverse=True, **scale)
        ),
        "y2": f"{y}1:Q",
    }


def _with_ends(chart: alt.Chart, *names: str) -> alt.Chart:
    for name in names:
        chart = chart.transform_calculate(
            **{f"{name}0": f"datum.{name} - 0.48", f"{name}1": f"datum.{name} + 0.48"}
        )
    return chart


def kernel_chart(image: Tensor) -> alt.HConcatChart:
    """The image with the patch that the kernel sees, and the map of results; the controls move and change it."""
    pixels, places = kernel_tables(image)
    side = len(image)
    fits = f"(floor(({side} + 2 * padding - 2 * dilation - 1) / stride) + 1)"
    at = {
        "row": f"min(down, {fits} - 1)",
        "column": f"min(across, {fits} - 1)",
    }
    ends = (-MARGIN - 0.5, side + MARGIN - 0.5)
    left = _image_panel(pixels, side, at, ends)
    right = _map_panel(places, fits, at, ends)
    size = {"width": 262, "height": 262}
    return (
        alt.hconcat(left.properties(**size), right.properties(**size))
        .add_params(*_controls(side + 2))
        .resolve_scale(color="independent", x="independent", y="independent")
    )


def _image_panel(
    pixels: pd.DataFrame, side: int, at: dict, ends: tuple[float, float]
) -> alt.LayerChart:
    inside = f"datum.{{0}} >= -padding && datum.{{0}} < {side} + padding"
    base = _with_ends(
        alt.Chart(pixels).transform_filter(
            f"{inside.format('r')} && {inside.format('c')}"
        ),
        "r",
        "c",
    )
    where = _squares(pixels, "c", "r", ends)
    ink = base.mark_rect(stroke="#b8b8b8", strokeWidth=0.4).encode(
        color=alt.Color(
            "ink:Q", scale=alt.Scale(domain=[0, 1], scheme="greys"), legend=None
        ),
        **where,
    )
    seen = (
        base.transform_calculate(
            dy=f"datum.r + padding - {at['row']} * stride",
            dx=f"datum.c + padding - {at['column']} * stride",
        )
        .transform_filter(
            " && ".join(
                f"datum.{d} >= 0 && datum.{d} <= 2 * dilation && datum.{d} % dilation == 0"
                for d in ("dy", "dx")
            )
        )
        .transform_calculate(
            weight=f"{json.dumps(KERNELS)}[kernel][datum.dy / dilation][datum.dx / dilation]"
        )
    )
    frame = seen.mark_rect(
        filled=False, stroke=PALETTE["orange"], strokeWidth=2.5
    ).encode(tooltip=["ink:Q", "weight:Q"], **where)
    return alt.layer(ink, frame, title="image, and the pixels that are seen")


def _map_panel(
    places: pd.DataFrame, fits: str, at: dict, ends: tuple[float, float]
) -> alt.LayerChart:
    base = (
        alt.Chart(places)
        .transform_filter("datum.kernel == kernel && datum.apart == dilation")
        .transform_calculate(
            y="(datum.top + padding) / stride", x="(datum.left + padding) / stride"
        )
        .transform_filter(
            " && ".join(
                f"datum.{v} >= 0 && datum.{v} < {fits} && datum.{v} == floor(datum.{v})"
                for v in "yx"
            )
        )
    )
    base = _with_ends(base, "y", "x")
    where = _squares(places, "x", "y", ends)
    values = base.mark_rect(stroke="#b8b8b8", strokeWidth=0.4).encode(
        color=alt.Color(
            "value:Q",
            title="result",
            scale=alt.Scale(domain=[-4, 4], scheme="blueorange", clamp=True),
            legend=alt.Legend(orient="bottom", gradientLength=200),
        ),
        tooltip=["value:Q"],
        **where,
    )
    chosen = base.transform_filter(
        f"datum.y == {at['row']} && datum.x == {at['column']}"
    )
    frame = chosen.mark_rect(filled=False, stroke=PALETTE["red"], strokeWidth=3).encode(
        **where
    )
    return alt.layer(values, frame, title="map: one number for each place")
