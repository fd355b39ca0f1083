"""The fully visible sigmoid belief network: one logistic regression for each variable on those before it.

    p(x) = Π_d Bernoulli(x_d; sigmoid(b_d + Σ_{i<d} W_{id} x_i))

With D variables it has D(D + 1)/2 free parameters.

Frey, "Graphical Models for Machine Learning and Digital Communication", 1998, chapter 3; Neal, "Connectionist Learning
of Belief Networks", 1992.
"""

from dataclasses import dataclass

import numpy as np

from ... import ops
from ...arrays import as_generator
from ...layers import MaskedLinear, degree_mask, zeros
from ...protocols import DataSpec
from ..settings import check_not_negative, check_order
from .vectors import VectorModel


@dataclass(frozen=True)
class Config:
    """The order of the variables, "natural" or "random" by `order_seed`, and the penalty ½·l2·|W|² on the weights."""

    order: str = "natural"
    order_seed: int = 0
    l2: float = 0.0

    def __post_init__(self):
        check_order(self.order, self.order_seed)
        check_not_negative("l2", self.l2)


class FVSBN(VectorModel):
    """A fully visible sigmoid belief network of binary data of any shape, read as one row.

    Raises ValueError for data of another kind.
    """

    Config = Config
    training = {"epochs": 30, "batch_size": 100, "schedule": "cosine"}

    def __init__(self, spec: DataSpec, config: Config, *, rng):
        if spec.kind != "binary":
            raise ValueError(f"fvsbn: it takes binary data, got {spec.kind} data")
        self.config, degrees = config, np.arange(spec.dimensions)
        self._prepare(spec, "fvsbn", variable_order(spec.dimensions, config.order, config.order_seed))
        mask = degree_mask(degrees, degrees, strict=True)
        self.linear = MaskedLinear(spec.dimensions, spec.dimensions, mask, as_generator(rng), init=zeros)

    @property
    def parameter_count(self) -> int:
        """D(D + 1)/2."""
        return int(self.linear.blocks.mask.sum()) + self.spec.dimensions

    def network(self, x):
        """Logits `(batch, D)`."""
        return self.linear(x)

    def _loss(self, batch, rng):
        loss, metrics = super()._loss(batch, rng)
        return loss + penalty(self.config.l2, [self.linear.weight]), metrics


def penalty(strength, weights):
    """½·strength·Σ|W|²; biases are left alone, since they only say how frequent values are."""
    if strength == 0:
        return 0.0
    return 0.5 * strength * sum(ops.square(weight).sum() for weight in weights)


def variable_order(variables: int, order: str, seed: int):
    """The places of the variables in their order."""
    return np.arange(variables) if order == "natural" else as_generator(seed).permutation(variables)
