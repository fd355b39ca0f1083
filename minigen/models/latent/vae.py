"""The variational autoencoder, conditional on c if the data have a condition.

    p(z) = N(0, I)        p(x | z) = Π p(xᵢ; decoder(z)ᵢ)        q(z | x) = N(μ(x), diag σ(x)²)

The factors of p(x | z) are Bernoulli distributions of binary data (the decoder gives their logits), softmaxes of
discrete data, and normal distributions of continuous data, with one learned scale for all. Training maximises the
evidence lower bound

    log p(x) ≥ ELBO(x) = E_q[log p(x | z)] - KL(q(z | x) ‖ p(z)),

with its expectation estimated at one z = μ + σ·ε, ε ~ N(0, I), through which gradients pass (the reparameterisation
trick), and its second term in closed form. The importance-weighted bound with k samples,

    E log (1/k) Σᵢ p(x, zᵢ) / q(zᵢ | x),    zᵢ ~ q(z | x),

is the ELBO at k = 1 and rises to log p(x) with k. A conditional model p(x | c) = ∫ p(x | z, c) p(z) dz has c beside the
inputs of both networks, and the same bounds.

Kingma and Welling, "Auto-Encoding Variational Bayes", 2014 (estimator: equation 10); Rezende, Mohamed and Wierstra,
2014; Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders", 2016 (bound: equation 8); Sohn, Lee and Yan,
"Learning Structured Output Representation using Deep Conditional Generative Models", 2015 (the condition, with a prior
that does not depend on it).
"""

import math
from dataclasses import dataclass, replace

import numpy as np

from ... import ops
from ...arrays import as_generator
from ...arrays.checks import fraction, one_of, positive_integer, positive_number, sizes
from ...autograd import no_grad, raw
from ...distributions import Distribution, Normal
from ...layers import MLP
from ...protocols import DataSpec
from ..activations import ACTIVATIONS
from ..batches import check_batch
from ..heads import Scaled, SharedNormalHead, integer_head
from ..model import Model
from ..objective import Objective
from ..support.conditions import condition_rows, condition_width
from ..takes import CONDITIONS, Takes

BLOCK = 2**24  # numbers in the largest array of a block of importance samples: 64 MB in float32


@dataclass(frozen=True)
class Config:
    """Widths of the encoder's hidden layers (the decoder has them in reverse), latent dimensions, activation, dropout.

    `hidden=None` is one layer of 400, the usual choice for 28×28 images, or two of 200 for examples of fewer than 256
    dimensions, which did better by half a nat on the validation split of the 8×8 digits. `dropout` is the rate in the
    hidden layers of both networks while they are trained.
    """

    hidden: tuple[int, ...] | None = None
    latent_dim: int = 20
    activation: str = "relu"
    dropout: float = 0.0

    def __post_init__(self):
        if self.hidden is not None:
            object.__setattr__(self, "hidden", sizes("hidden", self.hidden))
        positive_integer("latent_dim", self.latent_dim)
        one_of("activation", self.activation, ACTIVATIONS)
        fraction("dropout", self.dropout)


@dataclass(frozen=True)
class Options:
    """The temperature of p(x | z): below 1, samples are closer to its likeliest values."""

    temperature: float = 1.0

    def __post_init__(self):
        positive_number("temperature", self.temperature)


class VAE(Model):
    """A variational autoencoder of data of any shape.

    `encoder` maps rows `(batch, D + C)`, an example and its condition, to μ and log σ `(batch, 2·latent_dim)`;
    `decoder` maps rows `(…, latent_dim + C)` to the parameters of p(x | z), `(…, D·output.width)`. Both are Modules, by
    default MLPs whose parameters `rng` draws; D is the number of variables of an example, C that of the condition's
    features. `output` is the head of one variable. Discrete values are scaled to [-1, 1] for the encoder.
    """

    Config = Config
    Options = Options
    takes = Takes(condition=CONDITIONS)
    training = {"epochs": 800, "batch_size": 128, "optimizer": "adamw", "weight_decay": 0.1, "ema": 0.99}

    def __init__(self, spec: DataSpec, config: Config | None = None, *, rng, encoder=None, decoder=None):
        super().__init__(spec, config)
        rng, config, n = as_generator(rng), self.config, spec.dimensions
        hidden = config.hidden
        if hidden is None:
            hidden = (400,) if n >= 256 else (200, 200)
        self.config = replace(config, hidden=hidden)
        c, m, activation = condition_width(spec.condition), config.latent_dim, ACTIVATIONS[config.activation]
        code = Scaled(spec.levels) if spec.kind == "discrete" else None  # binary values are their own code
        self.encoder = encoder or MLP((n + c, *hidden, 2 * m), activation, rng=rng, dropout=config.dropout)
        self.output = SharedNormalHead() if spec.kind == "continuous" else integer_head(spec.levels or 2, code)
        width = n * self.output.width
        self.decoder = decoder or MLP((m + c, *hidden[::-1], width), activation, rng=rng, dropout=config.dropout)

    @property
    def prior(self) -> Normal:
        """p(z): events `(latent_dim,)`."""
        shape = (self.config.latent_dim,)
        return Normal(self.xp.zeros(shape, self.dtype), self.xp.ones(shape, self.dtype), event_ndim=1)

    def encode(self, x, condition=None) -> Normal:
        """q(z | x, condition) for x of shape `(batch, *spec.shape)`: events `(latent_dim,)`."""
        return self._posterior(*self._rows(x, condition))

    def decode(self, z, condition=None) -> Distribution:
        """p(x | z, condition) for z of shape `(..., latent_dim)`: events of `spec.shape`.

        `condition` is one for all, or one for each z of the last batch axis.
        """
        c = condition_rows(self, condition, z.shape[-2] if z.ndim > 1 else 1)
        parameters = self._decoded(z, c if z.ndim > 1 or c is None else c[0])
        parameters = parameters.reshape(*z.shape[:-1], *self.spec.shape, self.output.width)
        return self.output.distribution(parameters, event_ndim=len(self.spec.shape))

    def elbo(self, x, rng, condition=None):
        """One-sample estimate of the evidence lower bound, nats, `(batch,)`."""
        log_likelihood, kl = self._terms(*self._rows(x, condition), rng)
        return log_likelihood - kl

    def iwae_bound(self, x, k: int, rng, condition=None):
        """The importance-weighted bound with `k` samples, nats, `(batch,)`; without gradients in blocks of samples."""
        positive_integer("k", k)
        rows, c = self._rows(x, condition)
        q, rng = self._posterior(rows, c), as_generator(rng)

        block = max(1, BLOCK // (len(rows) * self.spec.dimensions))
        log_sums = []
        for first in range(0, k, block):
            z = q.rsample((min(block, k - first),), rng)  # (samples, batch, latent_dim)
            log_weights = self._likelihood(z, c).log_prob(rows) + self.prior.log_prob(z) - q.log_prob(z)
            log_sums.append(ops.logsumexp(log_weights, axis=0))
        log_sum = log_sums[0] if len(log_sums) == 1 else ops.logsumexp(ops.stack(log_sums), axis=0)
        return log_sum - math.log(k)

    def objectives(self) -> list[Objective]:
        """One: minus the ELBO, averaged over the batch."""
        return [Objective("elbo", self.loss, self.parameters())]

    def loss(self, batch, rng, step):
        """-ELBO of a batch in nats per example, and its two terms."""
        log_likelihood, kl = self._terms(*self._rows(batch.x, batch.condition), rng, train=True)
        log_likelihood, kl = log_likelihood.mean(), kl.mean()
        elbo = log_likelihood - kl
        return -elbo, {"elbo": elbo, "reconstruction": log_likelihood, "kl": kl}

    def sample(self, n: int, rng, condition=None, given=None, **options) -> np.ndarray:
        """Draw `n` examples `(n, *spec.shape)`: z from the prior, then x from p(x | z, condition)."""
        temperature = self.sampling_options(options).temperature
        if given is not None:
            raise ValueError("vae: sample cannot keep given values: it does not know p(x | some of x)")
        positive_integer("n", n)
        rng = as_generator(rng)
        with no_grad():
            z = rng.standard_normal((n, self.config.latent_dim), self.dtype, self.xp)
            parameters = self._decoded(z, condition_rows(self, condition, n)).reshape(n, -1, self.output.width)
            x = self.output.distribution(parameters, 1, temperature).sample((), rng)
        return self.output.values(x).reshape(n, *self.spec.shape)

    def _terms(self, rows, c, rng, train=False):
        """The two terms of the bound: log p(x | z, c) and KL(q ‖ p), each `(batch,)`."""
        rng = as_generator(rng)
        q = self._posterior(rows, c, train, rng)
        z = q.rsample((), rng)
        return self._likelihood(z, c, train, rng).log_prob(rows), ops.normal_kl(q.loc, q.log_scale)

    def _rows(self, x, condition):
        """Examples as rows `(batch, D)`, and the features of their conditions, `(batch, C)` or None."""
        x = check_batch(x, self.spec)
        return x.reshape(len(x), -1), condition_rows(self, condition, len(x))

    def _posterior(self, rows, c, train=False, rng=None):
        coded = self.output.code(raw(rows), self.dtype)[..., 0] if self.output.levels > 2 else rows
        loc, log_scale = ops.split(self.encoder(_beside(coded, c), train=train, rng=rng), 2, axis=-1)
        return Normal(loc, log_scale=log_scale, event_ndim=1)

    def _likelihood(self, z, c, train=False, rng=None):
        """p(x | z, c) of examples read as rows: events `(D,)`."""
        parameters = self._decoded(z, c, train, rng)  # (…, D · width)
        return self.output.distribution(parameters.reshape(*z.shape[:-1], -1, self.output.width), event_ndim=1)

    def _decoded(self, z, c, train=False, rng=None):
        return self.decoder(_beside(z, c), train=train, rng=rng)


def _beside(rows, c):
    """Rows `(…, batch, n)` with the features `(batch, C)` of their conditions beside them, if there are any."""
    if c is None:
        return rows
    if rows.dtype != c.dtype:
        rows = raw(rows).astype(c.dtype)
    return ops.concatenate([rows, ops.broadcast_to(c, (*rows.shape[:-1], c.shape[-1]))], axis=-1)
