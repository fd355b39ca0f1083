"""The Kullback-Leibler divergence between two distributions, in closed form."""

from .. import ops
from .bernoulli import Bernoulli, kl_bernoulli
from .categorical import Categorical, kl_categorical
from .normal import Normal
from .shapes import apply

_FORMULAS = {}


def register_kl(p_type: type, q_type: type):
    """Decorator: the function `(p, q)` is the divergence for these types (and their subclasses).

    It is called with event shapes that agree, and returns KL(p‖q) in nats, of the batch's shape.
    """

    def register(formula):
        _FORMULAS[p_type, q_type] = formula
        return formula

    return register


def kl_divergence(p, q):
    """KL(p‖q) = E_p[log p(x) - log q(x)] in nats, summed over the event, shape `batch_shape`.

    Raises NotImplementedError for a pair of types without a closed form here, ValueError for different events.
    """
    for a in type(p).__mro__:
        for b in type(q).__mro__:
            if (a, b) in _FORMULAS:
                if p.event_shape != q.event_shape:
                    raise ValueError(f"kl_divergence: expected events of one shape, got {p.event_shape} and "
                                     f"{q.event_shape}")
                return _FORMULAS[a, b](p, q)
    targets = ", ".join(sorted(b.__name__ for a, b in _FORMULAS if isinstance(p, a))) or "nothing"
    raise NotImplementedError(
        f"kl_divergence: no closed form for ({type(p).__name__}, {type(q).__name__}), from the first only to {targets}"
        "; register_kl adds one, kl_monte_carlo and divergence('kl', ...) estimate it")


register_kl(Bernoulli, Bernoulli)(kl_bernoulli)
register_kl(Categorical, Categorical)(kl_categorical)


@register_kl(Normal, Normal)
def kl_normal(p, q):
    """½ Σ (σ²ₚ/σ²_q - 1) + ((μₚ - μ_q)/σ_q)² - log(σ²ₚ/σ²_q) (Kingma and Welling, 2014, appendix B, for q standard)."""
    t = p.log_scale - q.log_scale
    z = q.standardize(p.loc)
    return p._sum_event(0.5 * (apply(ops.expm1, 2 * t) + apply(ops.square, z)) - t)
