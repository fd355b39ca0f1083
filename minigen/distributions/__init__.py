"""Probability distributions: log-densities in nats, samples, entropies and divergences, all differentiable."""

from .bernoulli import Bernoulli
from .categorical import Categorical
from .distribution import Distribution
from .independent import Independent
from .kl import kl_divergence, register_kl
from .mixture import Mixture
from .multivariate_normal import MultivariateNormal
from .normal import Normal

__all__ = [
    "Bernoulli", "Categorical", "Distribution", "Independent", "Mixture", "MultivariateNormal", "Normal",
    "kl_divergence", "register_kl",
]
