"""The neural autoregressive density estimator (NADE), of binary and of categorical variables.

    p(x | y) = Π_d p(x_d | x_{<d}, y),    h_d = sigmoid(c + U y + Σ_{i<d} table_i[xᵢ]),    logits_d = v_d h_d + b_d

with y a condition, if there is one. The conditionals share one hidden layer's weights, so that h_{d+1} follows from
h_d by adding one row, and the whole likelihood costs O(D·H). Of binary variables only x_d = 1 adds a row; of K-level
ones each value has a row, and the outputs are a softmax.

With `orderless` one network serves every order of the variables: training shows it a random subset of each example
and asks for all the rest, and the density is the mean of those of a few random orders (their likelihoods are averaged,
which is a mixture, not their logits). Any set of variables may then be given when sampling.

Larochelle and Murray, "The Neural Autoregressive Distribution Estimator", 2011 (algorithm 1); Uria, Murray and
Larochelle, "A Deep and Tractable Density Estimator", 2014 (orderless training, equation 15; ensembles, section 5).
"""

import math
from dataclasses import dataclass

import numpy as np

from ... import kernels, ops
from ...arrays import array_module, as_generator
from ...arrays.checks import boolean, one_of, positive_integer
from ...autograd import Parameter, raw
from ...layers import Buffer, Linear
from ...protocols import DataSpec
from ..batches import check_batch
from ..support.conditions import condition_rows, condition_width
from ..takes import Takes
from .support.autoregressive import Autoregressive
from .support.rows import output_head
from .support.sampling import check_given_values, sampler


@dataclass(frozen=True)
class Config:
    """Hidden units, the order of the variables, and orderless training with the number of orders of its mixture."""

    hidden: int = 500
    order: str = "natural"
    orderless: bool = False
    orderings: int = 8

    def __post_init__(self):
        positive_integer("hidden", self.hidden)
        positive_integer("orderings", self.orderings)
        one_of("order", self.order, ("natural", "random"))
        boolean("orderless", self.orderless)


class NADE(Autoregressive):
    """NADE of binary or discrete data of any shape, read as one row."""

    Config = Config
    takes = Takes(kinds=("binary", "discrete"), condition=("class", "vector"))
    training = {"epochs": 100, "batch_size": 100, "schedule": "cosine"}

    def __init__(self, spec: DataSpec, config: Config | None = None, *, rng=0):
        super().__init__(spec, config)
        config = self.config
        variables = spec.dimensions
        rng = as_generator(rng)
        self.output = output_head(spec)
        self.levels = self.output.levels
        width = self.output.width
        rows = self.levels if config.orderless else self.levels - 1  # else value 0 needs no row: c has it
        self.table = Parameter(_small((variables, rows, config.hidden), 1 / math.sqrt(variables), rng))
        self.c = Parameter(np.zeros(config.hidden, np.float32))
        self.v = Parameter(_small((variables, width, config.hidden), 1 / math.sqrt(config.hidden), rng))
        self.b = Parameter(np.zeros((variables, width), np.float32))
        count = config.orderings if config.orderless else 1
        natural = config.order == "natural" and not config.orderless
        orders = [np.arange(variables) if natural else rng.permutation(variables) for _ in range(count)]
        self.orders = Buffer(np.array(orders, np.int64))
        features = condition_width(spec.condition)
        self.from_condition = Linear(features, config.hidden, rng, bias=False) if features else None  # U

    @property
    def order(self):
        """The numbers of the variables in the order in which they are drawn (of the mixture's first component)."""
        return raw(self.orders)[0]

    @property
    def conditions_on_any(self) -> bool:
        """Whether any set of variables may be given when sampling: if the model is orderless."""
        return self.config.orderless

    def log_prob(self, x, condition=None):
        """log p(x | condition) in nats, `(batch,)`: of several orders the log of their mean likelihood."""
        x = self._rows(x)  # (batch, D)
        start = self._start(condition, len(x))
        components = [self._log_prob_in_order(x, start, order) for order in raw(self.orders)]
        if len(components) == 1:
            return components[0]
        return ops.logsumexp(ops.stack(components), axis=0) - math.log(len(components))

    def _log_prob_in_order(self, x, start, order):
        """Σ_d log p(x_d | x_{<d}) of the variables in this order, `(batch,)`."""
        x = x[:, order]
        table, v, b = self._in_order(order)
        logits = ops.nade_logits(table, start, v, b, x, self.levels)  # (batch, D, width)
        return self.output.distribution(logits, event_ndim=1).log_prob(x)

    def loss(self, batch, rng, step):
        """Minus the mean log-density, or with `orderless` an estimate of its mean over all orders.

        Of the latter: with d of D variables observed, each of the D - d others is asked for as if it came next,

            D / (D - d) · Σᵢ -log p(xᵢ | the observed ones),

        at one d for each example, drawn uniformly, and one set of d variables (Uria et al., 2014, equation 15).
        """
        if not self.config.orderless:
            log_prob = self.log_prob(batch.x, batch.condition).mean()
            return -log_prob, {"log_prob": log_prob}
        x = self._rows(batch.x)
        rng = as_generator(rng)
        n, variables = x.shape
        xp = array_module(x)
        count = rng.integers(0, variables, n, xp=xp)  # d: how many are observed, (batch,)
        rank = xp.argsort(xp.argsort(rng.random((n, variables), xp=xp), axis=1), axis=1)
        observed = rank < count[:, None]  # (batch, D)
        logits = self._logits_given(x, observed, self._start(batch.condition, n))  # (batch, D, width)
        log_probs = self.output.distribution(logits).log_prob(x)  # (batch, D)
        weight = (variables / (variables - count)).astype(logits.dtype)
        log_prob = ((log_probs * ~observed).sum(axis=-1) * weight).mean()
        return -log_prob, {"orderless_log_prob": log_prob}

    def _logits_given(self, x, observed, start):
        """Logits `(batch, D, width)` of every variable given the observed ones of `x` `(batch, D)`."""
        n, variables = x.shape
        chosen = (x[:, :, None] == array_module(x).arange(self.levels)) & observed[:, :, None]  # (batch, D, levels)
        table = ops.reshape(self.table, (variables * self.levels, -1))  # (D · levels, H)
        hidden = ops.sigmoid(chosen.reshape(n, -1).astype(self.dtype) @ table + start)  # (batch, H)
        v = ops.reshape(self.v, (-1, hidden.shape[-1]))  # (D · width, H)
        logits = hidden @ ops.transpose(v, (1, 0))  # (batch, D · width)
        return ops.reshape(logits, (n, variables, -1)) + self.b

    def sample(self, n, rng, condition=None, given=None, **options):
        """Draw a variable after the other, of an orderless model in the order of one of its orderings for each example.

        Gives `(n, *spec.shape)`; arguments as for `Model.sample`. An orderless model takes any `given` variables, the
        same in all examples, and draws the others in a random order.
        """
        return self.draw(n, rng, condition, given, **options)[0]

    @sampler
    def draw(self, request):
        """`sample`, and the logits `(n, *spec.shape, width)` that each variable was drawn from."""
        n = request.n
        variables = self.spec.dimensions
        dtype = self.dtype
        u = request.rng.random((n, variables), dtype)
        start = raw(self._start(request.condition, n))  # (H,) or (n, H)
        given = np.full((n, variables), -1)  # -1: to be drawn
        if request.given:
            given = np.where(request.observed, request.values.astype(np.int64), -1).reshape(n, variables)
        x = np.empty((n, variables), np.int64)
        logits = np.empty((n, *self.b.shape), dtype)
        for order, rows in self._sampling_orders(request):
            table, v, b = (raw(p) for p in self._in_order(order))
            some_x, some_logits = kernels.nade_draw(
                u[rows], table, start if start.ndim == 1 else start[rows], v, b, given[rows][:, order], self.levels,
                request.temperature)
            x[np.ix_(rows, order)] = some_x
            logits[np.ix_(rows, order)] = some_logits
        return self.output.values(x).reshape(n, *self.spec.shape), logits.reshape(n, *self.spec.shape, -1)

    def _sampling_orders(self, request):
        """Pairs of an order and the examples to be drawn in it."""
        everyone = np.arange(request.n)
        if not self.config.orderless:
            return [(self.order, everyone)]
        if request.given:  # what is given comes first; the masks of all examples are alike
            first = request.observed[0].reshape(-1)
            rest = request.rng.permutation(np.flatnonzero(~first))
            return [(np.concatenate([np.flatnonzero(first), rest]), everyone)]
        component = request.rng.integers(0, self.config.orderings, request.n)
        return [(order, np.flatnonzero(component == i)) for i, order in enumerate(raw(self.orders))
                if (component == i).any()]

    def conditionals(self, x, condition=None):
        """Logits of each variable given those before it (in the first order), `(batch, *spec.shape, width)`."""
        x = self._rows(x)
        order = self.order
        table, v, b = self._in_order(order)
        logits = ops.nade_logits(table, self._start(condition, len(x)), v, b, x[:, order], self.levels)
        back = array_module(order).argsort(order)
        return ops.reshape(ops.take(logits, back, 1), (len(x), *self.spec.shape, -1))

    def check_given(self, n, given):
        """As for all models; of an orderless one ValueError if examples differ in which variables are observed."""
        if not self.config.orderless:
            return super().check_given(n, given)
        values, observed = check_given_values(self.spec, n, given)
        if (observed != observed[:1]).any():
            raise ValueError("given: expected the same variables to be observed in all samples of an orderless model")
        return values, observed

    def _rows(self, x):
        x = raw(check_batch(x, self.spec))
        return x.reshape(len(x), -1).astype(np.int64)

    def _start(self, condition, n):
        """c + U y: the hidden units' sums before the first variable, `(H,)` or `(n, H)`."""
        rows = condition_rows(self, condition, n)
        return self.c if rows is None else self.c + self.from_condition(rows)

    def _in_order(self, order):
        """table, v and b of the variables in this order."""
        if self.config.order == "natural" and not self.config.orderless:
            return self.table, self.v, self.b
        return ops.take(self.table, order, 0), ops.take(self.v, order, 0), ops.take(self.b, order, 0)


def _small(shape, scale, rng):
    return rng.uniform(-scale, scale, shape, np.float32)
