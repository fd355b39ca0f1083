"""The fully visible sigmoid belief network: one logistic regression for each variable on those before it.

    p(x | c) = Π_d Bernoulli(x_d; sigmoid(b_d + Σ_{i<d} W_{id} x_i + Σ_j U_{jd} c_j))

With D variables, and no condition c, it has D(D + 1)/2 free parameters.

Frey, "Graphical Models for Machine Learning and Digital Communication", 1998, chapter 3; Neal, "Connectionist Learning
of Belief Networks", 1992.
"""

from dataclasses import dataclass

import numpy as np

from ...arrays import as_generator
from ...arrays.checks import non_negative_number
from ...layers import Linear, MaskedLinear, degree_mask, zeros
from ...protocols import DataSpec
from ..support.conditions import condition_width
from ..takes import Takes
from .support.orders import check_order, variable_order
from .support.penalty import penalty
from .support.rows import RowModel, output_head
from .support.sampling import sampler


@dataclass(frozen=True)
class Config:
    """The order of the variables, "natural" or "random" by `order_seed`, and the penalty ½·l2·|W|² on the weights."""

    order: str = "natural"
    order_seed: int = 0
    l2: float = 0.0

    def __post_init__(self):
        check_order(self.order, self.order_seed)
        non_negative_number("l2", self.l2)


class FVSBN(RowModel):
    """A fully visible sigmoid belief network of binary data of any shape, read as one row."""

    Config = Config
    takes = Takes(kinds=("binary",), condition=("class", "vector"))
    training = {"epochs": 30, "batch_size": 100, "schedule": "cosine"}

    def __init__(self, spec: DataSpec, config: Config | None = None, *, rng=0):
        super().__init__(spec, config)
        variables = spec.dimensions
        features = condition_width(spec.condition)
        self.read_in_order(variable_order(variables, self.config.order, self.config.order_seed), output_head(spec))
        mask = degree_mask(np.arange(variables), np.arange(variables), strict=True)
        self.linear = MaskedLinear(variables, variables, mask, as_generator(rng), init=zeros)
        self.from_condition = Linear(features, variables, rng, bias=False, init=zeros) if features else None

    @property
    def parameter_count(self) -> int:
        """D(D + 1)/2, and a weight for each number of a condition and each variable."""
        condition = 0 if self.from_condition is None else self.from_condition.weight.data.size
        return int(self.linear.blocks.mask.sum()) + self.spec.dimensions + condition

    def network(self, x, context=None):
        """Logits `(batch, D)`: b + W x + U c."""
        logits = self.linear(x)
        return logits if context is None else logits + self.from_condition(context)

    def log_prob(self, x, condition=None):
        """log p(x | condition) = Σ_d log p(x_d | x_{<d}, condition) in nats, `(batch,)`."""
        x = self.rows(x)  # (batch, D)
        logits = self.parameters_of(x, self.context(condition, len(x)))  # (batch, D, 1)
        return self.output.distribution(logits, event_ndim=1).log_prob(x)

    def loss(self, batch, rng, step):
        """Minus the mean log-density, and ½·l2·|W|²."""
        log_prob = self.log_prob(batch.x, batch.condition).mean()
        return -log_prob + penalty(self.config.l2, [self.linear.weight]), {"log_prob": log_prob}

    def sample(self, n, rng, condition=None, given=None, **options):
        """Draw x_1, then x_2 given x_1, and so on: `(n, *spec.shape)`. Arguments as for `Model.sample`."""
        return self.draw(n, rng, condition, given, **options)[0]

    @sampler
    def draw(self, request):
        """`sample`, and the logits `(n, *spec.shape, 1)` that each variable was drawn from."""
        return self.draw_by(self.network, np.arange(self.spec.dimensions), request)
