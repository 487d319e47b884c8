"""The search space of the chapter on neural architecture search: a cell with four nodes.

Node 0 is the cell's input, node 3 its output. Each of the six edges carries one of four operations, so a cell is a
word of six letters from four: a `Genotype`. Many words describe the same graph. `canonical` maps each to its `Graph`,
in which every edge lies on a way from input to output and no node merely repeats another; identical graphs count once.
(Parallel skips double their input, which a normalisation behind undoes: such twins count as drawn.)
A cell may hold at most three convolutions: that is the cost that the search may not exceed.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from itertools import product

import numpy as np

OPERATIONS = ("none", "skip", "conv1x1", "conv3x3")
NODES = 4
OUTPUT = NODES - 1
MAX_CONVOLUTIONS = 3
EDGES = tuple((start, end) for end in range(1, NODES) for start in range(end))

Genotype = tuple[str, ...]  # one operation for each of EDGES
Edge = tuple[int, int, str]  # start, end, operation
Graph = tuple[Edge, ...]  # sorted


def check_genotype(genotype: Genotype) -> None:
    """Raise a `ValueError` unless there is one known operation for each edge."""
    if len(genotype) != len(EDGES) or any(op not in OPERATIONS for op in genotype):
        raise ValueError(
            f"genotype: {genotype!r}; expected {len(EDGES)} of {', '.join(OPERATIONS)}"
        )


def all_genotypes() -> Iterator[Genotype]:
    """Every word of six operations."""
    return product(OPERATIONS, repeat=len(EDGES))


@cache
def canonical(genotype: Genotype) -> Graph:
    """The graph that a genotype describes, with one name for all the ways to write it."""
    check_genotype(genotype)
    edges = [
        (start, end, op)
        for (start, end), op in zip(EDGES, genotype, strict=True)
        if op != "none"
    ]
    edges = _prune(edges)
    while (shorter := _contract(edges)) is not None:
        edges = shorter
    names = [tuple(sorted(edges))]
    if all(edge[:2] != (1, 2) for edge in edges):  # nothing says which node comes first
        names.append(tuple(sorted((_swap(s), _swap(e), op) for s, e, op in edges)))
    return min(names)


def num_convolutions(graph: Graph) -> int:
    """How many of its edges are convolutions."""
    return sum(op.startswith("conv") for _, _, op in graph)


def allowed(genotype: Genotype) -> bool:
    """Whether the cell keeps to the limit on convolutions."""
    return num_convolutions(canonical(genotype)) <= MAX_CONVOLUTIONS


def _prune(edges: list[Edge]) -> list[Edge]:
    """Without the edges that lie on no way from the input to the output."""
    from_input, to_output = {0}, {OUTPUT}
    for start, end, _ in sorted(edges):
        if start in from_input:
            from_input.add(end)
    for start, end, _ in sorted(edges, reverse=True):
        if end in to_output:
            to_output.add(start)
    return [e for e in edges if e[0] in from_input and e[1] in to_output]


def _contract(edges: list[Edge]) -> list[Edge] | None:
    """Remove one inner node that only repeats its one input, or only hands its sum on; None if there is none."""
    for node in range(1, OUTPUT):
        entering = [e for e in edges if e[1] == node]
        leaving = [e for e in edges if e[0] == node]
        for only, other in ((entering, 0), (leaving, 1)):
            if len(only) == 1 and only[0][2] == "skip":
                rest = list(edges)
                rest.remove(only[0])
                new = only[0][other]
                return [
                    (new if s == node else s, new if e == node else e, op)
                    for s, e, op in rest
                ]
    return None


def _swap(node: int) -> int:
    return {1: 2, 2: 1}.get(node, node)


@cache
def architectures() -> tuple[Graph, ...]:
    """All allowed graphs, in a fixed order: the search space."""
    return tuple(sorted({canonical(g) for g in all_genotypes() if allowed(g)}))


@cache
def genotypes_of() -> dict[Graph, tuple[Genotype, ...]]:
    """For each architecture the genotypes that describe it."""
    found: dict[Graph, list[Genotype]] = {graph: [] for graph in architectures()}
    for genotype in all_genotypes():
        if allowed(genotype):
            found[canonical(genotype)].append(genotype)
    return {graph: tuple(words) for graph, words in found.items()}


def random_genotype(rng: np.random.Generator) -> Genotype:
    """A genotype of an architecture drawn uniformly: each different graph is equally likely."""
    graphs = architectures()
    words = genotypes_of()[graphs[int(rng.integers(len(graphs)))]]
    return words[int(rng.integers(len(words)))]


def mutate(genotype: Genotype, rng: np.random.Generator) -> Genotype:
    """Change the operation of one edge so that another allowed graph results."""
    while True:
        edge = int(rng.integers(len(EDGES)))
        new = OPERATIONS[int(rng.integers(len(OPERATIONS)))]
        child = (*genotype[:edge], new, *genotype[edge + 1 :])
        if allowed(child) and canonical(child) != canonical(genotype):
            return child


def describe(graph: Graph) -> str:
    """A graph as words: `0>1 conv3x3, 1>3 skip`."""
    return ", ".join(f"{start}>{end} {op}" for start, end, op in graph) or "empty"
