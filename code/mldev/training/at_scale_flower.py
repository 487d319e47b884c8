"""The same federation with Flower: its client app, its strategies, its simulation engine, within this process.

The engine registers virtual nodes, keeps everybody's mail, and lets workers fetch it, run the client app and post the
answers. What the workers are is decided by a `Backend`, an abstract class. Flower's own is a cluster of Ray processes,
each of which loads PyTorch again. `Threads` stays in this process, opens no port and leaves nothing behind.
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

os.environ.setdefault(
    "FLWR_TELEMETRY_ENABLED", "0"
)  # read when Flower is imported: it reports to nobody

from flwr.app import (  # noqa: E402
    ArrayRecord,
    Context,
    Message,
    MetricRecord,
    RecordDict,
)
from flwr.clientapp import ClientApp  # noqa: E402
from flwr.proto.task_pb2 import Task  # noqa: E402
from flwr.server.superlink.fleet.vce import vce_api  # noqa: E402
from flwr.server.superlink.fleet.vce.backend import Backend  # noqa: E402
from flwr.server.superlink.fleet.vce.metrics import VceMetrics  # noqa: E402
from flwr.server.superlink.linkstate import LinkStateFactory  # noqa: E402
from flwr.server.superlink.linkstate.in_memory_linkstate import RunRecord  # noqa: E402
from flwr.serverapp.strategy import Strategy  # noqa: E402
from flwr.supercore.constant import (  # noqa: E402
    FLWR_IN_MEMORY_DB_NAME,
    NOOP_FEDERATION_ID,
)
from flwr.supercore.object_store import ObjectStoreFactory  # noqa: E402
from flwr.supercore.run import Run  # noqa: E402
from flwr.supercore.task_identity import TaskIdentity  # noqa: E402
from flwr.superlink.federation import NoOpFederationManager  # noqa: E402
from flwr.superlink.grid import InMemoryGrid  # noqa: E402
from torch import Tensor  # noqa: E402

from mldev.training.at_scale_federated import Clients  # noqa: E402
from mldev.training.at_scale_network import Weights, train  # noqa: E402

logging.getLogger("flwr").setLevel(
    logging.ERROR
)  # its progress goes to stderr; results are returned

PATIENCE = 120.0  # seconds that a round may take
NUM_WORKERS = 2


def client_app(
    clients: Clients, batches: Tensor, local_steps: int, learning_rate: float
) -> ClientApp:
    """What runs at every client: unpack the shared weights, train on its own images, send the result."""
    app = ClientApp()

    @app.train()
    def local_training(message: Message, context: Context) -> Message:
        me = int(context.node_config["partition-id"])
        done = (int(message.content["config"]["server-round"]) - 1) * local_steps
        weights = message.content["arrays"].to_torch_state_dict()
        rows = batches[done : done + local_steps, me]
        weights = train(
            dict(weights), clients.X[me], clients.y[me], rows, learning_rate
        )
        answer = {
            "arrays": ArrayRecord(weights),
            "metrics": MetricRecord({"num-examples": float(clients.sizes[me])}),
        }
        return Message(RecordDict(answer), reply_to=message)

    return app


class Threads(Backend):
    """Workers of Flower's simulation engine that are threads of this process."""

    def build(self, app_fn: Callable[[], ClientApp]) -> None:
        """Load the client app, once for all workers."""
        self.app = app_fn()

    @property
    def num_workers(self) -> int:
        """How many messages may be worked on at the same time."""
        return NUM_WORKERS

    def is_worker_idle(self) -> bool:
        """A thread asks for a message only when it is idle."""
        return True

    def process_message(
        self, message: Message, context: Context
    ) -> tuple[Message, Context]:
        """Run the client app on one message."""
        return self.app(message, context), context

    def terminate(self) -> None:
        """Nothing to do: threads end with the engine."""


def run_flower(
    strategy: Strategy,
    weights: Weights,
    clients: Clients,
    batches: Tensor,
    local_steps: int,
    learning_rate: float,
) -> Weights:
    """The shared weights after as many rounds of a Flower strategy as the batches allow: one virtual node a client."""
    app = client_app(clients, batches, local_steps, learning_rate)
    mail, run, stop = _mailboxes(), _run(), threading.Event()
    _announce(mail, run)
    grid = InMemoryGrid(state_factory=mail)
    grid.set_run(run)
    nodes = vce_api._register_nodes(len(clients.y), mail)
    stores = vce_api._register_node_info_stores(nodes, run)
    engine = (lambda: app, lambda: Threads({}), nodes, mail, stores, stop, VceMetrics())
    with ThreadPoolExecutor(max_workers=1) as aside:
        running = aside.submit(vce_api.run_api, *engine)
        try:
            result = strategy.start(
                grid,
                ArrayRecord(weights),
                num_rounds=len(batches) // local_steps,
                timeout=PATIENCE,
            )
        finally:
            stop.set()
        running.result()  # an error of the engine is an error here
    return dict(result.arrays.to_torch_state_dict())


def _mailboxes() -> LinkStateFactory:
    """Where messages and answers wait, in memory."""
    return LinkStateFactory(
        FLWR_IN_MEMORY_DB_NAME, NoOpFederationManager(), ObjectStoreFactory()
    )


def _run(run_id: int = 1, task_id: int = 1) -> Run:
    """The one run there is, by the names that Flower asks for."""
    run = Run.create_empty(run_id=run_id)
    run.primary_task_id, run.federation_id = task_id, NOOP_FEDERATION_ID
    TaskIdentity.task_id, TaskIdentity.run_id = task_id, run_id
    TaskIdentity.node_id = 1  # the server
    return run


def _announce(mail: LinkStateFactory, run: Run) -> None:
    """Enter the run, as Flower's own launcher does; messages of an unknown run are refused."""
    state = mail.state()
    state.run_ids[run.run_id] = RunRecord(run=run)
    task = Task(task_id=run.primary_task_id, run_id=run.run_id)
    state.task_store[run.primary_task_id] = task
