"""Zero-cost proxies: scores of an untrained network, and the trivial ones that they have to beat."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mldev.techniques.nas_network import Network, multiply_adds, num_parameters
from mldev.techniques.nas_space import Graph


def untrained(graph: Graph, seed: int) -> Network:
    """A network as training would find it before its first step."""
    torch.manual_seed(seed)
    return Network(graph)


def gradient_norm(network: Network, X: Tensor, y: Tensor) -> float:
    """Length of the loss's gradient on one batch."""
    loss = F.cross_entropy(network(X)[:, 0], y)
    parameters = list(network.parameters())
    gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    return float(sum(g.square().sum() for g in gradients if g is not None).sqrt())


def synflow_terms(network: Network, X: Tensor) -> dict[str, Tensor]:
    """Each weight times the slope of R: R sums the outputs for an image of ones, with all weights made positive."""
    network = network.double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.forward = lambda x: (
                x
            )  # normalisation would hide the size of the flow
    parameters = dict(network.named_parameters())
    with torch.no_grad():
        for name, parameter in parameters.items():
            parameter.copy_(
                torch.zeros_like(parameter) if name == "bias" else parameter.abs()
            )
    total = network(torch.ones_like(X[:1], dtype=torch.double)).sum()
    slopes = torch.autograd.grad(total, parameters.values(), allow_unused=True)
    terms = {
        name: (parameter * slope).detach()
        for (name, parameter), slope in zip(parameters.items(), slopes, strict=True)
        if slope is not None
    }
    return terms | {"R": total.detach()}


def synflow(network: Network, X: Tensor) -> float:
    """Logarithm of the summed flow through all weights."""
    terms = synflow_terms(network, X)
    total = sum(term.sum() for name, term in terms.items() if name != "R")
    return float(torch.log(total + 1e-12))


def activation_codes(network: Network, X: Tensor) -> Tensor:
    """For each image which rectifier lets its input pass: (images, rectifiers) of zeros and ones."""
    codes: list[Tensor] = []

    def record(module: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        codes.append((output > 0).flatten(1).double())

    hooks = [
        module.register_forward_hook(record)
        for module in network.modules()
        if isinstance(module, nn.ReLU)
    ]
    hooks.append(network.norm.register_forward_hook(record))
    with torch.no_grad():
        network(X)
    for hook in hooks:
        hook.remove()
    return torch.cat(codes, 1)


def code_kernel(codes: Tensor) -> Tensor:
    """For each pair of images the number of rectifiers on which they agree."""
    return codes @ codes.T + (1 - codes) @ (1 - codes).T


def distinct_codes(network: Network, X: Tensor) -> float:
    """Log-determinant of the code kernel: high where the untrained network tells images apart."""
    return float(torch.linalg.slogdet(code_kernel(activation_codes(network, X)))[1])


Score = Callable[[Graph, Tensor, Tensor, int], float]
PROXIES: dict[str, Score] = {
    "parameters": lambda graph, X, y, seed: num_parameters(graph),
    "multiply-adds": lambda graph, X, y, seed: multiply_adds(graph),
    "gradient norm": lambda graph, X, y, seed: gradient_norm(untrained(graph, seed), X, y),
    "synflow": lambda graph, X, y, seed: synflow(untrained(graph, seed), X),
    "distinct codes": lambda graph, X, y, seed: distinct_codes(untrained(graph, seed), X),
}  # fmt: skip


def proxy_scores(
    name: str, graphs: tuple[Graph, ...], X: Tensor, y: Tensor, seed: int = 0
) -> np.ndarray:
    """One score per architecture."""
    if name not in PROXIES:
        raise KeyError(f"proxy {name!r} is unknown; there are {', '.join(PROXIES)}")
    return np.array([PROXIES[name](graph, X, y, seed) for graph in graphs])
