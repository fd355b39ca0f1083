"""A model small enough to know everything about: independent Bernoulli columns, fitted by gradient descent."""

import errno
from dataclasses import dataclass

import numpy as np

from minigen import DataSpec, ops
from minigen.autograd import Parameter
from minigen.data import Dataset
from minigen.models import Model, Objective, Takes
from minigen.training import run as run_module
from minigen.training import write_checkpoint


@dataclass(frozen=True)
class ToyConfig:
    """`noise` jitters the loss, so that training depends on its random numbers; `start` is every logit at first."""

    noise: float = 0.0
    start: float = 0.0


class Toy(Model):
    """log p(x) = Σ_d x_d·l_d − softplus(l_d), l the logits."""

    Config = ToyConfig
    takes = Takes(kinds=("binary",))
    training = {"epochs": 3, "batch_size": 16}

    def __init__(self, spec, config=None, dtype=np.float32):
        super().__init__(spec, config)
        self.logits = Parameter(np.full(spec.shape, self.config.start, dtype))

    def log_prob(self, x, condition=None):
        x = np.asarray(x, self.logits.dtype)
        return (x * self.logits - ops.softplus(self.logits)).sum(axis=-1)

    def objectives(self):
        return [Objective("likelihood", self.loss, self.parameters())]

    def loss(self, batch, rng, step):
        log_prob = self.log_prob(batch.x).mean()
        jitter = rng.standard_normal(self.logits.shape, dtype=self.logits.dtype)
        return (self.config.noise * jitter * self.logits).sum() - log_prob, {"log_prob": log_prob.data}

    def sample(self, n, rng, condition=None, given=None):
        chance = 1 / (1 + np.exp(-self.logits.data.astype(np.float64)))
        return rng.bernoulli(np.broadcast_to(chance, (n, *self.spec.shape))).astype(np.uint8)


def toy_data(rows=100, columns=4, seed=0):
    """A Dataset of independent binary columns with chances 0.1 … 0.9."""
    rng = np.random.default_rng(seed)
    chance = np.linspace(0.1, 0.9, columns)
    parts = [(rng.random((n, columns)) < chance).astype(np.uint8) for n in (rows, rows // 2, rows // 2)]
    return Dataset("toy", DataSpec((columns,), "binary"), *parts)


def full_disk(patch, checkpoints):
    """Have room for so many checkpoints and no more."""
    written = []

    def write(path, arrays, header):
        written.append(path)
        if len(written) > checkpoints:
            raise OSError(errno.ENOSPC, "No space left on device")
        write_checkpoint(path, arrays, header)

    patch.setattr(run_module, "write_checkpoint", write)
