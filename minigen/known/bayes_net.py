"""A small Bayesian network of binary variables.

    p(x) = Π_i p(x_i | parents of x_i)

With up to 20 variables everything else is a sum over all 2^D states.
"""

import numpy as np

from ..protocols import DataSpec
from .common import entropy_of
from .source import Source

MAX_VARIABLES = 20

# A house, its alarm, and what comes of it: names, parents, and P(1) for all values of the parents in binary order.
HOUSE = (
    ("storm", (), [0.2]),
    ("burglar", (), [0.1]),
    ("power_cut", ("storm",), [0.05, 0.4]),
    ("alarm", ("storm", "burglar", "power_cut"), [0.02, 0.01, 0.95, 0.3, 0.25, 0.02, 0.97, 0.35]),
    ("dog_barks", ("storm", "burglar"), [0.15, 0.8, 0.6, 0.9]),
    ("lights_on", ("power_cut",), [0.7, 0.01]),
    ("neighbour_wakes", ("alarm", "dog_barks"), [0.05, 0.4, 0.85, 0.97]),
    ("police_called", ("neighbour_wakes", "lights_on"), [0.01, 0.005, 0.5, 0.2]),
)


class BayesNet(Source):
    """Yes-or-no facts that depend on each other as a Bayesian network says, by default about a house and its alarm.

    Each variable is 1 with a probability that depends on its parents, which come before it. `variables` is a sequence
    of (name, names of parents, P(1) for each value of the parents in binary order, the first parent counting most).
    Raises TypeError or ValueError if a parent does not come before its child, if a table does not have 2^parents
    probabilities, and for more than 20 variables.
    """

    name = "bayes_net"

    def __init__(self, variables=HOUSE):
        if not 1 <= len(variables) <= MAX_VARIABLES:
            raise ValueError(f"variables: expected 1 to {MAX_VARIABLES}, got {len(variables)}")
        self.names, self.parents, self.tables = [], [], []
        for name, parents, table in variables:
            if name in self.names or not set(parents) <= set(self.names):
                raise ValueError(f"variables: {name!r}: expected a new name with parents among {self.names}, "
                                 f"got {tuple(parents)}")
            p = np.asarray(table, np.float64)
            if p.shape != (2 ** len(parents),) or not ((p >= 0) & (p <= 1)).all():
                raise ValueError(f"variables: {name!r}: expected {2 ** len(parents)} probabilities, got {table}")
            self.parents.append([self.names.index(parent) for parent in parents])
            self.names.append(name)
            self.tables.append(p)
        self.spec = DataSpec((len(self.names),), "binary")

    def probabilities(self) -> np.ndarray:
        """The probability of every state, shape `(2,) * D`."""
        states = np.indices((2,) * len(self.names)).reshape(len(self.names), -1).T
        return np.exp(self._log_prob(states)).reshape((2,) * len(self.names))

    def _given_parents(self, x, i):
        """P(x_i = 1 | parents) in each row of `x`."""
        row = np.zeros(len(x), np.int64)
        for parent in self.parents[i]:
            row = 2 * row + x[:, parent]
        return self.tables[i][row]

    def _log_prob(self, x):
        total = np.zeros(len(x))
        for i in range(len(self.names)):
            p = self._given_parents(x, i)
            with np.errstate(divide="ignore"):
                total += np.log(np.where(x[:, i] == 1, p, 1 - p))
        return total

    def _entropy(self):
        return entropy_of(self.probabilities())

    def _sample(self, n, rng):
        x = np.zeros((n, len(self.names)), np.uint8)
        for i in range(len(self.names)):
            x[:, i] = rng.random(n) < self._given_parents(x, i)
        return x, None
