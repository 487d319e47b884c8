"""FLAML and H2O behind the signature of this chapter's own estimators."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import shutil
import socket
import tempfile
import time
import uuid
import warnings
from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from mldev.experiments import Interval, interval

FLAML_METRICS = {"accuracy": "accuracy", "roc_auc": "roc_auc", "r2": "r2"}
H2O_METRICS = {"accuracy": "mean_per_class_error", "roc_auc": "AUC", "r2": "RMSE"}
JVM = ["-XX:+UseSerialGC"]  # one thread for the garbage, too


def java_here() -> bool:
    """Whether this machine has the Java runtime that H2O needs."""
    return shutil.which("java") is not None or bool(os.environ.get("JAVA_HOME"))


@contextlib.contextmanager
def h2o_server(memory: str = "500m") -> Iterator[object]:
    """An H2O server for this program alone, ended when left.

    It has one thread and a port of its own, listens on 127.0.0.1, reports nothing to
    anyone, and keeps its files and logs in a folder that is removed at the end.
    """
    import h2o

    with tempfile.TemporaryDirectory() as folder, _no_proxy():
        with contextlib.redirect_stdout(io.StringIO()):  # it tells its own age
            h2o.init(
                ip="127.0.0.1",
                port=free_port(),
                name=f"mldev-{uuid.uuid4().hex}",
                bind_to_localhost=True,
                telemetry=False,
                ignore_config=True,
                nthreads=1,
                max_mem_size=memory,
                ice_root=folder,
                log_dir=folder,
                log_level="FATA",
                jvm_custom_args=JVM,
                verbose=False,
            )
        h2o.no_progress()
        process = h2o.connection()._local_server._process
        try:
            yield h2o
        finally:
            h2o.cluster().shutdown(prompt=False)
            process.wait(timeout=60)


@contextlib.contextmanager
def _no_proxy() -> Iterator[None]:
    """Talk to the own machine directly, whatever the environment says of proxies."""
    before = os.environ.get("NO_PROXY")
    os.environ["NO_PROXY"] = "127.0.0.1,localhost"
    try:
        yield
    finally:
        os.environ.pop("NO_PROXY")
        if before is not None:
            os.environ["NO_PROXY"] = before


def free_port() -> int:
    """A port that nobody listens on, with the next one free as well."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            with contextlib.suppress(OSError, OverflowError):
                second.bind(("127.0.0.1", port + 1))  # H2O takes a pair
                return port


class FlamlModel:
    """FLAML's `AutoML`, with a seed, one thread and a budget of seconds or trials."""

    def __init__(
        self,
        classification: bool,
        metric: str,
        seed: int = 0,
        **settings: object,
    ) -> None:
        self.classification, self.metric, self.seed = classification, metric, seed
        self.settings = settings

    def fit(self, X: object, y: object) -> FlamlModel:
        """Search, silently; settings are passed on to FLAML."""
        from flaml import AutoML

        logging.getLogger("flaml").setLevel(logging.ERROR)
        self.model = AutoML()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.model.fit(
                X,
                y,
                task="classification" if self.classification else "regression",
                metric=FLAML_METRICS[self.metric],
                seed=self.seed,
                n_jobs=1,
                verbose=0,
                **self.settings,
            )
        return self

    def predict(self, X: object) -> np.ndarray:
        """Classes or targets."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.model.predict(X)

    def predict_proba(self, X: object) -> np.ndarray:
        """Probabilities, one column for each class."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self.model.predict_proba(X)


class H2OModel:
    """H2O's AutoML in a running `h2o_server`, with a seed and a budget."""

    def __init__(
        self,
        classification: bool,
        metric: str,
        seed: int = 0,
        **settings: object,
    ) -> None:
        self.classification, self.metric, self.seed = classification, metric, seed
        self.settings = settings

    def fit(self, X: object, y: object) -> H2OModel:
        """Upload the table, then search; `fit_seconds` is the search alone."""
        from h2o.automl import H2OAutoML

        self.classes_ = np.unique(y)
        frame = self._upload(X, y)
        self.model = H2OAutoML(
            seed=self.seed,
            sort_metric=H2O_METRICS[self.metric],
            stopping_metric="AUTO",
            verbosity=None,
            **self.settings,
        )
        start = time.perf_counter()
        self.model.train(y="target", training_frame=frame)
        self.fit_seconds = time.perf_counter() - start
        return self

    def predict(self, X: object) -> np.ndarray:
        """Classes or targets."""
        predicted = self._predicted(X)["predict"].to_numpy()
        return (
            predicted.astype(self.classes_.dtype) if self.classification else predicted
        )

    def predict_proba(self, X: object) -> np.ndarray:
        """Probabilities, one column for each class."""
        return self._predicted(X).iloc[:, 1:].to_numpy()

    def board(self) -> pd.DataFrame:
        """H2O's own leaderboard: algorithms and the metric."""
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of the slower way without pyarrow's reader
            table = self.model.leaderboard.as_data_frame()
        kinds = table["model_id"].str.split("_").str[0].rename("model")
        return pd.concat([kinds, table.iloc[:, 1].round(4)], axis=1)

    def _upload(self, X: object, y: object = None) -> object:
        import h2o

        frame = pd.DataFrame(X).reset_index(drop=True)
        frame.columns = [f"x{place}" for place in range(frame.shape[1])]
        words = [name for name in frame if frame[name].dtype == object]
        if y is not None:
            frame["target"] = np.asarray(y)
        uploaded = h2o.H2OFrame(frame)
        for name in words + ["target"] * (y is not None and self.classification):
            uploaded[name] = uploaded[name].asfactor()
        return uploaded

    def _predicted(self, X: object) -> pd.DataFrame:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of the slower way without pyarrow's reader
            return self.model.leader.predict(self._upload(X)).as_data_frame()


def rank_agreement(ours: np.ndarray, theirs: np.ndarray) -> Interval:
    """Rank correlation of two systems' predictions, with its interval over the rows."""

    def correlation(index: np.ndarray, axis: int) -> np.ndarray:
        rows = index.astype(int)
        a, b = (rankdata(predicted[rows], axis=axis) for predicted in (ours, theirs))
        a, b = (ranks - ranks.mean(axis=axis, keepdims=True) for ranks in (a, b))
        spread = np.sqrt((a**2).sum(axis=axis) * (b**2).sum(axis=axis))
        return (a * b).sum(axis=axis) / spread

    return interval(np.arange(len(ours)), statistic=correlation, num_resamples=1000)
