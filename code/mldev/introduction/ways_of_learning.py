"""Five ways of learning by hand: spreading labels over a graph, and bandits that are told rewards only.

The runs that compare the ways are in `ways_of_learning_experiments`, the tasks that a network sets itself in
`ways_of_learning_pretext`.
"""

from collections.abc import Callable

import numpy as np

from mldev.introduction.ways_of_learning_pretext import STUDIES

__all__ = [
    "STUDIES",
    "LinearBandit",
    "epsilon_greedy",
    "expected_reward",
    "one_hot",
    "play",
    "propagate_labels",
    "similarity",
    "spread_labels",
    "ucb1",
]

Policy = Callable[[np.ndarray, np.ndarray], np.ndarray]


def similarity(X: np.ndarray, X_other: np.ndarray, gamma: float = 20.0) -> np.ndarray:
    """How alike the rows of two tables are: exp(-gamma * squared distance), (rows, other rows)."""
    squared = (X**2).sum(1)[:, None] + (X_other**2).sum(1) - 2 * X @ X_other.T
    return np.exp(-gamma * np.maximum(squared, 0))


def one_hot(y: np.ndarray, num_classes: int) -> np.ndarray:
    """A row of zeros for each example, with a one at its class; no one where the class is -1, which means unknown."""
    if not np.isin(y, np.arange(-1, num_classes)).all():
        raise ValueError(
            f"y: expected classes from 0 to {num_classes - 1}, or -1 for unknown, "
            f"got {np.unique(y).tolist()}"
        )
    return (y[:, None] == np.arange(num_classes)).astype(float)


def spread_labels(
    W: np.ndarray, Y: np.ndarray, alpha: float = 0.2, num_rounds: int = 10
) -> np.ndarray:
    """Let labels spread from example to example.

    Parameters
    ----------
    W
        How alike the examples are, (N, N), symmetric.
    Y
        A row per example, a one at its class, zeros where unknown, (N, C).
    alpha
        The share of each example's score that comes from the others.
    num_rounds
        How often scores are passed on.

    Returns
    -------
    ndarray
        A score for each example and class, (N, C).
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha {alpha}: expected a number between 0 and 1")
    W = W - np.diag(np.diag(W))  # nobody listens to itself
    root = np.sqrt(W.sum(axis=1))
    S = W / root[:, None] / root
    F = Y
    for _ in range(num_rounds):
        F = alpha * (S @ F) + (1 - alpha) * Y
    return F


def propagate_labels(W: np.ndarray, Y: np.ndarray, num_rounds: int = 100) -> np.ndarray:
    """The older rule: each example takes the mean of all, scaled to a sum of one; what is labelled keeps its label."""
    P = W / W.sum(axis=1, keepdims=True)
    labelled = Y.any(axis=1, keepdims=True)
    F = Y
    for _ in range(num_rounds):
        F = P @ F
        total = F.sum(axis=1, keepdims=True)
        F = np.where(labelled, Y, F / np.where(total == 0, 1, total))
    return F


def epsilon_greedy(
    pulls: np.ndarray, wins: np.ndarray, epsilon: float = 0.1
) -> np.ndarray:
    """Any arm with probability epsilon, else the one with the best record."""
    # an arm never tried counts as best
    record = np.where(pulls == 0, np.inf, wins / np.maximum(pulls, 1))
    best = record == record.max()
    return epsilon / len(pulls) + (1 - epsilon) * best / best.sum()


def ucb1(pulls: np.ndarray, wins: np.ndarray) -> np.ndarray:
    """The arm whose record plus bonus is highest; untried arms come first."""
    if (pulls == 0).any():
        best = pulls == 0
    else:
        bound = wins / pulls + np.sqrt(2 * np.log(pulls.sum()) / pulls)
        best = bound == bound.max()
    return best / best.sum()


def play(
    policy: Policy, rewards: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Pull one arm per round, and see the reward of that arm only.

    Parameters
    ----------
    policy
        From pulls and wins so far to a probability for each arm.
    rewards
        What each arm would pay in each round, (rounds, arms), 0 or 1.
    rng
        Draws the arm.

    Returns
    -------
    chosen, won
        The arm of each round, and its reward.
    """
    pulls, wins = np.zeros(rewards.shape[1]), np.zeros(rewards.shape[1])
    chosen = np.empty(len(rewards), dtype=int)
    for t, row in enumerate(rewards):
        cumulative = policy(pulls, wins).cumsum()
        arm = int(np.searchsorted(cumulative, rng.random() * cumulative[-1], "right"))
        chosen[t] = arm
        pulls[arm] += 1
        wins[arm] += row[arm]
    return chosen, rewards[np.arange(len(rewards)), chosen]


def expected_reward(policy: Policy, means: np.ndarray, num_rounds: int) -> float:
    """The exact expected sum of rewards: every state of pulls and wins, with its probability, round by round."""
    start = (0,) * len(means)
    states, total = {(start, start): 1.0}, 0.0
    for _ in range(num_rounds):
        following: dict[tuple, float] = {}
        for (pulls, wins), p_state in states.items():
            arms = policy(np.array(pulls), np.array(wins))
            for arm in np.flatnonzero(arms):
                total += p_state * arms[arm] * means[arm]
                for reward, p_reward in ((1, means[arm]), (0, 1 - means[arm])):
                    state = added(pulls, arm, 1), added(wins, arm, reward)
                    p = p_state * arms[arm] * p_reward
                    following[state] = following.get(state, 0.0) + p
        states = following
    return float(total)


def added(counts: tuple[int, ...], place: int, amount: int) -> tuple[int, ...]:
    """The counts, with an amount added at one place."""
    return (*counts[:place], counts[place] + amount, *counts[place + 1 :])


class LinearBandit:
    """One ridge regression of the reward per arm; with a bonus it is LinUCB.

    Parameters
    ----------
    num_arms, num_features
        The size of the problem.
    bonus
        How much an arm's uncertainty about an example adds to its score.
    epsilon
        The share of rounds in which any arm is chosen.
    penalty
        The ridge penalty.
    """

    def __init__(
        self,
        num_arms: int,
        num_features: int,
        bonus: float = 0.0,
        epsilon: float = 0.0,
        penalty: float = 1.0,
    ) -> None:
        if not 0 <= epsilon <= 1:
            raise ValueError(f"epsilon {epsilon}: expected a number from 0 to 1")
        if penalty <= 0:
            raise ValueError(f"penalty {penalty}: expected a positive number")
        self.bonus, self.epsilon = bonus, epsilon
        self.inverse = np.tile(np.eye(num_features) / penalty, (num_arms, 1, 1))
        self.weights = np.zeros((num_arms, num_features))

    def scores(self, x: np.ndarray) -> np.ndarray:
        """For each arm the predicted reward, plus the bonus times its uncertainty."""
        predicted = self.weights @ x
        if self.bonus:
            predicted = predicted + self.bonus * np.sqrt((self.inverse @ x) @ x)
        return predicted

    def choose(self, x: np.ndarray, rng: np.random.Generator) -> int:
        """An arm for this example; ties are drawn by lot."""
        if rng.random() < self.epsilon:
            return int(rng.integers(len(self.weights)))
        scores = self.scores(x)
        best = np.flatnonzero(scores == scores.max())
        return int(best[0] if len(best) == 1 else rng.choice(best))

    def learn(
        self, x: np.ndarray, arms: np.ndarray | slice, rewards: np.ndarray
    ) -> None:
        """Update the regressions of some arms with their rewards for this example."""
        v = self.inverse[arms] @ x  # (arms, features)
        gain = v / (1 + v @ x)[:, None]
        error = rewards - self.weights[arms] @ x
        self.inverse[arms] -= gain[:, :, None] * v[:, None, :]
        self.weights[arms] += gain * error[:, None]
