"""Docstrings: what the installed scientific libraries say about themselves, read at run time.

The list of modules is fixed, so the texts depend only on the pinned versions, not on what else is imported. Nothing
that draws is loaded: no module in the list imports `matplotlib.pyplot` or a backend.
"""

from __future__ import annotations

import importlib
import inspect
import re
import warnings
from collections.abc import Iterator, Sequence
from functools import lru_cache
from types import ModuleType

import pandas as pd

from mldev.datasets_types import BadArgument, Dataset, Texts

MODULES = {
    "matplotlib": """
        matplotlib.animation matplotlib.artist matplotlib.axes matplotlib.axis matplotlib.cbook matplotlib.cm
        matplotlib.collections matplotlib.colorbar matplotlib.colors matplotlib.contour matplotlib.dates
        matplotlib.figure matplotlib.font_manager matplotlib.gridspec matplotlib.image matplotlib.layout_engine
        matplotlib.legend matplotlib.legend_handler matplotlib.lines matplotlib.markers matplotlib.mlab
        matplotlib.offsetbox matplotlib.patches matplotlib.path matplotlib.patheffects matplotlib.projections
        matplotlib.quiver matplotlib.scale matplotlib.spines matplotlib.stackplot matplotlib.streamplot matplotlib.table
        matplotlib.text matplotlib.ticker matplotlib.transforms matplotlib.tri matplotlib.units""",
    "numpy": """
        numpy numpy.fft numpy.linalg numpy.ma numpy.polynomial numpy.polynomial.chebyshev numpy.polynomial.legendre
        numpy.random numpy.lib.stride_tricks numpy.testing numpy.char numpy.strings""",
    "pandas": """
        pandas pandas.api.extensions pandas.api.indexers pandas.api.types pandas.core.groupby pandas.core.resample
        pandas.core.window pandas.tseries.offsets pandas.tseries.frequencies pandas.errors pandas.plotting
        pandas.testing""",
    "scipy": """
        scipy.cluster.hierarchy scipy.cluster.vq scipy.fft scipy.integrate scipy.interpolate scipy.io scipy.linalg
        scipy.ndimage scipy.optimize scipy.signal scipy.sparse scipy.sparse.csgraph scipy.sparse.linalg scipy.spatial
        scipy.spatial.distance scipy.spatial.transform scipy.special scipy.stats scipy.stats.contingency
        scipy.stats.mstats scipy.stats.qmc""",
    "sklearn": """
        sklearn.base sklearn.calibration sklearn.cluster sklearn.compose sklearn.covariance sklearn.cross_decomposition
        sklearn.datasets sklearn.decomposition sklearn.discriminant_analysis sklearn.dummy sklearn.ensemble
        sklearn.feature_extraction sklearn.feature_extraction.image sklearn.feature_extraction.text
        sklearn.feature_selection sklearn.gaussian_process sklearn.gaussian_process.kernels sklearn.impute
        sklearn.inspection sklearn.isotonic sklearn.kernel_approximation sklearn.kernel_ridge sklearn.linear_model
        sklearn.manifold sklearn.metrics sklearn.metrics.cluster sklearn.metrics.pairwise sklearn.mixture
        sklearn.model_selection sklearn.multiclass sklearn.multioutput sklearn.naive_bayes sklearn.neighbors
        sklearn.neural_network sklearn.pipeline sklearn.preprocessing sklearn.random_projection
        sklearn.semi_supervised sklearn.svm sklearn.tree sklearn.utils""",
    "statsmodels": """
        statsmodels.discrete.discrete_model statsmodels.duration.api statsmodels.gam.api statsmodels.genmod.families
        statsmodels.genmod.generalized_estimating_equations statsmodels.genmod.generalized_linear_model
        statsmodels.imputation.mice statsmodels.iolib.summary statsmodels.miscmodels.ordinal_model
        statsmodels.multivariate.api statsmodels.nonparametric.api statsmodels.othermod.betareg
        statsmodels.regression.linear_model statsmodels.regression.mixed_linear_model
        statsmodels.regression.quantile_regression statsmodels.robust.norms statsmodels.robust.robust_linear_model
        statsmodels.stats.api statsmodels.stats.contingency_tables statsmodels.stats.power
        statsmodels.treatment.treatment_effects statsmodels.tsa.api statsmodels.tsa.arima.model
        statsmodels.tsa.forecasting.theta statsmodels.tsa.statespace.api statsmodels.tsa.stattools""",
}
# their text holds freshly drawn random numbers, or a set in an order of its own, and so differs from run to run
UNSTABLE = (
    "scipy.stats.Normal",
    "scipy.stats.Uniform",
    "scipy.stats.ttest_ind",
    "sklearn.model_selection.Halving",  # these two are there only once their
    "sklearn.impute.IterativeImputer",  # experiments are switched on
)
SHORTEST_TITLE, SHORTEST_BODY = (
    8,
    60,
)  # characters: less says too little to classify or to search


def docstrings(libraries: Sequence[str] | None = None) -> Texts:
    """Read the public docstrings of the installed libraries.

    Parameters
    ----------
    libraries : sequence of str, optional
        Only these, of "matplotlib", "numpy", "pandas", "scipy", "sklearn", "statsmodels"; all when left out.

    Returns
    -------
    Texts
        One row per text, in the order of the library's name, the list of modules, and the name. A text that occurs
        several times (a re-export, an inherited method) is kept where it occurs first.
    """
    wanted = tuple(MODULES) if libraries is None else _checked(libraries)
    frame = pd.DataFrame(
        [row for library in MODULES if library in wanted for row in _rows(library)],
        columns=["name", "library", "module", "title", "body"],
    )
    return Texts(frame.drop_duplicates(["title", "body"], ignore_index=True))


def _checked(libraries: object) -> tuple[str, ...]:
    fits = (
        isinstance(libraries, Sequence)
        and not isinstance(libraries, str)
        and len(libraries) > 0
    )
    if not fits or not all(name in MODULES for name in libraries):
        names = ", ".join(repr(name) for name in MODULES)
        raise BadArgument(
            f"argument 'libraries' is {libraries!r}; allowed: a sequence of some of {names}"
        )
    return tuple(libraries)


@lru_cache(maxsize=len(MODULES))
def _rows(library: str) -> tuple[tuple[str, str, str, str, str], ...]:
    """Everything one library says: (name, library, module, title, body), each text once."""
    rows: dict[str, tuple[str, str, str, str, str]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # importing a module in order to read it is no use of what it deprecates
        for module_name in MODULES[library].split():
            for name, text in _documented(
                importlib.import_module(module_name), library
            ):
                title, body = split_docstring(text, name.rsplit(".", 1)[-1])
                if (
                    len(title) >= SHORTEST_TITLE
                    and len(body) >= SHORTEST_BODY
                    and not name.startswith(UNSTABLE)
                ):
                    key = " ".join(f"{title} {body}".split())
                    rows.setdefault(key, (name, library, module_name, title, body))
    return tuple(rows.values())


def split_docstring(text: str, name: str) -> tuple[str, str]:
    """Title (the first sentence of the summary) and body of a docstring; a leading signature or note is dropped."""
    paragraphs = [
        part.strip("\n") for part in re.split(r"\n\s*\n", inspect.cleandoc(text))
    ]
    while paragraphs and _is_signature_or_note(paragraphs[0], name):
        paragraphs.pop(0)
    if (
        not paragraphs or "\n---" in paragraphs[0]
    ):  # a section such as Returns, and no summary before it
        return "", ""
    summary = " ".join(paragraphs[0].split())
    title, _, rest = re.sub(
        r"(?<!e\.g)(?<!i\.e)\. (?=[A-Z`])", "\0", summary, count=1
    ).partition("\0")
    body = "\n\n".join(([rest] if rest else []) + paragraphs[1:])
    return title.rstrip("."), body


def _is_signature_or_note(paragraph: str, name: str) -> bool:
    line = " ".join(paragraph.split())
    own = re.match(rf"(\w+\.)*{re.escape(name)}\(", line)
    other = re.fullmatch(
        r"[\w.]+\(.*\)", line
    )  # an alias shows the signature of the function that it stands for
    return bool(own or other) or line.startswith(".. ")


def _documented(module: ModuleType, library: str) -> Iterator[tuple[str, str]]:
    """Name and docstring of everything public in a module that belongs to its library, methods included."""
    listed = getattr(module, "__all__", None)
    for name in sorted(listed if listed is not None else vars(module)):
        item = vars(module).get(name)
        if name.startswith("_") or item is None or not callable(item):
            continue
        home = getattr(item, "__module__", None)
        home = (
            home if isinstance(home, str) else module.__name__
        )  # ufuncs and the like have none
        if home.split(".")[0] != library or (
            listed is None and not home.startswith(module.__name__)
        ):
            continue
        qualified = f"{module.__name__}.{name}"
        if (
            inspect.isclass(item) or item.__doc__ is not type(item).__doc__
        ):  # else it is the docstring of its class
            yield from _text(qualified, item)
        if inspect.isclass(item):
            for attribute, member in _members(item, library):
                yield from _text(f"{qualified}.{attribute}", member)


def _members(cls: type, library: str) -> Iterator[tuple[str, object]]:
    """Public methods and properties of a class, unless a class of another library defines them."""
    for attribute in sorted(name for name in dir(cls) if not name.startswith("_")):
        owner = next((base for base in cls.__mro__ if attribute in vars(base)), None)
        if owner is None or owner.__module__.split(".")[0] != library:
            continue
        member = vars(owner)[attribute]
        if isinstance(member, (staticmethod, classmethod)):
            member = member.__func__
        if inspect.isroutine(member) or isinstance(member, property):
            yield attribute, member


def _text(name: str, item: object) -> Iterator[tuple[str, str]]:
    text = getattr(item, "__doc__", None)
    if isinstance(text, str):
        yield name, text


ENTRIES = (
    Dataset(
        name="docstrings",
        title="Docstrings of scientific libraries",
        description=(
            "What the public functions, classes and methods of six installed libraries say about themselves: a title "
            "line, a body, and two labels, the library and the module. Thousands of real texts by many writers, for "
            "classification, retrieval and language modelling. They change with the pinned versions, and they are all "
            "English, technical and alike in form: what works here may fail on looser text."
        ),
        source="the installed matplotlib, numpy, pandas, scipy, scikit-learn and statsmodels, read when loaded",
        licence=(
            "numpy, pandas, scipy, scikit-learn and statsmodels: BSD 3-Clause; matplotlib: its own licence, of the "
            "kind of Python's"
        ),
        size=(6881,),
        kind="texts",
        sensitive=(),
        load=docstrings,
    ),
)
