"""MADE: an autoencoder whose masks make each output depend on the inputs before it alone.

Each unit has a degree: input d the number d (from 1), a hidden unit some m from 1 to D - 1, output d again d. A weight
may lead from a unit of degree m to a hidden one of degree m' ≥ m, and to an output of degree d > m, so that output d
sees inputs 1 … d - 1:

    h = g((W ⊙ M_W) x + U c + b),    parameters of p(x_d | x_{<d}, c) = ((V ⊙ M_V) h + (A ⊙ M_A) x + T c + e)_d

with A the direct connections, if there are any, and U and T those of a condition c. Outputs are Bernoulli logits,
softmax logits, or mixtures of normal distributions. With several masks the same weights serve several orders and
degrees: training takes one of them at each step, and the density is the mean of theirs. Likelihoods are averaged, which
is a mixture of models; the mean of logits is no density.

Germain, Gregor, Murray and Larochelle, "MADE: Masked Autoencoder for Distribution Estimation", 2015 (equations 8 to 12;
several masks: section 4.2).
"""

import math
from dataclasses import dataclass

import numpy as np

from ... import ops
from ...arrays import as_generator
from ...arrays.checks import boolean, non_negative_number, one_of, positive_integer, positive_number, sizes
from ...autograd import Parameter
from ...kernels.masked import Blocks
from ...layers import Linear, degree_mask, glorot_uniform, zeros
from ...layers.conv import live_init
from ...protocols import DataSpec
from ..activations import ACTIVATIONS
from ..support.conditions import condition_width
from ..takes import Takes
from .support.orders import check_order, mask_stream, variable_order
from .support.penalty import penalty
from .support.rows import RowModel, output_head
from .support.sampling import sampler


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
        object.__setattr__(self, "hidden", sizes("hidden", self.hidden))
        check_order(self.order, self.order_seed)
        for name in ("masks", "components"):
            positive_integer(name, getattr(self, name))
        one_of("activation", self.activation, ACTIVATIONS)
        non_negative_number("l2", self.l2)
        positive_number("floor", self.floor)
        boolean("direct", self.direct)


class MADE(RowModel):
    """MADE of binary, discrete or continuous data of any shape, read as one row."""

    Config = Config
    takes = Takes(condition=("class", "vector"))
    training = {"epochs": 60, "batch_size": 100, "schedule": "cosine"}

    def __init__(self, spec: DataSpec, config: Config | None = None, *, rng=0):
        super().__init__(spec, config)
        config = self.config
        variables = spec.dimensions
        rng = as_generator(rng)
        several = config.masks > 1
        order = np.arange(variables) if several else variable_order(variables, config.order, config.order_seed)
        self.read_in_order(order, output_head(spec, config.components, floor=config.floor))
        stream = mask_stream(config.order_seed) if several else None
        self.orders = [stream.permutation(variables) if several else np.arange(variables) for _ in range(config.masks)]
        self.masks = [self._blocks(order, stream) for order in self.orders]
        widths = (variables * self.output.code.channels, *config.hidden, variables * self.output.width)
        masks = [blocks.mask for blocks in self.masks[0][0]]
        self.weights = [Parameter(live_init(glorot_uniform, mask.shape, mask, rng, "float32")) for mask in masks]
        self.biases = [Parameter(zeros((n,))) for n in widths[1:]]
        self.skip = Parameter(zeros((widths[0], widths[-1]))) if config.direct else None
        features = condition_width(spec.condition)
        # the first variable sees no hidden unit: a condition has to enter the outputs too
        self.condition_to_hidden = Linear(features, widths[1], rng, bias=False) if features else None
        self.condition_to_outputs = Linear(features, widths[-1], rng, bias=False, init=zeros) if features else None

    def _blocks(self, order, stream):
        """(masks of the layers, mask of the direct connections), for variables that come in this order.

        Hidden units have degrees from `stream`, or evenly spaced ones if it is None.
        """
        variables = len(order)
        rank = np.argsort(order)  # of each variable: its degree, counted from 0
        inputs = np.repeat(rank, self.output.code.channels)
        outputs = np.repeat(rank, self.output.width)
        before = inputs
        layers = []
        for width in self.config.hidden:
            if stream is None:  # in ascending order the masks are staircases, whose zeros cost nothing
                degrees = np.arange(width) * max(1, variables - 1) // width
            else:
                degrees = stream.integers(before.min(), max(1, variables - 1), width)
            layers.append(Blocks(degree_mask(before, degrees)))
            before = degrees
        layers.append(Blocks(degree_mask(before, outputs, strict=True)))
        return layers, Blocks(degree_mask(inputs, outputs, strict=True)) if self.config.direct else None

    def network(self, x, context=None, component=0):
        """Parameters `(batch, D · width)` of each variable, under one of the masks."""
        activation = ACTIVATIONS[self.config.activation]
        masks, direct_mask = self.masks[component]
        h = x  # (batch, D · channels)
        for layer, (weight, bias, mask) in enumerate(zip(self.weights[:-1], self.biases[:-1], masks[:-1], strict=True)):
            a = ops.masked_matmul(h, weight, mask) + bias  # (batch, hidden)
            if layer == 0 and context is not None:
                a = a + self.condition_to_hidden(context)
            h = activation(a)
        y = ops.masked_matmul(h, self.weights[-1], masks[-1]) + self.biases[-1]  # (batch, D · width)
        if self.skip is not None:
            y = y + ops.masked_matmul(x, self.skip, direct_mask)
        if context is not None:
            y = y + self.condition_to_outputs(context)
        return y

    def log_prob(self, x, condition=None):
        """log p(x | condition) in nats, `(batch,)`: of several masks the log of their mean likelihood."""
        x = self.rows(x)  # (batch, D)
        context = self.context(condition, len(x))
        components = [self._component_log_prob(x, context, i) for i in range(self.config.masks)]
        if len(components) == 1:
            return components[0]
        return ops.logsumexp(ops.stack(components), axis=0) - math.log(len(components))

    def _component_log_prob(self, x, context, component):
        """Σ_d log p(x_d | x_{<d}) under one of the masks, `(batch,)`."""
        network = lambda x, context: self.network(x, context, component)  # noqa: E731
        parameters = self.parameters_of(x, context, network)  # (batch, D, width)
        return self.output.distribution(parameters, event_ndim=1).log_prob(x)

    def loss(self, batch, rng, step):
        """Minus the mean log-density under one of the masks, drawn at random, and ½·l2·|W|²."""
        masks = self.config.masks
        component = int(as_generator(rng).integers(0, masks)) if masks > 1 else 0
        x = self.rows(batch.x)
        context = self.context(batch.condition, len(x))
        log_prob = self._component_log_prob(x, context, component).mean()
        weights = [*self.weights] if self.skip is None else [*self.weights, self.skip]
        return -log_prob + penalty(self.config.l2, weights), {"log_prob": log_prob}

    def sample(self, n, rng, condition=None, given=None, **options):
        """Draw a variable after the other, of several masks in the order of one of them, drawn for each example.

        Gives `(n, *spec.shape)`; arguments as for `Model.sample`.
        """
        return self.draw(n, rng, condition, given, **options)[0]

    @sampler
    def draw(self, request):
        """`sample`, and the parameters `(n, *spec.shape, width)` that each variable was drawn from."""
        if self.config.masks == 1:
            return self.draw_by(self.network, np.arange(self.spec.dimensions), request)
        component = request.rng.integers(0, self.config.masks, request.n)
        x = None
        parameters = None
        for i in np.unique(component):
            rows = np.flatnonzero(component == i)
            steps = np.argsort(self.orders[i])
            network = lambda x, context=None, i=i: self.network(x, context, i)  # noqa: E731
            some_x, some_parameters = self.draw_by(network, steps, request.of(rows))
            if x is None:
                x = np.empty((request.n, *some_x.shape[1:]), some_x.dtype)
                parameters = np.empty((request.n, *some_parameters.shape[1:]), some_parameters.dtype)
            x[rows] = some_x
            parameters[rows] = some_parameters
        return x, parameters

    @property
    def order(self):
        """The numbers of the variables in the order in which they are drawn (of several masks, by the first)."""
        return super().order[self.orders[0]]

    def check_given(self, n, given):
        """As for all models; ValueError for one with several masks, which has several orders."""
        if self.config.masks > 1:
            raise ValueError("given: a model with several masks has several orders, and its density given some "
                             "variables is that of none of them; train it with masks=1")
        return super().check_given(n, given)
