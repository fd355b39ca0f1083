"""The head of integers."""

from ...arrays.checks import positive_integer
from ...distributions import Categorical
from ...kernels.heads import CATEGORICAL
from .bernoulli import BernoulliHead
from .codes import OneHot
from .head import Head


class CategoricalHead(Head):
    """p(x = k) = softmax(l)_k for k = 0 … levels - 1, with l the network's outputs, one for each level.

    Values are coded by `code`, by default each as a row with one 1.
    """

    draw = CATEGORICAL

    def __init__(self, levels: int, code=None):
        self.width = self.levels = positive_integer("levels", levels)
        self.code = OneHot(levels) if code is None else code

    def _distribution(self, parameters, event_ndim, temperature):
        return Categorical(parameters if temperature == 1 else parameters / temperature, event_ndim=event_ndim)


def integer_head(levels: int, code=None) -> Head:
    """The head of integers 0 … levels - 1: of two, one logit is enough."""
    return BernoulliHead(code) if levels == 2 else CategoricalHead(levels, code)
