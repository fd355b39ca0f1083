"""The variational autoencoder.

    p(z) = N(0, I)        p(x | z) = Π Bernoulli(xᵢ; sigmoid(decoder(z)ᵢ))        q(z | x) = N(μ(x), diag σ(x)²)

Training maximises the evidence lower bound

    log p(x) ≥ ELBO(x) = E_q[log p(x | z)] - KL(q(z | x) ‖ p(z)),

its expectation estimated at one z = μ + σ·ε, ε ~ N(0, I), through which gradients pass (the reparameterisation
trick), its second term in closed form. The importance-weighted bound with k samples,

    E log (1/k) Σᵢ p(x, zᵢ) / q(zᵢ | x),    zᵢ ~ q(z | x),

is the ELBO at k = 1 and rises to log p(x) with k.

Kingma and Welling, "Auto-Encoding Variational Bayes", 2014 (estimator: equation 10); Rezende, Mohamed and Wierstra,
2014; Burda, Grosse, Salakhutdinov, "Importance Weighted Autoencoders", 2016 (bound: equation 8).
"""

import math
from dataclasses import dataclass, replace

from ... import ops
from ...arrays import array_module, as_generator
from ...autograd import no_grad
from ...autograd.tensor import raw
from ...distributions import Bernoulli, Normal
from ...layers import MLP, Module
from ...protocols import DataSpec, Objective
from ..settings import ACTIVATIONS, check_activation, check_batch, check_size, check_sizes


@dataclass(frozen=True)
class Config:
    """Widths of the encoder's hidden layers (the decoder has them in reverse), latent dimensions, and activation.

    `hidden=None` is one layer of 400, the usual choice for 28×28 images, or two of 200 for examples of fewer than 256
    dimensions, which did better by half a nat on the validation split of the 8×8 digits.
    """

    hidden: tuple[int, ...] | None = None
    latent_dim: int = 20
    activation: str = "relu"

    def __post_init__(self):
        if self.hidden is not None:
            object.__setattr__(self, "hidden", check_sizes("hidden", self.hidden))
        check_size("latent_dim", self.latent_dim)
        check_activation("activation", self.activation)


class VAE(Module):
    """A variational autoencoder of binary data, with fully connected encoder and decoder.

    `spec` says what an example is (its kind must be binary), `rng` draws the initial parameters.
    Raises ValueError for data of another kind or conditional data.
    """

    Config = Config
    training = {"epochs": 800, "batch_size": 128, "optimizer": "adamw", "weight_decay": 0.1, "ema": 0.99}

    def __init__(self, spec: DataSpec, config: Config, *, rng):
        if spec.kind != "binary":
            raise ValueError(f"vae: its Bernoulli decoder takes binary data (values 0 and 1), got {spec.kind} data; "
                             "binarize them, or pick a data set's binary variant")
        if spec.condition is not None:
            raise ValueError("vae: it models p(x), not p(x | condition)")
        rng, activation = as_generator(rng), ACTIVATIONS[config.activation]
        n, m = spec.dimensions, config.latent_dim
        hidden = ((400,) if n >= 256 else (200, 200)) if config.hidden is None else config.hidden
        self.spec, self.config = spec, replace(config, hidden=hidden)
        self.encoder = MLP((n, *hidden, 2 * m), activation, rng=rng)  # gives μ and log σ
        self.decoder = MLP((m, *hidden[::-1], n), activation, rng=rng)

    @property
    def prior(self) -> Normal:
        """p(z): events `(latent_dim,)`."""
        weight = self.decoder.layers[0].weight
        xp, shape = array_module(raw(weight)), (self.config.latent_dim,)
        return Normal(xp.zeros(shape, weight.dtype), xp.ones(shape, weight.dtype), event_ndim=1)

    def encode(self, x) -> Normal:
        """q(z | x) for x of shape `(batch, *spec.shape)`: events `(latent_dim,)`."""
        x = check_batch(x, self.spec)
        return self._posterior(x.reshape(x.shape[0], -1))

    def decode(self, z) -> Bernoulli:
        """p(x | z) for z of shape `(..., latent_dim)`: events `(dimensions,)`, an example read as one row."""
        return Bernoulli(logits=self.decoder(z), event_ndim=1)

    def elbo(self, x, rng):
        """One-sample estimate of the evidence lower bound, nats, `(batch,)`."""
        x = check_batch(x, self.spec)
        reconstruction, kl = self._terms(x.reshape(x.shape[0], -1), rng)
        return reconstruction - kl

    def iwae_bound(self, x, k: int, rng):
        """The importance-weighted bound with `k` samples, nats, `(batch,)`; memory grows with batch·k."""
        check_size("k", k)
        x = check_batch(x, self.spec)
        x = x.reshape(x.shape[0], -1)
        q = self._posterior(x)
        z = q.rsample(as_generator(rng), (k,))
        log_weights = self.decode(z).log_prob(x) + self.prior.log_prob(z) - q.log_prob(z)
        return ops.logsumexp(log_weights, axis=0) - math.log(k)

    def objectives(self) -> list[Objective]:
        """One: minus the ELBO, averaged over the batch."""
        return [Objective("elbo", self._loss, self.parameters())]

    def sample(self, n: int, rng, condition=None, given=None):
        """Draw `n` examples: z from the prior, then x from p(x | z). uint8 array `(n, *spec.shape)`."""
        if condition is not None or given is not None:
            raise ValueError("vae: sample takes no condition and no given values, its samples are unconditional")
        check_size("n", n)
        rng, weight = as_generator(rng), self.decoder.layers[0].weight
        with no_grad():
            z = rng.standard_normal((n, self.config.latent_dim), weight.dtype, array_module(weight.data))
            x = self.decode(z).sample(rng)
        return raw(x).astype("uint8").reshape(n, *self.spec.shape)

    def _loss(self, batch, rng):
        reconstruction, kl = self._terms(batch.reshape(batch.shape[0], -1), rng)
        reconstruction, kl = reconstruction.mean(), kl.mean()
        elbo = reconstruction - kl
        return -elbo, {"elbo": elbo, "reconstruction": reconstruction, "kl": kl}

    def _terms(self, x, rng):
        """The two terms of the bound for examples read as rows: log p(x | z) and KL(q ‖ p), each `(batch,)`."""
        q = self._posterior(x)
        z = q.rsample(as_generator(rng))
        return self.decode(z).log_prob(x), ops.normal_kl(q.loc, q.log_scale)

    def _posterior(self, x):
        mean, log_scale = ops.split(self.encoder(x), 2, axis=-1)
        return Normal(mean, log_scale=log_scale, event_ndim=1)
