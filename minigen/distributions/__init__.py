"""Probability distributions: log-densities in nats, samples, entropies and divergences, all differentiable."""

from . import finite as finite
from .bernoulli import Bernoulli
from .binomial import Binomial
from .categorical import Categorical
from .discretized_logistic_mixture import DiscretizedLogisticMixture
from .distribution import Distribution
from .empirical import Empirical
from .independent import Independent
from .kl import kl_divergence, register_kl
from .mixture import Mixture
from .multivariate_normal import MultivariateNormal
from .normal import Normal
from .one_hot import OneHot
from .poisson import Poisson
from .relaxed import ExpRelaxedOneHot, LogitRelaxedBernoulli, RelaxedBernoulli, RelaxedOneHot

__all__ = [
    "Bernoulli", "Binomial", "Categorical", "DiscretizedLogisticMixture", "Distribution", "Empirical",
    "ExpRelaxedOneHot", "Independent", "LogitRelaxedBernoulli", "Mixture", "MultivariateNormal", "Normal", "OneHot",
    "Poisson", "RelaxedBernoulli", "RelaxedOneHot", "kl_divergence", "register_kl",
]
