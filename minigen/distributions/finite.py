"""Divergences from distributions over 0 … K - 1 to others over the integers, as a sum over the K values."""

import copy
import itertools

from .. import ops
from ..arrays import array_module
from ..autograd import raw
from .bernoulli import Bernoulli, kl_bernoulli
from .binomial import Binomial
from .categorical import Categorical
from .discretized_logistic_mixture import DiscretizedLogisticMixture
from .kl import register_kl
from .poisson import Poisson

LEVELS = {
    Bernoulli: lambda p: 2,
    Binomial: lambda p: int(p.total_count.max(initial=0)) + 1,
    Categorical: lambda p: p.levels,
    DiscretizedLogisticMixture: lambda p: p.levels,
}
CLOSED = {(Bernoulli, Bernoulli), (Categorical, Categorical), (Binomial, Binomial)}  # pairs that have formulas


def log_table(distribution, levels: int):
    """log p(k) of each element of the event and batch, for k = 0 … levels - 1 on a new last axis."""
    shape = distribution.batch_shape + distribution.event_shape
    elements = copy.copy(distribution)
    elements._set_shape(shape, 0)
    values = array_module().arange(levels).reshape((levels, *(1,) * len(shape)))
    return ops.transpose(elements.log_prob(values), (*range(1, len(shape) + 1), 0))


def kl_by_sum(p, q):
    """Σ_k p(k) (log p(k) - log q(k)) over p's values, summed over the event; inf where q excludes what p does not."""
    levels = next(count for kind, count in LEVELS.items() if isinstance(p, kind))(p)
    log_p, log_q = log_table(p, levels), log_table(q, levels)
    weight = ops.exp(log_p)
    never = raw(weight) == 0  # such values add nothing, though log p and maybe log q are -inf
    return p._sum_event((weight * (ops.where(never, 0, log_p) - ops.where(never, 0, log_q))).sum(axis=-1))


for _p, _q in itertools.product(LEVELS, (*LEVELS, Poisson)):
    if (_p, _q) not in CLOSED:
        register_kl(_p, _q)(kl_by_sum)


@register_kl(Binomial, Binomial)
def kl_binomial(p, q):
    """Σ n KL(Bernoulli‖Bernoulli) for equal total_count n, else by the sum over p's values."""
    if (p.total_count != q.total_count).any():
        return kl_by_sum(p, q)
    return p._sum_event(p.total_count.astype(p.dtype) * kl_bernoulli(Bernoulli(p.logits), Bernoulli(q.logits)))
