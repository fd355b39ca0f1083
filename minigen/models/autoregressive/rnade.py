"""RNADE: the real-valued neural autoregressive density estimator.

    a_d = c + U y + Σ_{i<d} x_i w_i,    h_d = relu(ρ_d a_d),    p(x_d | x_{<d}, y) = Σ_k π_{dk} f(x_d; μ_{dk}, σ_{dk})

with f normal, Laplace or logistic, and logits of π, locations μ and log σ affine functions of h_d, of which each
variable has its own; y is a condition, if there is one. The factors ρ_d, learned too, let later variables' hidden
units, sums of more terms, keep the size of earlier ones'.

A mixture component that sits on a value which many rows share gains likelihood without end by narrowing, so that
scales have a `floor`, to be stated with every figure. Columns should have unit variance. A penalty ½·l2·|w|² pulls w,
and w alone, to zero.

Uria, Murray and Larochelle, "RNADE: The Real-valued Neural Autoregressive Density-estimator", 2013 (equations 7 to 12;
the factors and the penalty: sections 3 and 4; there a location's gradient is also multiplied by its scale, which the
default optimiser's own scaling makes unnecessary).
"""

from dataclasses import dataclass

import numpy as np

from ... import kernels, ops
from ...arrays import as_generator
from ...arrays.checks import non_negative_number, one_of, positive_integer, positive_number
from ...autograd import Parameter, raw
from ...layers import Linear, glorot_uniform, zeros
from ...protocols import DataSpec
from ..heads import FAMILIES
from ..support.conditions import condition_width
from ..takes import Takes
from .support.orders import check_order, variable_order
from .support.penalty import penalty
from .support.rows import RowModel, output_head
from .support.sampling import sampler


@dataclass(frozen=True)
class Config:
    """Hidden units, mixture components and their family, least scale, penalty, and the order of the variables."""

    hidden: int = 50
    components: int = 10
    family: str = "normal"
    floor: float = 0.01
    l2: float = 0.0
    order: str = "natural"
    order_seed: int = 0

    def __post_init__(self):
        positive_integer("hidden", self.hidden)
        positive_integer("components", self.components)
        one_of("family", self.family, FAMILIES)
        positive_number("floor", self.floor)
        non_negative_number("l2", self.l2)
        check_order(self.order, self.order_seed)


class RNADE(RowModel):
    """RNADE of continuous data of any shape, read as one row."""

    Config = Config
    takes = Takes(kinds=("continuous",), condition=("class", "vector"))
    training = {"epochs": 100, "batch_size": 100, "schedule": "cosine"}

    def __init__(self, spec: DataSpec, config: Config | None = None, *, rng=0):
        super().__init__(spec, config)
        config = self.config
        variables = spec.dimensions
        rng = as_generator(rng)
        h = config.hidden
        k = config.components
        output = output_head(spec, k, config.family, config.floor)
        self.read_in_order(variable_order(variables, config.order, config.order_seed), output)
        self.w = Parameter(glorot_uniform((variables, h), rng))
        self.c = Parameter(zeros((h,)))
        self.scale = Parameter((1 / np.sqrt(1 + np.arange(variables))).astype(np.float32))  # ρ
        self.v = Parameter(glorot_uniform((variables, h, 3 * k), rng))
        bias = np.zeros((variables, 3 * k), np.float32)
        bias[:, k:2 * k] = rng.standard_normal((variables, k), np.float32)  # components start at different locations
        self.b = Parameter(bias)
        features = condition_width(spec.condition)
        self.from_condition = Linear(features, h, rng, bias=False) if features else None  # U

    def _start(self, context):
        """c + U y: the hidden units' sums before the first variable, `(H,)` or `(batch, H)`."""
        return self.c if context is None else self.c + self.from_condition(context)

    def network(self, x, context=None):
        """Mixture parameters `(batch, D · 3·components)` of rows in order."""
        added = x[:, :, None] * self.w  # (batch, D, H)
        start = self._start(context)
        if context is not None:
            start = start[:, None, :]  # (batch, 1, H)
        a = start + ops.cumsum(added, 1) - added  # (batch, D, H): the sum before each variable
        hidden = ops.relu(self.scale[:, None] * a)
        parameters = ops.transpose(ops.transpose(hidden, (1, 0, 2)) @ self.v, (1, 0, 2)) + self.b  # (batch, D, 3·K)
        return ops.reshape(parameters, (len(x), -1))

    def log_prob(self, x, condition=None):
        """log p(x | condition) = Σ_d log p(x_d | x_{<d}, condition) in nats, `(batch,)`."""
        x = self.rows(x)  # (batch, D)
        parameters = self.parameters_of(x, self.context(condition, len(x)))  # (batch, D, 3·components)
        return self.output.distribution(parameters, event_ndim=1).log_prob(x)

    def loss(self, batch, rng, step):
        """Minus the mean log-density, and ½·l2·|w|²."""
        log_prob = self.log_prob(batch.x, batch.condition).mean()
        return -log_prob + penalty(self.config.l2, [self.w]), {"log_prob": log_prob}

    def sample(self, n, rng, condition=None, given=None, **options):
        """Draw x_1, then x_2 given x_1, and so on: `(n, *spec.shape)`. Arguments as for `Model.sample`."""
        return self.draw(n, rng, condition, given, **options)[0]

    @sampler
    def draw(self, request):
        """`sample`, and the mixture parameters `(n, *spec.shape, 3·components)` that each variable was drawn from."""
        shape = (request.n, self.spec.dimensions)
        order = self.order
        output = self.output
        start = self._start(self.context(request.condition, request.n))
        noise = output.noise(request.rng, shape, self.dtype)
        values = request.values.reshape(shape)[:, order]
        observed = request.observed.reshape(shape)[:, order]
        weights = [raw(p) for p in (self.w, start, self.scale, self.v, self.b)]
        x, parameters = kernels.rnade_draw(noise, *weights, values, observed, output.draw,
                                           output.settings(request.temperature))
        back = np.argsort(order)
        return x[:, back].reshape(request.n, *self.spec.shape), parameters[:, back].reshape(
            request.n, *self.spec.shape, -1)
