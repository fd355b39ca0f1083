"""Probability distributions: log-densities in nats, samples, entropies and divergences, all differentiable.

Read `distribution.py` (the base class), then `normal.py` and `bernoulli.py`. `continuous.py` and `counts.py` are what
continuous distributions and distributions over integers share, `shapes.py` what all share. `mixture.py`,
`independent.py` and `empirical.py` build distributions from others or from data. `kl.py` has the Kullback-Leibler
divergence in closed form, with `kl_continuous.py` and `finite.py` for pairs of types; `divergences.py` is the door to
all f-divergences, which `f_divergences.py` defines and `divergence_quadrature.py`, `monte_carlo.py` and
`power_integrals.py` compute.
"""

from . import finite as finite
from . import kl_continuous as kl_continuous
from .bernoulli import Bernoulli
from .beta import Beta
from .binomial import Binomial
from .categorical import Categorical
from .dirichlet import Dirichlet
from .discretized_logistic_mixture import DiscretizedLogisticMixture
from .distribution import Distribution
from .divergences import Estimate, divergence
from .empirical import Empirical
from .f_divergence import FDivergence
from .f_divergences import F_DIVERGENCES, f_divergence
from .gamma import Gamma
from .independent import Independent
from .kl import kl_divergence, register_kl
from .laplace import Laplace
from .log_normal import LogNormal
from .logistic import Logistic
from .mixture import Mixture
from .monte_carlo import kl_monte_carlo
from .multivariate_normal import MultivariateNormal
from .normal import Normal
from .one_hot import OneHot
from .poisson import Poisson
from .power_integrals import log_power_integral, register_power_integral
from .relaxed import ExpRelaxedOneHot, LogitRelaxedBernoulli, RelaxedBernoulli, RelaxedOneHot
from .student_t import StudentT
from .truncated_normal import TruncatedNormal
from .uniform import Uniform
from .von_mises import VonMises

__all__ = [
    "F_DIVERGENCES", "Bernoulli", "Beta", "Binomial", "Categorical", "Dirichlet", "DiscretizedLogisticMixture",
    "Distribution", "Empirical", "Estimate", "ExpRelaxedOneHot", "FDivergence", "Gamma", "Independent", "Laplace",
    "LogNormal", "Logistic", "LogitRelaxedBernoulli", "Mixture", "MultivariateNormal", "Normal", "OneHot", "Poisson",
    "RelaxedBernoulli", "RelaxedOneHot", "StudentT", "TruncatedNormal", "Uniform", "VonMises", "divergence",
    "f_divergence", "kl_divergence", "kl_monte_carlo", "log_power_integral", "register_kl", "register_power_integral",
]
