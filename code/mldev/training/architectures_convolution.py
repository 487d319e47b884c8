"""Convolution in plain tensor operations, its arithmetic, and what one number of a map sees.

Chapter *Architectures*. `torch` calls convolution what mathematicians call cross-correlation: the kernel is laid on
the image without being turned over. So does this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


def conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
) -> Tensor:
    """Slide kernels over images: x is (B, C, H, W), weight (D, C, k, k), the result (B, D, H', W')."""
    check_convolution(x, weight, stride, padding, dilation)
    num_kernels, _, size, _ = weight.shape
    height, width = (map_size(n, size, stride, padding, dilation) for n in x.shape[2:])
    around = x.new_zeros(*x.shape[:2], *(n + 2 * padding for n in x.shape[2:]))
    around[:, :, padding : padding + x.shape[2], padding : padding + x.shape[3]] = x
    out = bias.view(1, num_kernels, 1, 1).expand(len(x), -1, height, width)
    for i in range(size):
        for j in range(size):
            top, left = i * dilation, j * dilation
            below = top + stride * (height - 1) + 1
            right = left + stride * (width - 1) + 1
            seen = around[:, :, top:below:stride, left:right:stride]  # (B, C, H', W')
            out = out + torch.einsum("bchw,dc->bdhw", seen, weight[:, :, i, j])
    return out


def map_size(
    size: int, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1
) -> int:
    """Along one side: at how many places a kernel fits."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def check_convolution(
    x: Tensor, weight: Tensor, stride: int, padding: int, dilation: int
) -> None:
    """Raise where a kernel cannot be slid over the images."""
    if x.ndim != 4 or weight.ndim != 4 or x.shape[1] != weight.shape[1]:
        raise ValueError(
            f"x, weight: expected (B, C, H, W) and (D, C, k, k) with the same C, "
            f"got {tuple(x.shape)} and {tuple(weight.shape)}"
        )
    least = {"stride": (stride, 1), "padding": (padding, 0), "dilation": (dilation, 1)}
    for name, (value, low) in least.items():
        if value < low:
            raise ValueError(f"{name}: expected at least {low}, got {value}")
    if min(map_size(n, weight.shape[2], 1, padding, dilation) for n in x.shape[2:]) < 1:
        raise ValueError(
            f"weight: a kernel of {weight.shape[2]} with dilation {dilation} does not fit into "
            f"{tuple(x.shape[2:])} with padding {padding}"
        )


@dataclass(frozen=True)
class Slide:
    """How one layer's kernel moves: its side, its stride, its dilation."""

    kernel: int
    stride: int = 1
    dilation: int = 1


def receptive_field(layers: Sequence[Slide]) -> int:
    """How many pixels of the image, along one side, one number of the last map depends on."""
    field, apart = 1, 1  # pixels between neighbours of the current map
    for layer in layers:
        field += (layer.kernel - 1) * layer.dilation * apart
        apart *= layer.stride
    return field


def field_by_gradient(layers: Sequence[Slide], size: int = 101) -> int:
    """The same, by asking: for which pixels does the gradient of the middle number not vanish?"""
    image = torch.zeros(1, 1, size, size, requires_grad=True)
    out = image
    for layer in layers:
        ones = torch.ones(1, 1, layer.kernel, layer.kernel)
        out = conv2d(
            out, ones, torch.zeros(1), stride=layer.stride, dilation=layer.dilation
        )
    middle = out.shape[2] // 2
    out[0, 0, middle, middle].backward()
    rows = torch.nonzero(image.grad[0, 0].abs().sum(1))
    return int(rows.max() - rows.min()) + 1


def shifted(images: Tensor, down: int, right: int) -> Tensor:
    """The images moved by whole pixels; what leaves at one side is lost, and zeros come in at the other."""
    moved = torch.roll(images, (down, right), dims=(-2, -1))
    rows = slice(0, down) if down >= 0 else slice(down, None)
    columns = slice(0, right) if right >= 0 else slice(right, None)
    moved[..., rows, :] = 0
    moved[..., columns] = 0
    return moved


def multiply_adds(model: nn.Module, *inputs: Tensor) -> int:
    """The multiplications of one forward pass, per row of the input: the book's unit of compute here.

    Counted in the layers that multiply by a matrix of weights: every weight is used once per place (of an image)
    or step (of a sequence). The backward pass costs about twice as much again, whatever the layer.
    """
    total = 0

    def count(layer: nn.Module, given: tuple, out: Tensor) -> None:
        nonlocal total
        if isinstance(layer, nn.Conv2d):
            total += layer.weight.numel() * out.shape[2] * out.shape[3]
        elif isinstance(layer, nn.Linear):
            total += layer.weight.numel() * (out.numel() // len(out) // out.shape[-1])
        elif isinstance(layer, nn.RNNBase):
            matrices = [p for p in layer.parameters() if p.ndim == 2]
            total += sum(p.numel() for p in matrices) * given[0].shape[1]

    hooks = [layer.register_forward_hook(count) for layer in model.modules()]
    with torch.no_grad():
        model(*inputs)
    for hook in hooks:
        hook.remove()
    return total
