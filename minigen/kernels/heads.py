"""How a sampler's step draws its values from the network's outputs: one function for each output distribution.

A head makes the step's values out of the parameters of one conditional and random numbers.

    head              parameters                                   random numbers          value
    CATEGORICAL       one logit (of 1 among 0 and 1), or K         one uniform             an integer
    NORMAL_MIXTURE    C logits, C means, C log standard            one uniform for the     a real number
                      deviations                                   component, one normal
    LAPLACE_MIXTURE   C logits, C medians, C log scales            two uniforms            a real number

Scales of mixtures are exp(log scale) + floor; both functions put its logarithm in place of the log scale.
"""

import numpy as np

from .activations import sigmoid
from .compiling import loop
from .functions import exp, log
from .functions import sigmoid as logistic

CATEGORICAL, NORMAL_MIXTURE, LAPLACE_MIXTURE = range(3)


def draw(head, parameters, noise, floor):
    """Values `(batch, m)` from parameters `(batch, width)` and noise `(batch, n)`."""
    if head in (NORMAL_MIXTURE, LAPLACE_MIXTURE):
        log_scale = parameters[:, parameters.shape[1] // 3 * 2:]
        log_scale[...] = np.log(np.exp(log_scale) + floor)
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
def draw_one(head, parameters, noise, floor, scratch, values):
    """`draw` of one example; `scratch`, as long as the parameters, is room to work in."""
    if head == CATEGORICAL:
        values[0] = pick(noise[0], parameters, scratch)
    else:
        count = parameters.size // 3
        for j in range(2 * count, 3 * count):
            parameters[j] = log(exp(parameters[j]) + floor)
        k = pick_component(noise[0], parameters[:count], scratch)
        z = noise[1]
        if head == LAPLACE_MIXTURE:
            z = log(max(z + z, noise.dtype.type(_TINY))) if z + z < 1 else -log((1 - z) + (1 - z))
        values[0] = parameters[count + k] + exp(parameters[2 * count + k]) * z


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
