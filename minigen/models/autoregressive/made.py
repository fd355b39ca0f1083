"""MADE: an autoencoder whose masks make each output depend on the inputs before it alone.

Each unit has a degree: input d the number d (from 1), a hidden unit some m from 1 to D - 1, output d again d. A weight
may lead from a unit of degree m to a hidden one of degree m' ≥ m, and to an output of degree d > m, so that output d
sees inputs 1 … d - 1:

    h = g((W ⊙ M_W) x + b),    parameters of p(x_d | x_{<d}) = ((V ⊙ M_V) h + (A ⊙ M_A) x + c)_d

with A the direct connections, if there are any. Outputs are Bernoulli logits, softmax logits, or mixtures of normal
distributions. With several masks the same weights serve several orders and degrees: training takes one of them at each
step, and the density is the mean of theirs. Likelihoods are averaged, which is a mixture of models; the mean of logits
is no density.

Germain, Gregor, Murray and Larochelle, "MADE: Masked Autoencoder for Distribution Estimation", 2015 (equations 8 to 12;
several masks: section 4.2).
"""

import math
from dataclasses import dataclass

import numpy as np

from ... import ops
from ...arrays import Generator, as_generator
from ...autograd import Parameter
from ...kernels.masked import Blocks
from ...layers import degree_mask, glorot_uniform, zeros
from ...layers.conv import live_init
from ...protocols import DataSpec
from ..settings import (
    ACTIVATIONS,
    check_activation,
    check_not_negative,
    check_order,
    check_positive,
    check_size,
    check_sizes,
)
from .fvsbn import penalty, variable_order
from .mixtures import floored
from .vectors import VectorModel


@dataclass(frozen=True)
class Config:
    """Hidden layers, order, direct connections, number of masks, penalty ½·l2·|W|², mixture components and their floor.

    `order` "random" is drawn by `order_seed`, as are degrees where there are several `masks`; these have random orders
    of their own. `components` and `floor` (the least scale) are for continuous data.
    """

    hidden: tuple[int, ...] = (500,)
    order: str = "natural"
    order_seed: int = 0
    direct: bool = False
    masks: int = 1
    activation: str = "relu"
    l2: float = 0.0
    components: int = 10
    floor: float = 1e-3

    def __post_init__(self):
        object.__setattr__(self, "hidden", check_sizes("hidden", self.hidden))
        check_order(self.order, self.order_seed)
        for name in ("masks", "components"):
            check_size(name, getattr(self, name))
        check_activation("activation", self.activation)
        check_not_negative("l2", self.l2)
        check_positive("floor", self.floor)
        if not isinstance(self.direct, bool):
            raise ValueError(f"direct: expected true or false, got {self.direct!r}")


class MADE(VectorModel):
    """MADE of binary, discrete or continuous data of any shape, read as one row.

    Raises ValueError for tables of several kinds and for conditional data.
    """

    Config = Config
    training = {"epochs": 60, "batch_size": 100, "schedule": "cosine"}

    def __init__(self, spec: DataSpec, config: Config, *, rng):
        count, rng = spec.dimensions, as_generator(rng)
        self.config, several = config, config.masks > 1
        base = np.arange(count) if several else variable_order(count, config.order, config.order_seed)
        self._prepare(spec, "made", base, config.components, config.floor)
        draw = Generator(config.order_seed).fold_in(1)
        self.orders = [draw.permutation(count) if several else np.arange(count) for _ in range(config.masks)]
        self.masks = [self._blocks(order, draw if several else None) for order in self.orders]
        sizes = (count * self.inputs, *config.hidden, count * self.outputs)
        masks = [blocks.mask for blocks in self.masks[0][0]]
        self.weights = [Parameter(live_init(glorot_uniform, mask.shape, mask, rng, "float32")) for mask in masks]
        self.biases = [Parameter(zeros((n,))) for n in sizes[1:]]
        self.skip = Parameter(zeros((sizes[0], sizes[-1]))) if config.direct else None

    def _blocks(self, order, draw):
        """(masks of the layers, mask of the direct connections) for inputs whose place in the order is `order`."""
        count, widths = len(order), self.config.hidden
        place = np.argsort(order)
        before, layers = np.repeat(place, self.inputs), []  # degrees, from 0
        for width in widths:
            if draw is None:  # in ascending order the masks are staircases, whose zeros cost nothing
                degrees = np.arange(width) * max(1, count - 1) // width
            else:
                degrees = draw.integers(before.min(), max(1, count - 1), width)
            layers.append(Blocks(degree_mask(before, degrees)))
            before = degrees
        after = np.repeat(place, self.outputs)
        layers.append(Blocks(degree_mask(before, after, strict=True)))
        direct = degree_mask(np.repeat(place, self.inputs), after, strict=True)
        return layers, Blocks(direct) if self.config.direct else None

    def network(self, x, component=0):
        """Parameters `(batch, D · outputs)` of each variable, under one of the masks."""
        activation, (masks, direct) = ACTIVATIONS[self.config.activation], self.masks[component]
        h = x
        for weight, bias, mask in zip(self.weights[:-1], self.biases[:-1], masks[:-1], strict=True):
            h = activation(ops.masked_matmul(h, weight, mask) + bias)
        y = ops.masked_matmul(h, self.weights[-1], masks[-1]) + self.biases[-1]
        return y if self.skip is None else y + ops.masked_matmul(x, self.skip, direct)

    def log_prob(self, x, condition=None):
        """log p(x) in nats, `(batch,)`: of several masks the log of their mean likelihood."""
        if self.config.masks == 1:
            return super().log_prob(x, condition)
        self._check_condition(0, condition)
        x = self._in_order(x)
        each = ops.stack([self._component_log_prob(x, i) for i in range(self.config.masks)])
        return ops.logsumexp(each, axis=0) - math.log(self.config.masks)

    def _component_log_prob(self, x, component):
        parameters = ops.reshape(self.network(self._coded(x), component), (len(x), -1, self.outputs))
        return self._row_log_prob(x, floored(parameters, self.floor) if self.levels == 0 else parameters)

    @property
    def order(self):
        """The places of the variables in the order in which they are drawn (of several masks, by the first)."""
        return super().order[self.orders[0]]

    def _loss(self, batch, rng):
        component = int(as_generator(rng).integers(0, self.config.masks)) if self.config.masks > 1 else 0
        log_prob = self._component_log_prob(self._in_order(batch), component).mean()
        weights = [weight for weight in (*self.weights, self.skip) if weight is not None]
        return -log_prob + penalty(self.config.l2, weights), {"log_prob": log_prob}

    def _check_given(self, n, given):
        if given is not None and self.config.masks > 1:
            raise ValueError("given: a model with several masks has several orders, and its density given some "
                             "variables is that of none of them; train it with masks=1")
        return super()._check_given(n, given)

    def _draw(self, n, rng, condition, values, observed):
        if self.config.masks == 1:
            return super()._draw(n, rng, condition, values, observed)
        component = rng.integers(0, self.config.masks, n)
        x, parameters = None, None
        for i in np.unique(component):
            rows = np.flatnonzero(component == i)
            place = np.argsort(self.orders[i])
            drawn = self._draw_by(lambda x, i=i: self.network(x, i), place, len(rows), rng, None, None)
            if x is None:
                x, parameters = (np.empty((n, *part.shape[1:]), part.dtype) for part in drawn)
            x[rows], parameters[rows] = drawn
        return x, parameters
