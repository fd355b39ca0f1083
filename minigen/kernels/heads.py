"""How a sampler draws a value from each output distribution: the drawing half of the heads in `models/heads`.

A `Draw` makes the value of one conditional out of the parameters that a network says and of random numbers. It has two
versions that tests hold equal, one below the other here: array code for a batch, and a loop for one example. A
compiled sampler is compiled anew for each Draw (`sampler_of`), which then is a plain call within its loop.

    Draw               parameters                            random numbers             settings        value
    BERNOULLI          one logit, of 1 among 0 and 1         one uniform                                an integer
    CATEGORICAL        K logits                              one uniform                                an integer
    NORMAL             mean, log standard deviation          one normal                 floor           a real number
    FIXED_NORMAL       mean                                  one normal                 scale           a real number
    NORMAL_MIXTURE     C logits, C means, C log standard     one uniform for the        floor           a real number
                       deviations                            component, one normal
    LAPLACE_MIXTURE    C logits, C medians, C log scales     two uniforms               floor           a real number
    LOGISTIC_MIXTURE   C logits, C medians, C log scales     two uniforms               floor           a real number
    PIXEL_MIXTURE      C logits; for each colour C           one uniform for the        levels          an integer for
                       locations, C log scales and, for      component, one for                         each colour
                       each colour before it, C              each colour
                       coefficients

A scale is exp(log scale) + floor. The first setting of all is the temperature T: logits are divided by T, scales are
multiplied by T. So T = 1 is the distribution itself; as T falls to 0, values come nearer to the likeliest ones, and at
T = 0 a draw is the likeliest integer, or the location of the likeliest component.
"""

import functools
import types
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..arrays import array_module
from .activations import sigmoid
from .machinery.compiling import Loop, loop
from .machinery.functions import exp, log, tanh
from .machinery.functions import sigmoid as logistic

LEAST_LOG_SCALE = -7.0  # of PIXEL_MIXTURE: far below the width of one of 256 levels
TINY = 1e-30  # in place of a uniform number of exactly 0, which would stand for -inf, and of a temperature of 0


@dataclass(frozen=True)
class Draw:
    """A way to draw the value of one conditional.

    - `array(parameters, noise, settings)`: values `(batch, m)` of parameters `(batch, width)` and noise `(batch, n)`.
    - `one(parameters, noise, settings, scratch, values)`: the same loop for one example; it writes into `values`
      `(m,)`, and may use `scratch`, which is as long as the parameters.

    `settings` is a row of numbers: the temperature first, then what the table above says.
    """

    array: Callable
    one: Loop


@functools.cache
def sampler_of(sampler: Loop, draw: Draw) -> Loop:
    """The loop `sampler` with the loop of `draw` in the place of the function that it calls `draw_one`."""
    function = sampler.function
    names = {**function.__globals__, "draw_one": draw.one}
    made = types.FunctionType(function.__code__, names, function.__name__, function.__defaults__)
    made.__module__ = function.__module__
    made.__qualname__ = f"{function.__qualname__}{draw.one.function.__name__}"  # compiled code is kept under this name
    return Loop(made, sampler.options)


# Integers by inversion: the value is the number of cumulative probabilities that a uniform number reaches.


def invert(u, logits, temperature=1.0):
    """The values `(batch,)` that uniform numbers u stand for: of two by one logit, else of K by logits `(batch, K)`."""
    if logits.shape[1] == 1:
        return u < sigmoid(logits[:, 0] / max(temperature, TINY))
    return components(u, logits, temperature)


@loop
def pick(u, logits, sharpness, weights):
    """`invert` of one example at temperature 1 / sharpness; `weights` is room for as many numbers as logits."""
    if logits.size == 1:
        return 1 if u < logistic(logits[0] * sharpness) else 0
    return pick_component(u, logits, sharpness, weights)


@loop
def _sharpness(settings):
    """1 / temperature."""
    return settings.dtype.type(1) / max(settings[0], settings.dtype.type(TINY))


def components(u, logits, temperature=1.0):
    """The indices `(batch,)` that uniform numbers u `(batch,)` stand for among those with logits `(batch, K)`."""
    top = logits.max(axis=1, keepdims=True)
    weights = array_module(logits).exp((logits - top) / max(temperature, TINY)).cumsum(axis=1)
    return (weights[:, :-1] <= (u * weights[:, -1])[:, None]).sum(axis=1)


@loop
def pick_component(u, logits, sharpness, weights):
    """The index that the uniform number u stands for among those with these logits, times `sharpness`."""
    top, total = logits[0], logits.dtype.type(0)
    for k in range(1, logits.size):
        top = max(top, logits[k])
    for k in range(logits.size):
        total += exp((logits[k] - top) * sharpness)
        weights[k] = total
    for k in range(logits.size - 1):
        if u * total < weights[k]:
            return k
    return logits.size - 1


def _integer(parameters, noise, settings):
    return invert(noise[:, 0], parameters, settings[0])[:, None]


@loop
def _one_integer(parameters, noise, settings, scratch, values):
    values[0] = pick(noise[0], parameters, _sharpness(settings), scratch)


BERNOULLI = CATEGORICAL = Draw(_integer, _one_integer)


# Real numbers: location + scale times a draw of the standard distribution.


def _normal(parameters, noise, settings):
    scale = np.exp(parameters[:, 1:]) + settings[1]
    return parameters[:, :1] + scale * settings[0] * noise


@loop
def _one_normal(parameters, noise, settings, scratch, values):
    scale = exp(parameters[1]) + settings[1]
    values[0] = parameters[0] + scale * settings[0] * noise[0]


def _fixed_normal(parameters, noise, settings):
    return parameters + settings[1] * settings[0] * noise


@loop
def _one_fixed_normal(parameters, noise, settings, scratch, values):
    values[0] = parameters[0] + settings[1] * settings[0] * noise[0]


def _normal_mixture(parameters, noise, settings):
    return _mixture(parameters, noise[:, 0], noise[:, 1], settings)


@loop
def _one_normal_mixture(parameters, noise, settings, scratch, values):
    values[0] = _one_mixture(parameters, noise[0], noise[1], settings, scratch)


def _laplace_mixture(parameters, noise, settings):
    u = noise[:, 1]
    z = np.where(u < 0.5, np.log(2 * np.maximum(u, TINY)), -np.log(2 * (1 - u)))  # the inverse distribution function
    return _mixture(parameters, noise[:, 0], z, settings)


@loop
def _one_laplace_mixture(parameters, noise, settings, scratch, values):
    u = noise[1]
    z = log(max(u + u, noise.dtype.type(TINY))) if u + u < 1 else -log((1 - u) + (1 - u))
    values[0] = _one_mixture(parameters, noise[0], z, settings, scratch)


def _logistic_mixture(parameters, noise, settings):
    u = np.maximum(noise[:, 1], TINY)
    return _mixture(parameters, noise[:, 0], np.log(u) - np.log1p(-u), settings)


@loop
def _one_logistic_mixture(parameters, noise, settings, scratch, values):
    u = max(noise[1], noise.dtype.type(TINY))
    values[0] = _one_mixture(parameters, noise[0], log(u) - log(1 - u), settings, scratch)


def _mixture(parameters, u, z, settings):
    """location + scale·z of the component that u stands for."""
    count = parameters.shape[1] // 3
    rows = np.arange(len(parameters))
    chosen = components(u, parameters[:, :count], settings[0])
    scale = np.exp(parameters[rows, 2 * count + chosen]) + settings[1]
    return (parameters[rows, count + chosen] + scale * settings[0] * z)[:, None]


@loop
def _one_mixture(parameters, u, z, settings, scratch):
    count = parameters.size // 3
    k = pick_component(u, parameters[:count], _sharpness(settings), scratch)
    scale = exp(parameters[2 * count + k]) + settings[1]
    return parameters[count + k] + scale * settings[0] * z


NORMAL = Draw(_normal, _one_normal)
FIXED_NORMAL = Draw(_fixed_normal, _one_fixed_normal)
NORMAL_MIXTURE = Draw(_normal_mixture, _one_normal_mixture)
LAPLACE_MIXTURE = Draw(_laplace_mixture, _one_laplace_mixture)
LOGISTIC_MIXTURE = Draw(_logistic_mixture, _one_logistic_mixture)


# The colours of a pixel: logistic distributions on levels scaled to [-1, 1], rounded, all of one component. A colour's
# location is moved by tanh(coefficient) times each colour before it (Salimans, Karpathy, Chen and Kingma,
# "PixelCNN++", 2017, sections 2.1 and 2.2).


def pixel_rows(colours):
    """How many numbers PIXEL_MIXTURE has for each component: a logit, and for colour c (from 0) 2 + c."""
    return 1 + 2 * colours + colours * (colours - 1) // 2


def _pixel_mixture(parameters, noise, settings):
    temperature, levels = settings[0], settings[1]
    colours = noise.shape[1] - 1
    rows = parameters.reshape(len(parameters), pixel_rows(colours), -1)  # (batch, rows, components)
    component = components(noise[:, 0], rows[:, 0], temperature)
    chosen = np.take_along_axis(rows, component[:, None, None], 2)[..., 0]  # (batch, rows)
    scaled = np.empty((len(noise), colours))
    at = 1
    for c in range(colours):
        loc = chosen[:, at] + (np.tanh(chosen[:, at + 2:at + 2 + c]) * scaled[:, :c]).sum(axis=1)
        scale = np.exp(np.maximum(chosen[:, at + 1], LEAST_LOG_SCALE)) * temperature
        u = np.maximum(noise[:, 1 + c], TINY)
        value = loc + scale * (np.log(u) - np.log1p(-u))
        level = np.clip(np.rint((value + 1) / 2 * (levels - 1)), 0, levels - 1)
        scaled[:, c] = level * 2 / (levels - 1) - 1
        at += 2 + c
    return np.rint((scaled + 1) / 2 * (levels - 1))


@loop
def _one_pixel_mixture(parameters, noise, settings, scratch, values):
    temperature, levels = settings[0], settings[1]
    colours = values.size
    count = parameters.size // (1 + 2 * colours + colours * (colours - 1) // 2)
    k = pick_component(noise[0], parameters[:count], _sharpness(settings), scratch)
    at = count + k
    for c in range(colours):
        loc = parameters[at]
        scale = exp(max(parameters[at + count], noise.dtype.type(LEAST_LOG_SCALE))) * temperature
        at += 2 * count
        for j in range(c):
            loc += tanh(parameters[at]) * (values[j] * 2 / (levels - 1) - 1)
            at += count
        u = max(noise[1 + c], noise.dtype.type(TINY))
        value = (loc + scale * (log(u) - log(1 - u)) + 1) / 2 * (levels - 1)
        values[c] = min(max(np.rint(value), 0), levels - 1)


PIXEL_MIXTURE = Draw(_pixel_mixture, _one_pixel_mixture)
