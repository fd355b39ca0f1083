"""The head of binary values."""

from ... import ops
from ...distributions import Bernoulli
from ...kernels.heads import BERNOULLI
from .codes import Number
from .head import Head


class BernoulliHead(Head):
    """p(x = 1) = sigmoid(l), l the network's one output. Values are coded by `code`, by default as 0 and 1."""

    width = 1
    levels = 2
    draw = BERNOULLI

    def __init__(self, code=None):
        self.code = Number() if code is None else code

    def _distribution(self, parameters, event_ndim, temperature):
        logits = ops.reshape(parameters, parameters.shape[:-1])
        return Bernoulli(logits if temperature == 1 else logits / temperature, event_ndim=event_ndim)
