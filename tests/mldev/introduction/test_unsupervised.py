"""Clustering, trees, factors and maps by hand: the libraries' numbers, what each must satisfy, and bad input."""

import numpy as np
import pytest
import scipy
import sklearn
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.sparse import csr_matrix
from scipy.spatial.distance import pdist, squareform
from sklearn.cluster import KMeans
from sklearn.decomposition import NMF, PCA
from sklearn.manifold import TSNE, trustworthiness
from sklearn.manifold._t_sne import _joint_probabilities, _kl_divergence
from sklearn.metrics import adjusted_rand_score, silhouette_score

from mldev.introduction import unsupervised_data as data
from mldev.introduction.unsupervised import (
    adjusted_rand,
    elbow,
    k_means,
    lloyd,
    plus_plus_start,
    random_start,
    silhouette,
)
from mldev.introduction.unsupervised_factors import (
    factorise,
    matched_similarity,
    principal_components,
    random_factors,
    sparsity,
    squared_error,
)
from mldev.introduction.unsupervised_maps import (
    divergence,
    gradient,
    neighbour_probabilities,
    pca_start,
    t_sne,
)
from mldev.introduction.unsupervised_trees import LINKAGES, agglomerate, cut

LABELS = st.lists(st.integers(0, 4), min_size=2, max_size=40)


def parity(record_property, algorithm, tolerance, difference, library=sklearn, kind="numbers"):
    record_property("parity", {
        "algorithm": algorithm, "library": {"sklearn": "scikit-learn", "scipy": "SciPy"}[library.__name__],
        "version": library.__version__, "tolerance": tolerance, "difference": float(difference), "kind": kind,
    })  # fmt: skip
    assert difference <= tolerance


@pytest.fixture(scope="module")
def digits():
    return data.some_rows(*data.digits(), 300, 0)


@pytest.mark.parity
def test_k_means_equals_scikit_learn_from_the_same_start(digits, record_property):
    X, worst = digits[0], 0.0
    for seed, k in enumerate((2, 5, 10, 20)):
        start = random_start(X, k, np.random.default_rng(seed))
        theirs = KMeans(k, init=start, n_init=1, tol=0).fit(X)
        ours = lloyd(X, start)
        assert np.array_equal(ours.labels, theirs.labels_)
        assert ours.inertia == pytest.approx(theirs.inertia_)
        worst = max(worst, np.abs(ours.centres - theirs.cluster_centers_).max())
    parity(record_property, "k-means from the same start: centres", 1e-10, worst)


def test_k_means_plus_plus_draws_by_squared_distance():
    """From centre 0, the rows at 1 and 3 are drawn as 1 to 9; a random start draws them alike."""
    X = np.array([[0.0], [1.0], [3.0]])
    firsts = {plus_plus_start: [], random_start: []}
    for seed in range(1000):
        for start, seconds in firsts.items():
            one, two = start(X, 2, np.random.default_rng(seed))[:, 0]
            if one == 0:
                seconds.append(two == 3)
    assert np.mean(firsts[plus_plus_start]) == pytest.approx(0.9, abs=0.03)
    assert np.mean(firsts[random_start]) == pytest.approx(0.5, abs=0.05)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 8), st.integers(0, 1000))
def test_inertia_never_rises_from_step_to_step(k, seed):
    X = np.random.default_rng(seed).normal(size=(40, 3))
    start = plus_plus_start(X, k, np.random.default_rng(seed))
    inertias = [lloyd(X, start, max_steps=steps).inertia for steps in range(1, 12)]
    assert np.all(np.diff(inertias) <= 1e-9)


def test_an_empty_cluster_keeps_its_centre_and_more_starts_are_never_worse():
    X = np.array([[0.0], [1.0]])
    assert lloyd(X, np.array([[0.5], [9.0]])).centres.tolist() == [[0.5], [9.0]]
    X = data.grid_of_clusters(0)[0]
    assert k_means(X, 25, 0, num_starts=5).inertia <= k_means(X, 25, 0).inertia


@pytest.mark.parity
def test_adjusted_rand_equals_scikit_learn(record_property):
    rng, worst = np.random.default_rng(0), 0.0
    for _ in range(50):
        a, b = rng.integers(0, rng.integers(1, 8), (2, 60))
        worst = max(worst, abs(adjusted_rand(a, b) - adjusted_rand_score(a, b)))
    parity(record_property, "adjusted Rand index", 1e-12, worst)


@settings(max_examples=50, deadline=None)
@given(LABELS, st.permutations(range(5)))
def test_adjusted_rand_ignores_names(labels, names):
    labels = np.array(labels)
    assert adjusted_rand(labels, np.array(names)[labels]) == pytest.approx(1)


def test_adjusted_rand_is_zero_by_chance_and_the_plain_share_of_pairs_is_not():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(10), 20)
    shuffled = [rng.permutation(labels) for _ in range(100)]
    assert np.mean([adjusted_rand(labels, s) for s in shuffled]) == pytest.approx(0, abs=0.003)
    same = labels[:, None] == labels
    plain = np.mean([(same == (s[:, None] == s)).mean() for s in shuffled])
    assert plain > 0.8


@pytest.mark.parity
def test_silhouette_equals_scikit_learn(digits, record_property):
    X = digits[0]
    distances, worst = squareform(pdist(X)), 0.0
    for k in (2, 7, 40, 200):
        labels = k_means(X, k).labels  # with 200, many clusters have one row
        worst = max(worst, abs(silhouette(distances, labels) - silhouette_score(X, labels)))
    parity(record_property, "silhouette", 1e-9, worst)


def test_the_elbow_is_where_the_curve_bends():
    assert elbow([10, 4, 3, 2, 1, 0]) == 2
    assert elbow(np.r_[np.linspace(9, 3, 4), np.linspace(2.9, 2.5, 5)]) == 4


@pytest.mark.parity
@pytest.mark.parametrize("way", LINKAGES)
def test_trees_equal_scipy(record_property, way):
    X = np.random.default_rng(0).normal(size=(150, 8))  # no ties, which could be broken either way
    ours, theirs = agglomerate(X, way), linkage(X, way)
    for k in (2, 5, 30):
        assert adjusted_rand(cut(ours, k), fcluster(theirs, k, "maxclust")) == 1
    assert np.array_equal(ours[:, 3], theirs[:, 3])
    parity(record_property, f"{way} linkage: heights of merges", 1e-9, np.abs(ours[:, 2] - theirs[:, 2]).max(), scipy)


def test_cutting_gives_as_many_clusters_as_asked():
    merges = agglomerate(np.random.default_rng(0).normal(size=(20, 2)), "average")
    assert [len(np.unique(cut(merges, k))) for k in (1, 7, 20)] == [1, 7, 20]


@pytest.mark.parity
def test_principal_components_equal_scikit_learn(digits, record_property):
    X = digits[0]
    ours, theirs = principal_components(X, 20), PCA(20, svd_solver="full").fit(X)
    worst = np.abs(ours.directions - theirs.components_).max()
    worst = max(worst, np.abs(ours.variances - theirs.explained_variance_).max())
    white = PCA(20, svd_solver="full", whiten=True).fit(X).transform(X)
    worst = max(worst, np.abs(ours.scores(X, whiten=True) - white).max())
    parity(record_property, "principal components: directions, variances, whitened scores", 1e-9, worst)


def test_scores_are_uncorrelated_and_the_columns_were_not(digits):
    X = digits[0]
    scores = principal_components(X, 10).scores(X)
    correlated = np.abs(np.corrcoef(X[:, [10, 11, 18, 19]], rowvar=False) - np.eye(4)).max()
    assert np.abs(np.corrcoef(scores, rowvar=False) - np.eye(10)).max() < 1e-10 < 0.3 < correlated


@pytest.mark.parity
def test_factors_equal_scikit_learn(digits, record_property):
    X, worst = digits[0], 0.0
    for num in (4, 16):
        W, H = random_factors(X, num, np.random.default_rng(num))
        library = NMF(num, init="custom", solver="mu", tol=0, max_iter=60)
        theirs = library.fit_transform(X, W=W.copy(), H=H.copy())
        ours, parts, _ = factorise(X, W, H, 60)
        worst = max(worst, np.abs(ours - theirs).max(), np.abs(parts - library.components_).max())
    parity(record_property, "NMF by multiplicative updates from the same start", 1e-9, worst)


TABLES = arrays(float, (6, 5), elements=st.floats(0, 100))


@settings(max_examples=60, deadline=None)
@given(TABLES.filter(lambda X: X.sum() > 1), st.integers(1, 4), st.integers(0, 100))
def test_the_error_of_factors_never_rises(X, num, seed):
    W, H = random_factors(X, num, np.random.default_rng(seed))
    _, _, errors = factorise(X, W, H, 30)
    assert np.all(np.diff(errors) <= 1e-9 * (1 + errors[0]))


def test_plain_gradient_steps_can_raise_the_error_that_updates_lower(digits):
    """The property that multiplicative updates have, and their baseline lacks."""
    X = digits[0]
    W, H = random_factors(X, 8, np.random.default_rng(0))
    step = np.maximum(W - (W @ H - X) @ H.T, 0)
    assert squared_error(X, step, H) > squared_error(X, W, H) > factorise(X, W, H, 1)[2][1]


def test_sparse_tables_have_the_same_factors(digits):
    X = digits[0]
    start = random_factors(X, 5, np.random.default_rng(0))
    for plain, sparse in zip(factorise(X, *start, 10), factorise(csr_matrix(X), *start, 10), strict=True):
        assert np.allclose(plain, sparse)


def test_the_error_is_that_of_the_product(digits):
    X = digits[0]
    W, H = random_factors(X, 5, np.random.default_rng(0))
    assert squared_error(X, W, H) == pytest.approx(((X - W @ H) ** 2).sum())
    assert (W @ H).mean() == pytest.approx(X.mean(), rel=0.1)


def test_sparsity_and_similarity_at_their_ends():
    assert sparsity(np.array([[1.0, 0, 0, 0], [2, 2, -2, 2]])).tolist() == [1, 0]
    parts = np.eye(3)
    assert matched_similarity(parts, 2 * parts[[2, 0, 1]]) == pytest.approx(1)
    assert matched_similarity(parts[:1], parts[1:2]) == 0


@pytest.mark.parity
def test_neighbour_probabilities_equal_scikit_learn(digits, record_property):
    X, worst = digits[0][:120], 0.0
    squares = squareform(pdist(X, "sqeuclidean")).astype(np.float32)
    for perplexity in (2, 12, 40):
        theirs = squareform(_joint_probabilities(squares, perplexity, 0))
        worst = max(worst, np.abs(neighbour_probabilities(X, perplexity) - theirs).max() / theirs.max())
    parity(record_property, "t-SNE: neighbour probabilities, relative to the largest", 1e-4, worst)


@pytest.mark.parity
def test_the_slope_equals_scikit_learn(digits, record_property):
    X, worst = digits[0][:100], 0.0
    P = neighbour_probabilities(X, 20)
    for scale in (0.01, 1, 10):
        Y = scale * np.random.default_rng(0).normal(size=(100, 2))
        theirs, slope = _kl_divergence(Y.ravel(), squareform(P, checks=False), 1.0, 100, 2)
        assert divergence(P, Y) == pytest.approx(theirs, rel=1e-6)
        worst = max(worst, np.abs(gradient(P, Y) - slope.reshape(-1, 2)).max() / np.abs(slope).max())
    parity(record_property, "t-SNE: gradient, relative to its largest entry", 1e-9, worst)


@pytest.mark.parity
def test_maps_keep_neighbours_as_scikit_learn_does(record_property):
    """The descent is chaotic, so the maps are compared by what they keep, over several samples."""
    kept = []
    for seed in range(2):
        X = data.some_rows(*data.digits(), 60, seed)[0]
        theirs = TSNE(perplexity=12, method="exact", max_iter=400, init="pca", random_state=0).fit_transform(X)
        kept.append([trustworthiness(X, Y, n_neighbors=8) for Y in (t_sne(X, 12, num_steps=400), theirs)])
        assert kept[-1][0] > trustworthiness(X, pca_start(X), n_neighbors=8)
    ours, library = np.mean(kept, axis=0)
    parity(record_property, "t-SNE: trustworthiness of maps", 0.02, abs(ours - library), kind="distribution")


def test_the_step_width_is_scikit_learns_unless_given(digits):
    X = digits[0][:60]
    usual = t_sne(X, 12, num_steps=260)
    assert np.array_equal(usual, t_sne(X, 12, num_steps=260, rate=50))
    assert not np.allclose(usual, t_sne(X, 12, num_steps=260, rate=60 / 48))


@settings(max_examples=20, deadline=None)
@given(st.floats(2, 30), st.integers(0, 100))
def test_every_row_reaches_its_perplexity(perplexity, seed):
    X = np.random.default_rng(seed).normal(size=(40, 5))
    P = neighbour_probabilities(X, perplexity)
    assert P.sum() == pytest.approx(1) and np.allclose(P, P.T) and np.all(np.diag(P) == 0)


def test_centring_moves_the_ink_to_the_middle():
    image = np.zeros((9, 9))
    image[1:3, 5:8] = 1
    centred = data.centre_ink(image)
    places = np.indices((9, 9)).reshape(2, -1)
    assert np.allclose(places @ centred.ravel() / centred.sum(), 4, atol=0.05)
    assert centred.sum() == pytest.approx(image.sum())


def test_standardised_columns_and_constant_ones():
    X = np.array([[1.0, 5], [3, 5], [8, 5]])
    Z = data.standardise(X)
    assert Z[:, 0].std() == pytest.approx(1) and np.all(Z[:, 1] == 0) and np.allclose(Z.mean(axis=0), 0)


def test_synthetic_data_have_the_groups_that_they_say():
    X, y = data.separate_clusters(3)
    means = np.stack([X[y == g].mean(axis=0) for g in range(5)])
    assert pdist(means).min() > 6.5
    X, y = data.narrow_and_wide(0)
    assert X[y == 1, 1:].std() / X[y == 0, 1:].std() == pytest.approx(10, rel=0.1)
    assert np.array_equal(data.noise(4), data.noise(4)) and not np.array_equal(data.noise(4), data.noise(5))


@pytest.mark.parametrize(("call", "message"), [
    (lambda X: k_means(X, 0), "k 0: expected a number from 1 to the 5 rows"),
    (lambda X: k_means(X, 6), "k 6"),
    (lambda X: k_means(X, 2, num_starts=0), "num_starts 0"),
    (lambda X: adjusted_rand(np.zeros(3), np.zeros(4)), "got 3 and 4"),
    (lambda X: silhouette(np.zeros((3, 3)), np.zeros(3)), "expected 2 to 2 clusters, got 1"),
    (lambda X: elbow([1, 2]), "at least three"),
    (lambda X: agglomerate(X, "median"), "linkage 'median': expected one of single"),
    (lambda X: cut(agglomerate(X, "ward"), 6), "k 6"),
    (lambda X: principal_components(X, 4), "num 4: expected a number from 1 to 3"),
    (lambda X: random_factors(X, 0, np.random.default_rng(0)), "num 0"),
    (lambda X: factorise(-X, X[:, :1], X[:1], 1), "no negative number"),
    (lambda X: neighbour_probabilities(X, 4), "perplexity 4: expected more than 1 and less than 4"),
    (lambda X: t_sne(X, 2, rate=0), "rate 0: expected a positive number or None"),
])  # fmt: skip
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0).random((5, 3)))
