"""The head of pixels: a mixture of discretised logistic distributions over all colours of a pixel at once."""

import math

import numpy as np

from ... import ops
from ...arrays import array_module, as_generator, to_numpy
from ...arrays.checks import positive_integer
from ...autograd import raw
from ...distributions import DiscretizedLogisticMixture, Distribution, Independent
from ...kernels.heads import LEAST_LOG_SCALE, PIXEL_MIXTURE, pixel_rows
from .codes import Scaled
from .head import Head


class PixelMixture(Distribution):
    """The colours of a pixel, integers 0 … levels - 1, each with the mass of a logistic distribution in a level's bin.

        p(x) = Σ_m w_m Π_c P(x_c; μ_mc, s_mc),     μ_mc = μ⁰_mc + Σ_{j<c} tanh(a_mcj) x̃_j

    with x̃ the colours before, scaled to [-1, 1]: one component for all colours (Salimans et al., 2017, equation 3).
    Parameters `(*batch, rows · components)` are, row after row, the logits of w, then for each colour c its μ⁰, its
    log s and its coefficients a of each colour before it. Events have shape `(colours,)`.
    """

    discrete = True

    def __init__(self, parameters, colours: int, levels: int, temperature: float = 1.0):
        self.rows = ops.reshape(parameters, (*parameters.shape[:-1], pixel_rows(colours), -1))  # (*batch, rows, M)
        self.colours = colours
        self.levels = levels
        self.temperature = temperature
        self.dtype = parameters.dtype
        self._set_shape((*parameters.shape[:-1], colours), 1)

    def _log_prob(self, x):
        x = ops.astype(x, self.dtype)
        scaled = x * (2 / (self.levels - 1)) - 1  # (*batch, colours)
        logits = self.rows[..., 0, :]  # (*batch, M)
        if self.temperature != 1:
            logits = logits / self.temperature
        log_mass = 0
        row = 1
        for c in range(self.colours):
            loc = self.rows[..., row, :]
            log_scale = ops.maximum(self.rows[..., row + 1, :], LEAST_LOG_SCALE) + math.log(self.temperature)
            for j in range(c):
                loc = loc + ops.tanh(self.rows[..., row + 2 + j, :]) * scaled[..., j, None]
            mixture = DiscretizedLogisticMixture(logits, loc, log_scale, self.levels)
            log_mass = log_mass + mixture.component_log_prob(x[..., c])
            row += 2 + c
        return ops.logsumexp(ops.log_softmax(logits, -1) + log_mass, -1)

    def _sample(self, shape, rng):
        rows = raw(self.rows)
        flat = to_numpy(rows).reshape(*rows.shape[:-2], -1)
        flat = np.broadcast_to(flat, (*shape[:-1], flat.shape[-1])).reshape(-1, flat.shape[-1])
        noise = as_generator(rng).random((len(flat), 1 + self.colours))
        drawn = PIXEL_MIXTURE.array(flat, noise, [self.temperature, self.levels])
        return array_module(rows).asarray(drawn.reshape(shape), np.int64)


class PixelMixtureHead(Head):
    """A `PixelMixture` for each pixel. Raises ValueError for numbers of components, colours or levels below 1."""

    draw = PIXEL_MIXTURE

    def __init__(self, components: int, colours: int, levels: int):
        self.components = positive_integer("components", components)
        self.colours = positive_integer("colours", colours)
        self.levels = positive_integer("levels", levels)
        self.width = components * pixel_rows(colours)
        self.event_shape = (colours,)
        self.code = Scaled(levels)

    def _distribution(self, parameters, event_ndim, temperature):
        pixels = PixelMixture(parameters, self.colours, self.levels, temperature)
        return Independent(pixels, event_ndim - 1) if event_ndim > 1 else pixels

    def noise(self, rng, shape, dtype):
        """A uniform number for the component, and one for each colour."""
        return rng.random((*shape, 1 + self.colours), dtype)

    def settings(self, temperature):
        """Temperature and levels."""
        return [temperature, self.levels]
