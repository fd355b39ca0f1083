"""The categorical distribution over one-hot vectors."""

from .. import ops
from ..arrays import array_module
from ..autograd import raw
from .categorical import Categorical, kl_categorical
from .distribution import Distribution
from .kl import register_kl
from .shapes import outside


class OneHot(Distribution):
    """Vectors of K elements, one of them 1 and the rest 0, with log p(x) = logits·x - logsumexp(logits).

    `logits` has shape `(..., K)`, its last axis is the event; a logit of -inf excludes its vector. Samples have the
    logits' dtype. Raises ValueError for logits without a last axis of at least one element.
    """

    discrete = True

    def __init__(self, logits):
        self.index = Categorical(logits)
        self.logits, self.dtype = self.index.logits, self.index.dtype
        self._set_shape(self.logits.shape, 1)

    @property
    def probs(self):
        """p of each of the K vectors, on the last axis."""
        return self.index.probs

    def _log_prob(self, x):
        values = raw(x)
        hot = values == 1
        valid = (hot | (values == 0)).all(axis=-1) & (hot.sum(axis=-1) == 1)
        by_element = self.index.log_prob(hot.argmax(axis=-1))
        return ops.where(array_module(values).asarray(valid), by_element, outside(values.sum(axis=-1), self.dtype))

    def _sample(self, shape, rng):
        index = self.index._sample(shape[:-1], rng)
        return (array_module(index).arange(shape[-1]) == index[..., None]).astype(self.dtype)

    def entropy(self):
        """-Σ p log p."""
        return self.index.entropy()

    @property
    def mean(self):
        """p, as the expectation of a vector is its elements' probabilities."""
        return self.index.probs

    @property
    def variance(self):
        """p·(1 - p) of each element."""
        return self.index.probs * (1 - self.index.probs)


@register_kl(OneHot, OneHot)
def kl_one_hot(p, q):
    """Σ p (log p - log q), the divergence of the indices."""
    return kl_categorical(p.index, q.index)
