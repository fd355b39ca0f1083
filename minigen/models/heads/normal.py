"""Heads of real numbers with one normal distribution each."""

import math

from ... import ops
from ...arrays.checks import non_negative_number, positive_number
from ...autograd import Parameter, raw
from ...distributions import Normal
from ...kernels.heads import FIXED_NORMAL, NORMAL
from ...layers import zeros
from .head import Head


class _DrawnFromNormals(Head):
    """A head that draws from standard normal numbers."""

    def noise(self, rng, shape, dtype):
        """A standard normal number for each value."""
        return rng.standard_normal((*shape, 1), dtype)


class NormalHead(_DrawnFromNormals):
    """N(μ, σ²) with μ and log σ the network's outputs; σ is exp(·) + `floor`.

    A floor above 0 keeps the likelihood finite where many examples share a value.
    """

    width = 2
    draw = NORMAL

    def __init__(self, floor: float = 0.0):
        self.floor = non_negative_number("floor", floor)

    def _distribution(self, parameters, event_ndim, temperature):
        loc = parameters[..., 0]
        log_scale = parameters[..., 1]
        if self.floor:
            return Normal(loc, (ops.exp(log_scale) + self.floor) * temperature, event_ndim=event_ndim)
        return Normal(loc, log_scale=log_scale + math.log(temperature), event_ndim=event_ndim)

    def settings(self, temperature):
        """Temperature and floor."""
        return [temperature, self.floor]


class FixedNormalHead(_DrawnFromNormals):
    """N(μ, scale²) with μ the network's output and a scale that stays as it is."""

    width = 1
    draw = FIXED_NORMAL

    def __init__(self, scale: float = 1.0):
        self.scale = positive_number("scale", scale)

    def _distribution(self, parameters, event_ndim, temperature):
        loc = ops.reshape(parameters, parameters.shape[:-1])
        return Normal(loc, self.scale * temperature, event_ndim=event_ndim)

    def settings(self, temperature):
        """Temperature and scale."""
        return [temperature, self.scale]


class SharedNormalHead(_DrawnFromNormals):
    """N(μ, σ²) with μ the network's output and log σ one learned number for all values, at first 0."""

    width = 1
    draw = FIXED_NORMAL

    def __init__(self):
        self.log_scale = Parameter(zeros((1,)))

    def _distribution(self, parameters, event_ndim, temperature):
        loc = ops.reshape(parameters, parameters.shape[:-1])
        log_scale = ops.broadcast_to(self.log_scale + math.log(temperature), loc.shape)
        return Normal(loc, log_scale=log_scale, event_ndim=event_ndim)

    def settings(self, temperature):
        """Temperature and scale."""
        return [temperature, math.exp(float(raw(self.log_scale)[0]))]
