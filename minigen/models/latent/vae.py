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
        rng = as_generator(rng)
        variables = spec.dimensions
        hidden = self.config.hidden
        if hidden is None:
            hidden = (400,) if variables >= 256 else (200, 200)
        self.config = config = replace(self.config, hidden=hidden)
        features = condition_width(spec.condition)
        latents = config.latent_dim
        activation = ACTIVATIONS[config.activation]

        self.output = _head(spec)
        if encoder is None:
            widths = (variables + features, *hidden, 2 * latents)
            encoder = MLP(widths, activation, rng=rng, dropout=config.dropout)
        if decoder is None:
            widths = (latents + features, *hidden[::-1], variables * self.output.width)
            decoder = MLP(widths, activation, rng=rng, dropout=config.dropout)
        self.encoder = encoder
        self.decoder = decoder

    @property
    def prior(self) -> Normal:
        """p(z): events `(latent_dim,)`."""
        shape = (self.config.latent_dim,)
        return Normal(self.xp.zeros(shape, self.dtype), self.xp.ones(shape, self.dtype), event_ndim=1)

    def encode(self, x, condition=None) -> Normal:
        """q(z | x, condition) for x of shape `(batch, *spec.shape)`: events `(latent_dim,)`."""
        rows, features = self._rows(x, condition)
        return self._posterior(rows, features)

    def decode(self, z, condition=None) -> Distribution:
        """p(x | z, condition) for z of shape `(..., latent_dim)`: events of `spec.shape`.

        `condition` is one for all, or one for each z of the last batch axis.
        """
        features = condition_rows(self, condition, z.shape[-2] if z.ndim > 1 else 1)
        if features is not None and z.ndim == 1:
            features = features[0]
        parameters = self._decoded(z, features)  # (…, D · width)
        parameters = parameters.reshape(*z.shape[:-1], *self.spec.shape, self.output.width)
        return self.output.distribution(parameters, event_ndim=len(self.spec.shape))

    def terms(self, x, rng, condition=None, train=False):
        """The two terms of the bound, nats, each `(batch,)`: log p(x | z) at one z from q(z | x), and KL(q ‖ p)."""
        rng = as_generator(rng)
        rows, features = self._rows(x, condition)
        q = self._posterior(rows, features, train, rng)
        z = q.rsample((), rng)  # (batch, latent_dim)
        log_likelihood = self._likelihood(z, features, train, rng).log_prob(rows)
        kl = ops.normal_kl(q.loc, q.log_scale)
        return log_likelihood, kl

    def elbo(self, x, rng, condition=None):
        """One-sample estimate of the evidence lower bound, nats, `(batch,)`."""
        log_likelihood, kl = self.terms(x, rng, condition)
        return log_likelihood - kl

    def iwae_bound(self, x, k: int, rng, condition=None):
        """The importance-weighted bound with `k` samples, nats, `(batch,)`; without gradients in blocks of samples."""
        positive_integer("k", k)
        rng = as_generator(rng)
        rows, features = self._rows(x, condition)
        q = self._posterior(rows, features)

        block = max(1, BLOCK // (len(rows) * self.spec.dimensions))
        log_sums = []
        for first in range(0, k, block):
            samples = min(block, k - first)
            z = q.rsample((samples,), rng)  # (samples, batch, latent_dim)
            log_likelihood = self._likelihood(z, features).log_prob(rows)  # (samples, batch)
            log_weights = log_likelihood + self.prior.log_prob(z) - q.log_prob(z)
            log_sums.append(ops.logsumexp(log_weights, axis=0))  # (batch,)
        log_sum = log_sums[0] if len(log_sums) == 1 else ops.logsumexp(ops.stack(log_sums), axis=0)
        return log_sum - math.log(k)

    def objectives(self) -> list[Objective]:
        """One: minus the ELBO, averaged over the batch."""
        return [Objective("elbo", self.loss, self.parameters())]

    def loss(self, batch, rng, step):
        """-ELBO of a batch in nats per example, and its two terms."""
        log_likelihood, kl = self.terms(batch.x, rng, batch.condition, train=True)
        log_likelihood = log_likelihood.mean()
        kl = kl.mean()
        elbo = log_likelihood - kl
        return -elbo, {"elbo": elbo, "reconstruction": log_likelihood, "kl": kl}

    def sample(self, n: int, rng, condition=None, given=None, **options) -> np.ndarray:
        """Draw `n` examples `(n, *spec.shape)`: z from the prior, then x from p(x | z, condition)."""
        temperature = self.sampling_options(options).temperature
        if given is not None:
            raise ValueError(f"{self.name}: sample cannot keep given values: it does not know p(x | some of x)")
        positive_integer("n", n)
        rng = as_generator(rng)
        with no_grad():
            z = rng.standard_normal((n, self.config.latent_dim), self.dtype, self.xp)
            features = condition_rows(self, condition, n)
            parameters = self._decoded(z, features)  # (n, D · width)
            parameters = parameters.reshape(n, -1, self.output.width)  # (n, D, width)
            x = self.output.distribution(parameters, 1, temperature).sample((), rng)  # (n, D)
        return self.output.values(x).reshape(n, *self.spec.shape)

    def _rows(self, x, condition):
        """Examples as rows `(batch, D)`, and the features of their conditions, `(batch, C)` or None."""
        x = check_batch(x, self.spec)
        rows = x.reshape(len(x), -1)
        return rows, condition_rows(self, condition, len(x))

    def _posterior(self, rows, features, train=False, rng=None):
        """q(z | x, c) of examples read as rows: events `(latent_dim,)`."""
        coded = self.output.code(raw(rows), self.dtype)[..., 0] if self.output.levels > 2 else rows
        encoded = self.encoder(_beside(coded, features), train=train, rng=rng)  # (batch, 2 · latent_dim)
        loc, log_scale = ops.split(encoded, 2, axis=-1)
        return Normal(loc, log_scale=log_scale, event_ndim=1)

    def _likelihood(self, z, features, train=False, rng=None):
        """p(x | z, c) of examples read as rows: events `(D,)`."""
        parameters = self._decoded(z, features, train, rng)  # (…, D · width)
        parameters = parameters.reshape(*z.shape[:-1], -1, self.output.width)  # (…, D, width)
        return self.output.distribution(parameters, event_ndim=1)

    def _decoded(self, z, features, train=False, rng=None):
        """The decoder's output for latent variables `(…, latent_dim)`: `(…, D · width)`."""
        return self.decoder(_beside(z, features), train=train, rng=rng)


def _head(spec):
    """The head of one variable of p(x | z)."""
    if spec.kind == "continuous":
        return SharedNormalHead()
    if spec.kind == "discrete":
        return integer_head(spec.levels, Scaled(spec.levels))
    return integer_head(2, None)  # binary values are their own code


def _beside(rows, features):
    """Rows `(…, batch, n)` with the features `(batch, C)` of their conditions beside them, if there are any."""
    if features is None:
        return rows
    if rows.dtype != features.dtype:
        rows = raw(rows).astype(features.dtype)
    features = ops.broadcast_to(features, (*rows.shape[:-1], features.shape[-1]))  # (…, batch, C)
    return ops.concatenate([rows, features], axis=-1)  # (…, batch, n + C)
