"""MADE (Germain et al., 2015) in layers that multiply weights by masks: log p(x) = Σ log p(xᵢ | x before i)."""

from minigen import DataSpec, layers, ops
from minigen.arrays import Generator
from minigen.models import Model, Objective
from minigen.training import make_step

from .. import inputs
from ..rows import Work

SIZES = (784, 500, 500, 784)
BATCH = 128


class Masked(layers.Linear):
    """x @ (weight * mask) + bias."""

    def __init__(self, inputs, outputs, mask):
        super().__init__(inputs, outputs, rng=0)
        self.mask = mask

    def __call__(self, x, *, train=False, rng=None):
        return x @ (self.weight * self.mask) + self.bias


class MADE(Model):
    """Bernoulli conditionals in natural order."""

    def __init__(self, sizes):
        super().__init__(DataSpec((sizes[0],), "binary"))
        shapes = zip(sizes[:-1], sizes[1:], inputs.made_masks(sizes), strict=True)
        self.layers = [Masked(n, m, mask) for n, m, mask in shapes]

    def log_prob(self, x, condition=None):
        """(batch,), nats."""
        logits = x
        for layer in self.layers[:-1]:
            logits = ops.relu(layer(logits))
        return ops.bernoulli_log_prob(x, self.layers[-1](logits))

    def objectives(self):
        """One: minus the mean log-likelihood."""
        return [Objective("nll", lambda batch, rng, step: (-self.log_prob(batch.x).mean(), {}), self.parameters())]


def build():
    """A training step."""
    model = MADE(SIZES)
    model.to(dtype=inputs.DTYPE)
    model.load_state_dict(inputs.mlp("", SIZES))
    step, batch, rng = make_step(model), inputs.binary(BATCH, 784), Generator(2)
    return Work(step=lambda: step(batch, rng), values=model.state_dict, update=lambda rng: step(batch, rng),
                noise=lambda rng: [])
