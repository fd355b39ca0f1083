"""Gamma and beta distribution functions with all their derivatives, and implicit reparameterisation.

A value z that is drawn from a distribution function F(z; a) moves, as the parameter changes and F's value stays, by

    dz/da = -(∂F/∂a) / (∂F/∂z)

(Figurnov, Mohamed and Mnih, "Implicit Reparameterization Gradients", 2018, equation 4). For the gamma and the beta
distribution ∂F/∂a has no closed form: `gamma_score` and `beta_score` give the quotient by quadrature, and since these
families are closed under differentiation, derivatives of any order. All functions take log x or logit x instead of x.
On these scales the densities have one peak for all parameters, and values too small for a float can be written.
"""

import numpy as np

from .. import kernels
from ..autograd import raw
from ..autograd.primitive import primitive
from ..kernels.machinery.examples import Example
from .activations import softplus
from .elementwise import exp
from .special import digamma, lgamma, polygamma


@primitive(residuals=("a", "b"))
def lbeta(a, b, /):
    """log B(a, b) = log Γ(a) + log Γ(b) - log Γ(a + b), for a, b > 0; exact also where these are large."""
    return kernels.lbeta(a, b)


@lbeta.defvjp
def _(g, residuals, needed):
    a, b = residuals
    both = digamma(a + b)
    return g * (digamma(a) - both) if needed[0] else None, g * (digamma(b) - both) if needed[1] else None


@lbeta.example
def _(make):
    return make.arrays(2, 0.4, make.choice([4.0, 30.0]))


def log_gamma_density(a, log_x):
    """The density exp(a s - eˢ) / Γ(a) of s = log x for x of distribution Gamma(a, 1)."""
    return exp(a * log_x - exp(log_x) - lgamma(a))


@primitive(residuals=("a", "log_x", "order"))
def gamma_score(a, log_x, /, order=1):
    """∂ⁿF/∂aⁿ over the density of log x, n ≥ 1, for F the Gamma(a, 1) distribution function at x."""
    return kernels.gamma_score(a, log_x, order)


@gamma_score.defvjp
def _(g, residuals, needed):
    a, s, n = residuals
    value, first = gamma_score(a, s, n), s - digamma(a)
    ga = g * (gamma_score(a, s, n + 1) - first * value) if needed[0] else None
    if not needed[1]:
        return ga, None
    score = kernels.score_polynomial(n, 0, lambda i, j: first if i == 1 else -polygamma(a, i - 1))
    return ga, g * (score - (a - exp(s)) * value)


@gamma_score.example
def _(make):
    a, log_x = make.arrays(2, -1.0, 1.0)
    return Example(np.exp(a), log_x, order=make.integer(1, 2))


@primitive(residuals=("a", "log_x"))
def gamma_cdf(a, log_x, /):
    """P(X ≤ x) for X of distribution Gamma(a, 1), the regularised incomplete gamma function, from log x."""
    return kernels.gamma_cdf(a, log_x)


@gamma_cdf.defvjp
def _(g, residuals, needed):
    a, s = residuals
    gs = g * log_gamma_density(a, s)
    return gs * gamma_score(a, s) if needed[0] else None, gs


@gamma_cdf.example
def _(make):
    a, log_x = make.arrays(2, -1.5, 1.5)
    return [np.exp(a), log_x]


@primitive(residuals=("a", "output"))
def gamma_quantile(a, p, /):
    """The log x at which `gamma_cdf` is p; NaN for p outside [0, 1]."""
    return kernels.gamma_quantile(a, p)


@gamma_quantile.defvjp
def _(g, residuals, needed):
    a, s = residuals
    return -g * gamma_score(a, s) if needed[0] else None, g / log_gamma_density(a, s) if needed[1] else None


@gamma_quantile.example
def _(make):
    a, p = make.arrays(2, 0.1, 0.9)
    return [4 * a, p]


@primitive(residuals=("a", "output"))
def implicit_gamma(a, log_x, /):
    """log x, drawn from Gamma(a, 1), as a function of a: its derivative is that of the quantile that it is."""
    return log_x


@implicit_gamma.defvjp
def _(g, residuals, needed):
    a, s = residuals
    return -g * gamma_score(a, s), None


@implicit_gamma.example
def _(make):
    """As a function of the concentration: what is drawn is the p-quantile."""
    a = make.values(make.shape(), 0.4, 4.0)
    return Example(a, p=make.values(a.shape, 0.1, 0.9),
                   call=lambda a, p: implicit_gamma(a, kernels.gamma_quantile(raw(a), p.astype(a.dtype))))


def log_beta_density(a, b, logit):
    """The density σ(s)ᵃ σ(-s)ᵇ / B(a, b) of s = logit x for x of distribution Beta(a, b)."""
    return exp(-a * softplus(-logit) - b * softplus(logit) - lbeta(a, b))


def _beta_cumulant(a, b, logit):
    """(i, j) -> ∂ⁱ⁺ʲ/∂aⁱ∂bʲ of the log-density of logit x."""
    def cumulant(i, j):
        value = polygamma(a + b, i + j - 1)
        value = value - polygamma(a, i - 1) if j == 0 else value - polygamma(b, j - 1) if i == 0 else value
        return value if i + j > 1 else value - softplus(-logit if i else logit)

    return cumulant


@primitive(residuals=("a", "b", "logit", "m", "n"))
def beta_score(a, b, logit, /, m=1, n=0):
    """∂ᵐ⁺ⁿF/∂aᵐ∂bⁿ over the density of logit x, m + n ≥ 1, for F the Beta(a, b) distribution function at x."""
    return kernels.beta_score(a, b, logit, m, n)


@beta_score.defvjp
def _(g, residuals, needed):
    a, b, s, m, n = residuals
    value, cumulant = beta_score(a, b, s, m, n), _beta_cumulant(a, b, s)
    ga = g * (beta_score(a, b, s, m + 1, n) - cumulant(1, 0) * value) if needed[0] else None
    gb = g * (beta_score(a, b, s, m, n + 1) - cumulant(0, 1) * value) if needed[1] else None
    if not needed[2]:
        return ga, gb, None
    slope = a - (a + b) * exp(-softplus(-s))
    return ga, gb, g * (kernels.score_polynomial(m, n, cumulant) - slope * value)


@beta_score.example
def _(make):
    a, b, logit = make.arrays(3, -0.8, 0.8)
    m, n = make.choice([(1, 0), (0, 1), (1, 1)])
    return Example(np.exp(a), np.exp(b), logit, m=m, n=n)


@primitive(residuals=("a", "b", "logit"))
def beta_cdf(a, b, logit, /):
    """P(X ≤ x) for X of distribution Beta(a, b), the regularised incomplete beta function, from logit x."""
    return kernels.beta_cdf(a, b, logit)


@beta_cdf.defvjp
def _(g, residuals, needed):
    a, b, s = residuals
    gs = g * log_beta_density(a, b, s)
    return (gs * beta_score(a, b, s, 1, 0) if needed[0] else None,
            gs * beta_score(a, b, s, 0, 1) if needed[1] else None, gs)


@beta_cdf.example
def _(make):
    a, b, logit = make.arrays(3, -1.2, 1.2)
    return [np.exp(a), np.exp(b), logit]


@primitive(residuals=("a", "b", "output"))
def beta_quantile(a, b, p, /):
    """The logit x at which `beta_cdf` is p; NaN for p outside [0, 1]."""
    return kernels.beta_quantile(a, b, p)


@beta_quantile.defvjp
def _(g, residuals, needed):
    a, b, s = residuals
    return (*_implicit_beta_vjp(g, residuals, needed)[:2], g / log_beta_density(a, b, s) if needed[2] else None)


@beta_quantile.example
def _(make):
    a, b, p = make.arrays(3, 0.1, 0.9)
    return [4 * a, 3 * b, p]


@primitive(residuals=("a", "b", "output"))
def implicit_beta(a, b, logit, /):
    """logit x, drawn from Beta(a, b), as a function of a and b: its derivative is that of the quantile that it is."""
    return logit


@implicit_beta.defvjp
def _implicit_beta_vjp(g, residuals, needed):
    a, b, s = residuals
    return (-g * beta_score(a, b, s, 1, 0) if needed[0] else None,
            -g * beta_score(a, b, s, 0, 1) if needed[1] else None, None)


@implicit_beta.example
def _(make):
    """As a function of both concentrations: what is drawn is the p-quantile."""
    def drawn(a, b, p):
        p = p.astype((raw(a) + raw(b)).dtype)
        return implicit_beta(a, b, kernels.beta_quantile(raw(a), raw(b), p))

    a, b = make.arrays(2, 0.4, 4.0)
    return Example(a, b, p=make.values(np.broadcast_shapes(a.shape, b.shape), 0.1, 0.9), call=drawn)
