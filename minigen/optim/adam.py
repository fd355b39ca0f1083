"""Adam and AdamW."""

from .. import kernels
from ..arrays.checks import fraction, non_negative_number
from .optimizer import Optimizer


class Adam(Optimizer):
    """p ← p - learning_rate·m̂/(√v̂ + eps) (Kingma and Ba, 2015, algorithm 1).

    m and v are running means of g and g² with the decays `beta1` and `beta2`, m̂ and v̂ these divided by 1 - βᵗ at step
    t = 1, 2, …; eps stands outside the square root. `weight_decay`·p is added to g first (AdamW decouples it).
    """

    state_names = ("mean", "square")
    decoupled = False

    def __init__(self, parameters, learning_rate: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999,
                 eps: float = 1e-8, weight_decay: float = 0.0):
        self.beta1, self.beta2 = fraction("beta1", beta1), fraction("beta2", beta2)
        self.eps = non_negative_number("eps", eps)
        self.weight_decay = non_negative_number("weight_decay", weight_decay)
        super().__init__(parameters, learning_rate)

    def apply(self, data, gradient, state, learning_rate, scale):
        kernels.adam_update(data, gradient, *state, self.steps, learning_rate, self.beta1, self.beta2, self.eps,
                            self.weight_decay, self.decoupled, scale)


class AdamW(Adam):
    """Adam with decoupled weight decay: first p ← p·(1 - learning_rate·weight_decay) (Loshchilov and Hutter, 2019)."""

    decoupled = True

    def __init__(self, parameters, learning_rate: float = 1e-3, beta1: float = 0.9, beta2: float = 0.999,
                 eps: float = 1e-8, weight_decay: float = 1e-2):
        super().__init__(parameters, learning_rate, beta1, beta2, eps, weight_decay)
