"""How a sampler's step draws its values from the network's outputs: one function for each output distribution.

A head makes the step's values out of the parameters of one conditional and random numbers.

    head              parameters                                   random numbers          value
    CATEGORICAL       one logit (of 1 among 0 and 1), or K         one uniform             an integer
    NORMAL_MIXTURE    C logits, C means, C log standard            one uniform for the     a real number
                      deviations                                   component, one normal
    LAPLACE_MIXTURE   C logits, C medians, C log scales            two uniforms            a real number
    PIXEL             C logits; for each colour C locations, C     one uniform for the     an integer for
                      log scales and, for each colour before it,   component, one for      each colour
                      C coefficients                               each colour

`setting` is of the second and third the floor of the scales, exp(log scale) + floor, whose logarithm takes the place of
the log scale; of PIXEL the number of levels. That is a mixture of logistic distributions on levels scaled to [-1, 1],
rounded: one component for all colours of a pixel, and each colour's location moved by tanh(coefficient) times each
colour before it (Salimans, Karpathy, Chen and Kingma, "PixelCNN++", 2017, sections 2.1 and 2.2).
"""

import numpy as np

from .activations import sigmoid
from .compiling import loop
from .functions import exp, log, tanh
from .functions import sigmoid as logistic

CATEGORICAL, NORMAL_MIXTURE, LAPLACE_MIXTURE, PIXEL = range(4)
LEAST_LOG_SCALE = -7.0  # of PIXEL: far below the width of one of 256 levels


def draw(head, parameters, noise, setting):
    """Values `(batch, m)` from parameters `(batch, width)` and noise `(batch, n)`."""
    if head == PIXEL:
        return _pixel(parameters, noise, setting)
    if head in (NORMAL_MIXTURE, LAPLACE_MIXTURE):
        log_scale = parameters[:, parameters.shape[1] // 3 * 2:]
        log_scale[...] = np.log(np.exp(log_scale) + setting)
    return _DRAW[head](parameters, noise)[:, None]


def invert(u, logits):
    """The values `(batch,)` that uniform numbers u stand for: of two by one logit, else of K by logits `(batch, K)`."""
    if logits.shape[1] == 1:
        return u < sigmoid(logits[:, 0])
    return _component(u, logits)


def _component(u, logits):
    weights = np.exp(logits - logits.max(axis=1, keepdims=True)).cumsum(axis=1)
    return (weights[:, :-1] <= (u * weights[:, -1])[:, None]).sum(axis=1)


def _mixture(parameters, noise, standard):
    """location + scale·standard(noise) of a component that is drawn first."""
    count = parameters.shape[1] // 3
    rows, chosen = np.arange(len(parameters)), _component(noise[:, 0], parameters[:, :count])
    scale = np.exp(parameters[rows, 2 * count + chosen])
    return parameters[rows, count + chosen] + scale * standard(noise[:, 1])


def _pixel(parameters, noise, levels):
    """The levels of all colours, from the first to the last."""
    colours = noise.shape[1] - 1
    rows = parameters.reshape(len(parameters), pixel_rows(colours), -1)
    chosen = np.take_along_axis(rows, _component(noise[:, 0], rows[:, 0])[:, None, None], 2)[..., 0]
    scaled, at = np.empty((len(noise), colours)), 1
    for c in range(colours):
        loc = chosen[:, at] + (np.tanh(chosen[:, at + 2:at + 2 + c]) * scaled[:, :c]).sum(axis=1)
        u = np.maximum(noise[:, 1 + c], _TINY)
        value = loc + np.exp(np.maximum(chosen[:, at + 1], LEAST_LOG_SCALE)) * (np.log(u) - np.log1p(-u))
        scaled[:, c] = np.clip(np.rint((value + 1) / 2 * (levels - 1)), 0, levels - 1) * 2 / (levels - 1) - 1
        at += 2 + c
    return np.rint((scaled + 1) / 2 * (levels - 1))


def pixel_rows(colours):
    """How many numbers PIXEL has for each component: a logit, and for colour c (from 0) 2 + c."""
    return 1 + 2 * colours + colours * (colours - 1) // 2


def _laplace(u):
    """The inverse of the standard Laplace distribution's cdf."""
    return np.where(u < 0.5, np.log(2 * np.maximum(u, _TINY)), -np.log(2 * (1 - u)))


_TINY = 1e-30  # a uniform number of exactly 0 would stand for -inf
_DRAW = {
    CATEGORICAL: lambda parameters, noise: invert(noise[:, 0], parameters),
    NORMAL_MIXTURE: lambda parameters, noise: _mixture(parameters, noise, lambda z: z),
    LAPLACE_MIXTURE: lambda parameters, noise: _mixture(parameters, noise, _laplace),
}


@loop
def draw_one(head, parameters, noise, setting, scratch, values):
    """`draw` of one example; `scratch`, as long as the parameters, is room to work in."""
    if head == CATEGORICAL:
        values[0] = pick(noise[0], parameters, scratch)
    elif head == PIXEL:
        _draw_pixel(parameters, noise, setting, scratch, values)
    else:
        count = parameters.size // 3
        for j in range(2 * count, 3 * count):
            parameters[j] = log(exp(parameters[j]) + setting)
        k = pick_component(noise[0], parameters[:count], scratch)
        z = noise[1]
        if head == LAPLACE_MIXTURE:
            z = log(max(z + z, noise.dtype.type(_TINY))) if z + z < 1 else -log((1 - z) + (1 - z))
        values[0] = parameters[count + k] + exp(parameters[2 * count + k]) * z


@loop
def _draw_pixel(parameters, noise, levels, scratch, values):
    colours = values.size
    count = parameters.size // (1 + 2 * colours + colours * (colours - 1) // 2)
    k = pick_component(noise[0], parameters[:count], scratch)
    at = count + k
    for c in range(colours):
        loc, log_scale = parameters[at], max(parameters[at + count], noise.dtype.type(LEAST_LOG_SCALE))
        at += 2 * count
        for j in range(c):
            loc += tanh(parameters[at]) * (values[j] * 2 / (levels - 1) - 1)
            at += count
        u = max(noise[1 + c], noise.dtype.type(_TINY))
        value = (loc + exp(log_scale) * (log(u) - log(1 - u)) + 1) / 2 * (levels - 1)
        values[c] = min(max(np.rint(value), 0), levels - 1)


@loop
def pick(u, logits, weights):
    """The value that the uniform number u stands for: of two if there is one logit, else one for each logit."""
    if logits.size == 1:
        return 1 if u < logistic(logits[0]) else 0
    return pick_component(u, logits, weights)


@loop
def pick_component(u, logits, weights):
    """The index that the uniform number u stands for among those with these logits."""
    top, total = logits[0], logits.dtype.type(0)
    for k in range(1, logits.size):
        top = max(top, logits[k])
    for k in range(logits.size):
        total += exp(logits[k] - top)
        weights[k] = total
    for k in range(logits.size - 1):
        if u * total < weights[k]:
            return k
    return logits.size - 1
