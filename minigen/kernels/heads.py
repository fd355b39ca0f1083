"""How a sampler's step draws its values from the network's outputs: one function for each output distribution.

A head makes the step's values out of the parameters of one conditional and uniform (or normal) random numbers.
"""

import numpy as np

from .activations import sigmoid
from .compiling import loop
from .functions import exp
from .functions import sigmoid as logistic

CATEGORICAL = 0  # one logit: of value 1 of two; several: of the values 0, 1, …; one uniform number


def draw(head, parameters, noise, m):
    """Values `(batch, m)` from parameters `(batch, width)` and noise `(batch, n)`."""
    return _DRAW[head](parameters, noise)


def invert(u, logits):
    """The values `(batch,)` that uniform numbers u stand for: of two by one logit, else of K by logits `(batch, K)`."""
    if logits.shape[1] == 1:
        return u < sigmoid(logits[:, 0])
    weights = np.exp(logits - logits.max(axis=1, keepdims=True)).cumsum(axis=1)
    return (weights[:, :-1] <= (u * weights[:, -1])[:, None]).sum(axis=1)


_DRAW = {CATEGORICAL: lambda parameters, noise: invert(noise[:, 0], parameters)[:, None]}


@loop
def draw_one(head, parameters, noise, scratch, values):
    """`draw` of one example; `scratch`, as long as the parameters, is room to work in."""
    values[0] = pick(noise[0], parameters, scratch)


@loop
def pick(u, logits, weights):
    """The value that the uniform number u stands for: of two if there is one logit, else one for each logit."""
    if logits.size == 1:
        return 1 if u < logistic(logits[0]) else 0
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
