"""RNADE: the real-valued neural autoregressive density estimator.

    a_d = c + Σ_{i<d} x_i w_i,    h_d = relu(ρ_d a_d),    p(x_d | x_{<d}) = Σ_k π_{dk} f(x_d; μ_{dk}, σ_{dk})

with f normal or Laplace, and logits of π, locations μ and log σ affine functions of h_d, of which each variable has
its own. The factors ρ_d, learned too, let later variables' hidden units, sums of more terms, keep the size of earlier
ones'.

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
from ...autograd import Parameter
from ...autograd.tensor import raw
from ...layers import glorot_uniform, zeros
from ...protocols import DataSpec
from ..settings import check_not_negative, check_order, check_positive, check_size
from .fvsbn import variable_order
from .mixtures import HEADS, floored, mixture_noise
from .vectors import VectorModel


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
        check_size("hidden", self.hidden)
        check_size("components", self.components)
        if self.family not in HEADS:
            raise ValueError(f"family: expected one of {', '.join(HEADS)}, got {self.family!r}")
        check_positive("floor", self.floor)
        check_not_negative("l2", self.l2)
        check_order(self.order, self.order_seed)


class RNADE(VectorModel):
    """RNADE of continuous data of any shape, read as one row. Raises ValueError for data of another kind."""

    Config = Config
    training = {"epochs": 100, "batch_size": 100, "schedule": "cosine"}

    def __init__(self, spec: DataSpec, config: Config, *, rng):
        if spec.kind != "continuous":
            raise ValueError(f"rnade: it takes continuous data, got {spec.kind} data (nade: binary and discrete)")
        rng, count, h, k = as_generator(rng), spec.dimensions, config.hidden, config.components
        self._prepare(spec, "rnade", variable_order(count, config.order, config.order_seed), k, config.floor)
        self.config, self.family = config, config.family
        self.w = Parameter(glorot_uniform((count, h), rng))
        self.c = Parameter(zeros((h,)))
        self.scale = Parameter((1 / np.sqrt(1 + np.arange(count))).astype(np.float32))
        self.v = Parameter(glorot_uniform((count, h, 3 * k), rng))
        bias = np.zeros((count, 3 * k), np.float32)
        bias[:, k:2 * k] = rng.standard_normal((count, k), np.float32)  # components start at different places
        self.b = Parameter(bias)

    def _parameters(self, x):
        """Mixture parameters `(batch, D, 3·components)` of rows in order."""
        added = x[:, :, None] * self.w
        a = self.c + ops.cumsum(added, 1) - added  # the sum before each variable
        hidden = ops.relu(self.scale[:, None] * a)
        parameters = ops.transpose(ops.transpose(hidden, (1, 0, 2)) @ self.v, (1, 0, 2)) + self.b
        return floored(parameters, self.floor)

    def _loss(self, batch, rng):
        log_prob = self.log_prob(batch).mean()
        return -log_prob + 0.5 * self.config.l2 * ops.square(self.w).sum(), {"log_prob": log_prob}

    def _draw(self, n, rng, condition, values, observed):
        config, shape, order = self.config, (n, self.spec.dimensions), self.order
        noise = mixture_noise(rng, shape, config.family, self.c.dtype)
        if values is None:
            values, observed = np.zeros(shape), np.zeros(shape, bool)
        values, observed = values.reshape(shape)[:, order], observed.reshape(shape)[:, order]
        weights = [raw(p) for p in (self.w, self.c, self.scale, self.v, self.b)]
        x, parameters = kernels.rnade_draw(noise, *weights, values, observed, HEADS[config.family], config.floor)
        back = np.argsort(order)
        return x[:, back].reshape(n, *self.spec.shape), parameters[:, back].reshape(n, *self.spec.shape, -1)
