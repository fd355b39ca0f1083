"""Stochastic gradient descent."""

from .. import kernels
from ..arrays.checks import fraction, non_negative_number
from .optimizer import Optimizer


class SGD(Optimizer):
    """p ← p - learning_rate·g, with momentum p ← p - learning_rate·v where v ← momentum·v + g.

    Nesterov's variant moves by g + momentum·v instead of v (Sutskever et al., 2013, with the velocity at the point
    looked ahead to). `weight_decay`·p is added to g first. Without dampening, as in PyTorch: a learning rate that
    changes acts on the whole velocity at once.
    """

    def __init__(self, parameters, learning_rate: float = 1e-2, momentum: float = 0.0, nesterov: bool = False,
                 weight_decay: float = 0.0):
        self.momentum = fraction("momentum", momentum)
        self.nesterov = bool(nesterov)
        self.weight_decay = non_negative_number("weight_decay", weight_decay)
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov: expected momentum above 0 with it, got momentum 0")
        self.state_names = ("velocity",) if self.momentum else ()
        super().__init__(parameters, learning_rate)

    def apply(self, data, gradient, state, learning_rate, scale):
        velocity = state[0] if state else None
        kernels.sgd_update(data, gradient, velocity, learning_rate, self.momentum, self.nesterov, self.weight_decay,
                           scale)
