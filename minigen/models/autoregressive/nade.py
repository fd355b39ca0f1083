"""The neural autoregressive density estimator (NADE), of binary and of categorical variables.

    p(x) = Π_d p(x_d | x_{<d}),    h_d = sigmoid(c + Σ_{i<d} table_i[xᵢ]),    p(x_d | x_{<d}) from logits v_d h_d + b_d

The conditionals share one hidden layer's weights, so that h_{d+1} follows from h_d by adding one row, and the whole
likelihood costs O(D·H). Of binary variables only x_d = 1 adds a row; of K-level ones, each value has its own and the
outputs are a softmax.

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
from ...autograd import Parameter
from ...autograd.tensor import raw
from ...layers import Buffer
from ...protocols import DataSpec
from ..settings import check_batch, check_size
from .autoregressive import Autoregressive

ORDERS = ("natural", "random")


@dataclass(frozen=True)
class Config:
    """Hidden units, the order of the variables, and orderless training with the number of orders of its mixture."""

    hidden: int = 500
    order: str = "natural"
    orderless: bool = False
    orderings: int = 8

    def __post_init__(self):
        check_size("hidden", self.hidden)
        check_size("orderings", self.orderings)
        if self.order not in ORDERS:
            raise ValueError(f"order: expected one of {', '.join(ORDERS)}, got {self.order!r}")
        if not isinstance(self.orderless, bool):
            raise ValueError(f"orderless: expected true or false, got {self.orderless!r}")


class NADE(Autoregressive):
    """NADE of binary or discrete data of any shape, read as one row.

    Raises ValueError for continuous data (RNADE models those) and for conditional data.
    """

    Config = Config
    training = {"epochs": 100, "batch_size": 100, "schedule": "cosine"}

    def __init__(self, spec: DataSpec, config: Config, *, rng):
        if spec.kind not in ("binary", "discrete"):
            raise ValueError(f"nade: it takes binary or discrete data, got {spec.kind} data (rnade: continuous)")
        if spec.condition is not None:
            raise ValueError("nade: it models p(x), not p(x | condition)")
        rng, variables = as_generator(rng), spec.dimensions
        self.spec, self.config = spec, config
        self.levels = 2 if spec.kind == "binary" else spec.levels
        outputs = 1 if self.levels == 2 else self.levels
        rows = self.levels if config.orderless else self.levels - 1  # else value 0 needs no row: c has it
        scale = 1 / math.sqrt(config.hidden)
        self.table = Parameter(_small((variables, rows, config.hidden), 1 / math.sqrt(variables), rng))
        self.c = Parameter(np.zeros(config.hidden, np.float32))
        self.v = Parameter(_small((variables, outputs, config.hidden), scale, rng))
        self.b = Parameter(np.zeros((variables, outputs), np.float32))
        count = config.orderings if config.orderless else 1
        natural = config.order == "natural" and not config.orderless
        orders = [np.arange(variables) if natural else rng.permutation(variables) for _ in range(count)]
        self.orders = Buffer(np.array(orders, np.int64))

    @property
    def order(self):
        """The places of the variables in the order in which they are drawn (of the mixture's first component)."""
        return raw(self.orders)[0]

    @property
    def conditions_on_any(self) -> bool:
        """Whether any set of variables may be given when sampling: if the model is orderless."""
        return self.config.orderless

    def log_prob(self, x, condition=None):
        """log p(x) in nats, `(batch,)`."""
        self._check_condition(0, condition)
        x = self._rows(x)
        each = [self._of_order(x, order) for order in raw(self.orders)]
        return each[0] if len(each) == 1 else ops.logsumexp(ops.stack(each), axis=0) - math.log(len(each))

    def conditionals(self, x, condition=None):
        """Logits of each variable given those before it (in the first order), `(batch, *spec.shape, outputs)`."""
        self._check_condition(0, condition)
        x, order = self._rows(x), self.order
        logits = ops.nade_logits(*self._in_order(order), x[:, order], self.levels)
        back = array_module(order).argsort(order)
        return ops.reshape(ops.take(logits, back, 1), (len(x), *self.spec.shape, -1))

    def _of_order(self, x, order):
        x = x[:, order]
        logits = ops.nade_logits(*self._in_order(order), x, self.levels)
        if self.levels == 2:
            return ops.bernoulli_log_prob(x.astype(logits.dtype), logits[..., 0])
        return ops.categorical_log_prob(logits, x).sum(axis=-1)

    def _in_order(self, order):
        """The parameters, those of a variable in the given order of variables."""
        if self.config.order == "natural" and not self.config.orderless:
            return self.table, self.c, self.v, self.b
        return ops.take(self.table, order, 0), self.c, ops.take(self.v, order, 0), ops.take(self.b, order, 0)

    def _loss(self, batch, rng):
        if not self.config.orderless:
            return super()._loss(batch, rng)
        loss = self._orderless_loss(self._rows(batch), as_generator(rng))
        return loss, {"orderless_log_prob": -loss}

    def _orderless_loss(self, x, rng):
        """E over orders of -log p(x), estimated at one split for each example.

        With d variables shown, each of the D - d others is asked for as if it came next, in the mean:
        D / (D - d) · Σ -log p(xᵢ | shown).
        """
        xp, dtype, (n, variables) = array_module(x), self.c.dtype, x.shape
        shown_count = rng.integers(0, variables, n, xp=xp)
        rank = xp.argsort(xp.argsort(rng.random((n, variables), xp=xp), axis=1), axis=1)
        shown = rank < shown_count[:, None]
        chosen = (x[:, :, None] == xp.arange(self.levels)) & shown[:, :, None]
        table = ops.reshape(self.table, (variables * self.levels, -1))
        hidden = ops.sigmoid(chosen.reshape(n, -1).astype(dtype) @ table + self.c)
        outputs = self.b.shape[1]
        logits = hidden @ ops.transpose(ops.reshape(self.v, (variables * outputs, -1)), (1, 0))
        logits = ops.reshape(logits, (n, variables, outputs)) + self.b
        if outputs == 1:
            each = ops.log_sigmoid((2 * x.astype(dtype) - 1) * logits[..., 0])
        else:
            each = ops.categorical_log_prob(logits, x)
        weight = (variables / (variables - shown_count)).astype(dtype)
        return -((each * ~shown).sum(axis=-1) * weight).mean()

    def _draw(self, n, rng, condition, values, observed):
        dtype, variables = self.c.dtype, self.spec.dimensions
        u = rng.random((n, variables), dtype)
        x = np.empty((n, variables), np.int64)
        logits = np.empty((n, *self.b.shape), dtype)
        for order, rows in self._sampling_orders(n, rng, observed):
            given = np.full((len(rows), variables), -1)
            if values is not None:
                given = np.where(observed, values.astype(np.int64), -1).reshape(n, -1)[rows][:, order]
            parameters = [np.asarray(raw(p)) for p in self._in_order(order)]
            drawn, drawn_logits = kernels.nade_draw(u[rows], *parameters, given, self.levels)
            x[np.ix_(rows, order)] = drawn
            logits[np.ix_(rows, order)] = drawn_logits
        kind = np.uint8 if self.levels <= 256 else np.int64
        return x.astype(kind).reshape(n, *self.spec.shape), logits.reshape(n, *self.spec.shape, -1)

    def _sampling_orders(self, n, rng, observed):
        """Pairs of an order and the examples to be drawn in it."""
        if not self.config.orderless:
            return [(self.order, np.arange(n))]
        if observed is not None:  # what is given comes first; the masks of all examples are alike
            first = observed[0].reshape(-1)
            rest = rng.permutation(np.flatnonzero(~first))
            return [(np.concatenate([np.flatnonzero(first), rest]), np.arange(n))]
        component = rng.integers(0, self.config.orderings, n)
        return [(order, np.flatnonzero(component == i)) for i, order in enumerate(raw(self.orders))
                if (component == i).any()]

    def _check_given(self, n, given):
        if not self.config.orderless or given is None:
            return super()._check_given(n, given)
        values, observed = self._check_given_values(n, given)
        if (observed != observed[:1]).any():
            raise ValueError("given: expected the same variables to be observed in all samples of an orderless model")
        return values, observed

    def _rows(self, x):
        x = raw(check_batch(x, self.spec))
        return x.reshape(len(x), -1).astype(np.int64)


def _small(shape, scale, rng):
    return rng.uniform(-scale, scale, shape, np.float32)
