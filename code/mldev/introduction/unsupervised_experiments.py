"""The runs behind the claims of the chapter on unsupervised learning. Each takes a seed and returns plain numbers."""

from functools import cache

import numpy as np
import pandas as pd
from scipy.spatial.distance import pdist, squareform
from scipy.stats import spearmanr

from mldev.experiments import repeat
from mldev.introduction.unsupervised import (
    adjusted_rand,
    elbow,
    k_means,
    plus_plus_start,
    random_start,
    silhouette,
)
from mldev.introduction.unsupervised_data import (
    centre_ink,
    digits,
    flat,
    glyph_images,
    grid_of_clusters,
    narrow_and_wide,
    near_and_far,
    noise,
    separate_clusters,
    some_rows,
    standardise,
    texts,
    two_moons,
    wine,
)
from mldev.introduction.unsupervised_factors import (
    factorise,
    matched_similarity,
    principal_components,
    random_factors,
    sparsity,
)
from mldev.introduction.unsupervised_maps import t_sne
from mldev.introduction.unsupervised_trees import LINKAGES, agglomerate, cut

PERPLEXITIES = (2, 12, 22, 32, 42)
SOME_PERPLEXITIES = (2, 12, 42)
FOR_ISLANDS, FOR_CLASSES = (2, 42), (12, 42)
COMPONENTS = (2, 5, 10, 20, 40, 60)
MAX_K = 20
STARTS = {"random": random_start, "k-means++": plus_plus_start}


def start_run(seed: int, num_starts: int = 5) -> dict[str, float]:
    """Inertia and steps from both kinds of start: of the first one, and of the best of several."""
    row = {}
    sets = {"grid": (grid_of_clusters(seed)[0], 25)}
    sets["digits"] = (some_rows(*digits(), 600, seed)[0], 10)
    for name, (X, k) in sets.items():
        for way, start in STARTS.items():
            first = k_means(X, k, seed, start=start)
            best = k_means(X, k, seed, num_starts, start)
            row[f"{name}, {way}"] = first.inertia
            row[f"{name}, {way}, steps"] = first.num_steps
            row[f"{name}, {way}, best"] = best.inertia
    return row


def agreement(X: np.ndarray, y: np.ndarray, seed: int) -> float:
    """ARI with the true classes of k-means with as many clusters, the best of five starts by inertia."""
    return adjusted_rand(y, k_means(X, len(np.unique(y)), seed, 5).labels)


def preparation_run(seed: int) -> dict[str, float]:
    """How k-means agrees with the classes, before and after the data are prepared."""
    measured, grower = some_rows(*wine(), 140, seed)
    pixels, digit = some_rows(*digits(), 600, seed)
    images, letter = glyph_images(seed)
    centred = np.array([centre_ink(image) for image in images])
    return {
        "wine, raw": agreement(measured, grower, seed),
        "wine, standardised": agreement(standardise(measured), grower, seed),
        "digits, raw": agreement(pixels, digit, seed),
        "digits, standardised": agreement(standardise(pixels), digit, seed),
        "glyphs, raw": agreement(flat(images), letter, seed),
        "glyphs, centred": agreement(flat(centred), letter, seed),
    }


def candidates(seed: int) -> dict[str, tuple[np.ndarray, int]]:
    """Data whose number of groups is known, with that number; pure noise has one group."""
    return {
        "five clusters": (separate_clusters(seed)[0], 5),
        "wine": (standardise(some_rows(*wine(), 140, seed)[0]), 3),
        "digits": (some_rows(*digits(), 300, seed)[0], 10),
        "letters": (flat(glyph_images(seed)[0]), 10),
        "noise": (noise(seed, 300, 64), 1),
    }


def count_run(seed: int, sets: tuple[str, ...] = ()) -> list[dict]:
    """Inertia and silhouette of k-means for each k, on each data set or on those named."""
    rows = []
    for name, (X, _) in candidates(seed).items():
        if sets and name not in sets:
            continue
        distances = squareform(pdist(X))
        for k in range(1, MAX_K + 1):
            found = k_means(X, k, seed, 2)
            width = silhouette(distances, found.labels) if k > 1 else np.nan
            row = {"seed": seed, "data": name, "k": k, "silhouette": width}
            rows.append(row | {"inertia": found.inertia})
    return rows


def count_table(num_seeds: int = 10, **options: object) -> pd.DataFrame:
    """All runs of `count_run`: one row per seed, data set and k."""
    return pd.DataFrame(sum(repeat(count_run, num_seeds, **options), []))


def chosen_counts(table: pd.DataFrame) -> pd.DataFrame:
    """The k that each rule chooses: one row per data set and seed."""
    rows = []
    for (name, seed), part in table.groupby(["data", "seed"], sort=False):
        part = part.sort_values("k").set_index("k")
        chosen = {"elbow up to 10": elbow(part["inertia"].loc[:10])}
        chosen[f"elbow up to {MAX_K}"] = elbow(part["inertia"])
        chosen["silhouette"] = int(part["silhouette"].idxmax())
        rows.append({"data": name, "seed": seed} | chosen)
    return pd.DataFrame(rows)


def linkage_run(seed: int) -> list[dict]:
    """Agreement with the true groups of every linkage and of k-means; and the share of rows in the largest cluster."""
    sets = {
        "moons": two_moons(seed),
        "digits": some_rows(*digits(), 300, seed),
        "wine": (lambda X, y: (standardise(X), y))(*some_rows(*wine(), 140, seed)),
    }
    rows = []
    for name, (X, y) in sets.items():
        k = len(np.unique(y))
        found = {way: cut(agglomerate(X, way), k) for way in LINKAGES}
        found["k-means"] = k_means(X, k, seed, 5).labels
        for way, labels in found.items():
            row = {"seed": seed, "data": name, "method": way}
            row["agreement"] = adjusted_rand(y, labels)
            rows.append(row | {"largest": np.bincount(labels).max() / len(y)})
    return rows


def linkage_table(num_seeds: int = 10) -> pd.DataFrame:
    """All runs of `linkage_run`."""
    return pd.DataFrame(sum(repeat(linkage_run, num_seeds), []))


def component_run(seed: int) -> list[dict]:
    """Agreement of k-means with the digits on the first principal components, plain and whitened."""
    X, y = some_rows(*digits(), 400, seed)
    rows = []
    for num in COMPONENTS:
        found = principal_components(X, num)
        for whiten in (False, True):
            score = agreement(found.scores(X, whiten), y, seed)
            row = {"seed": seed, "components": num, "whitened": whiten}
            rows.append(row | {"agreement": score})
    return rows


def component_table(num_seeds: int = 10) -> pd.DataFrame:
    """All runs of `component_run`."""
    return pd.DataFrame(sum(repeat(component_run, num_seeds), []))


def parts_run(seed: int, num: int = 16, num_steps: int = 200) -> dict[str, float]:
    """Sixteen parts of the same digits by NMF and by PCA: sparsity, error, and NMF again from another start."""
    X, _ = some_rows(*digits(), 600, seed)
    first, second = (
        factorise(X, *random_factors(X, num, np.random.default_rng(s)), num_steps)
        for s in (seed, 1000 + seed)
    )
    found = principal_components(X, num - 1)  # the mean is one more part
    rebuilt = found.mean + found.scores(X) @ found.directions
    return {
        "sparsity, NMF": sparsity(first[1]).mean(),
        "sparsity, PCA": sparsity(found.directions).mean(),
        "error, NMF": first[2][-1],
        "error, NMF, other start": second[2][-1],
        "error, PCA": ((X - rebuilt) ** 2).sum(),
        "similarity of starts": matched_similarity(first[1], second[1]),
    }


def topic_run(seed: int, num: int = 8, num_steps: int = 60) -> dict[str, float]:
    """How topics of docstrings agree with their libraries, and clusters of the same number."""
    X, _, y = texts(seed)
    W, _, _ = factorise(
        X, *random_factors(X, num, np.random.default_rng(seed)), num_steps
    )
    clusters = k_means(X.toarray(), num, seed).labels
    return {
        "NMF": adjusted_rand(y, W.argmax(axis=1)),
        "k-means": adjusted_rand(y, clusters),
    }


def data_to_map(name: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """150 rows and their true groups: noise (one group), digits, or one of the synthetic sets for maps."""
    if name == "noise":
        return noise(seed), np.zeros(150, dtype=int)
    if name == "digits":
        return some_rows(*digits(), 150, seed)
    return {"narrow and wide": narrow_and_wide, "near and far": near_and_far}[name](
        seed
    )


@cache
def t_sne_map(
    name: str, seed: int, perplexity: int, rate: float | None = None
) -> np.ndarray:
    """The map of one data set; made once per process."""
    return t_sne(data_to_map(name, seed)[0], perplexity, rate=rate)


def best_silhouette(
    X: np.ndarray, seed: int, counts: tuple[int, ...] = (5, 10, 20, 40)
) -> float:
    """The highest silhouette that k-means reaches over several k: how clustered the rows look."""
    distances = squareform(pdist(X))
    return max(silhouette(distances, k_means(X, k, seed, 2).labels) for k in counts)


def island_run(seed: int) -> dict[str, float]:
    """How clustered noise looks: as it is, in its maps, and in a plane without any map; and digits as they are."""
    row = {"noise itself": best_silhouette(data_to_map("noise", seed)[0], seed)}
    row["plane"] = best_silhouette(noise(seed, num_columns=2), seed)
    row["digits themselves"] = best_silhouette(data_to_map("digits", seed)[0], seed)
    for perplexity in FOR_ISLANDS:
        row[perplexity] = best_silhouette(t_sne_map("noise", seed, perplexity), seed)
    return row


def spread(Y: np.ndarray) -> float:
    """Root mean squared distance from the mean."""
    return float(np.sqrt(Y.var(axis=0).sum()))


def spread_run(seed: int, perplexity: int = 22) -> dict[str, float]:
    """How many times as wide the wide cluster is: in the data, by PCA, and in the map."""
    X, y = narrow_and_wide(seed)
    views = {"data": X, "map": t_sne_map("narrow and wide", seed, perplexity)}
    views["PCA"] = principal_components(X, 2).scores(X)
    return {name: spread(V[y == 1]) / spread(V[y == 0]) for name, V in views.items()}


def gaps(Y: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Distances between the means of the groups."""
    return pdist(np.stack([Y[y == g].mean(axis=0) for g in np.unique(y)]))


def distance_run(seed: int) -> dict[object, float]:
    """Rank correlation of the distances between clusters, in a picture and in truth: PCA, and maps by perplexity.

    One more map, at perplexity 12, takes steps of a 48th of the number of rows; all others take scikit-learn's.
    """
    X, y = data_to_map("near and far", seed)
    views = {p: t_sne_map("near and far", seed, p) for p in PERPLEXITIES}
    views["12, small steps"] = t_sne_map("near and far", seed, 12, rate=len(X) / 48)
    views["PCA"] = principal_components(X, 2).scores(X)
    true = gaps(X, y)
    return {
        name: float(spearmanr(gaps(V, y), true).statistic) for name, V in views.items()
    }


def map_run(seed: int) -> dict[object, float]:
    """Agreement of k-means with the digits: on pixels, on two principal components, and on maps by perplexity."""
    X, y = data_to_map("digits", seed)
    views = {p: t_sne_map("digits", seed, p) for p in FOR_CLASSES}
    views |= {"pixels": X, "PCA": principal_components(X, 2).scores(X)}
    return {name: agreement(V, y, seed) for name, V in views.items()}


def nearest_rows(V: np.ndarray, num: int) -> np.ndarray:
    """Which rows are among the nearest of each row: (n, d) -> (n, n), true in `num` places of every row."""
    if not 1 <= num < len(V):
        raise ValueError(f"num {num}: expected a number from 1 to {len(V) - 1}")
    distances = squareform(pdist(V))
    np.fill_diagonal(distances, np.inf)
    order = distances.argsort(axis=1, kind="stable")[:, :num]
    nearest = np.zeros((len(V), len(V)), dtype=bool)
    np.put_along_axis(nearest, order, True, axis=1)
    return nearest


def neighbours_kept(X: np.ndarray, Y: np.ndarray, num: int = 10) -> float:
    """The share of each row's nearest rows in X that are among its nearest in Y, on average."""
    both = nearest_rows(X, num) & nearest_rows(Y, num)
    return float(both.sum() / (num * len(X)))


def neighbour_run(seed: int, perplexity: int = 12) -> dict[str, float]:
    """The share of neighbours that a map keeps, and that two principal components keep: on digits and on noise."""
    row = {}
    for name in ("digits", "noise"):
        X, _ = data_to_map(name, seed)
        plane = principal_components(X, 2).scores(X)
        row[f"{name}, map"] = neighbours_kept(X, t_sne_map(name, seed, perplexity))
        row[f"{name}, PCA"] = neighbours_kept(X, plane)
    return row
