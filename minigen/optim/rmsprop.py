"""RMSProp."""

from .. import kernels
from ..arrays.checks import fraction, non_negative_number
from .optimizer import Optimizer


class RMSProp(Optimizer):
    """p ← p - learning_rate·g/(√v + eps), v the running mean of g² with decay `decay` (Tieleman and Hinton, 2012).

    v starts at 0 and is not corrected for it; eps stands outside the square root. `weight_decay`·p is added to g first.
    """

    state_names = ("square",)

    def __init__(self, parameters, learning_rate: float = 1e-3, decay: float = 0.99, eps: float = 1e-8,
                 weight_decay: float = 0.0):
        self.decay = fraction("decay", decay)
        self.eps = non_negative_number("eps", eps)
        self.weight_decay = non_negative_number("weight_decay", weight_decay)
        super().__init__(parameters, learning_rate)

    def apply(self, data, gradient, state, learning_rate, scale):
        kernels.rmsprop_update(data, gradient, *state, learning_rate, self.decay, self.eps, self.weight_decay,
                               scale)
