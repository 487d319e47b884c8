"""The same federation with Flower: its client app, its messages, its strategies, delivered within this process.

Flower's own engine starts a cluster of processes for its clients. Everything else of it, the strategy with its rounds,
sampling and aggregation, the messages and the client app, is the same wherever the clients run. What carries messages
to clients and answers back is a `Grid`, an abstract class; `LocalGrid` is one that calls the client app on the spot.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable

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
from flwr.serverapp import Grid  # noqa: E402
from flwr.serverapp.strategy import Strategy  # noqa: E402
from flwr.supercore.run import Run  # noqa: E402
from flwr.supercore.task_identity import TaskIdentity  # noqa: E402
from torch import Tensor  # noqa: E402

from mldev.training.at_scale_federated import Clients  # noqa: E402
from mldev.training.at_scale_network import Weights, train  # noqa: E402

logging.getLogger("flwr").setLevel(
    logging.ERROR
)  # its progress goes to stderr; results are returned


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


class LocalGrid(Grid):
    """A post office of one room: every message is handed to the client app of its addressee, one after another."""

    def __init__(self, app: ClientApp, num_clients: int) -> None:
        self.app = app
        self.contexts = {
            node + 1: Context(0, node + 1, {"partition-id": node}, RecordDict(), {})
            for node in range(num_clients)
        }
        self.answers: dict[str, Message] = {}
        self._run = Run.create_empty(run_id=0)
        TaskIdentity.task_id, TaskIdentity.run_id, TaskIdentity.node_id = 1, 0, 1

    @property
    def run(self) -> Run:
        """The one run there is."""
        return self._run

    def set_run(self, run: Run) -> None:
        """Name the run that messages belong to."""
        self._run = run

    def create_message(
        self,
        content: RecordDict,
        message_type: str,
        dst_node_id: int,
        group_id: str,
        ttl: float | None = None,
    ) -> Message:
        """A message to one client."""
        return Message(content, dst_node_id, message_type, ttl=ttl, group_id=group_id)

    def get_node_ids(self) -> list[int]:
        """All clients are there, always."""
        return list(self.contexts)

    def push_messages(self, messages: Iterable[Message]) -> list[str]:
        """Deliver messages, and keep the answers."""
        sent = []
        for message in messages:
            name = str(len(self.answers))
            node = message.metadata.dst_node_id
            self.answers[name] = self.app(message, self.contexts[node])
            sent.append(name)
        return sent

    def pull_messages(self, message_ids: Iterable[str]) -> list[Message]:
        """The answers to these messages."""
        return [self.answers.pop(name) for name in message_ids]

    def send_and_receive(
        self, messages: Iterable[Message], *, timeout: float | None = None
    ) -> list[Message]:
        """Deliver messages and return the answers."""
        return self.pull_messages(self.push_messages(messages))


def run_flower(
    strategy: Strategy,
    weights: Weights,
    clients: Clients,
    batches: Tensor,
    local_steps: int,
    learning_rate: float,
) -> Weights:
    """The shared weights after as many rounds of a Flower strategy as the batches allow."""
    app = client_app(clients, batches, local_steps, learning_rate)
    result = strategy.start(
        LocalGrid(app, len(clients.y)),
        ArrayRecord(weights),
        num_rounds=len(batches) // local_steps,
    )
    return dict(result.arrays.to_torch_state_dict())
