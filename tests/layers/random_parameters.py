"""Layers with parameters drawn at random, and layers as functions of their parameters.

A bias that starts at 0 hides a wrong sign, and a weight of 1 a missing factor: tests that compare values draw both.
"""

import numpy as np


def randomised(module, seed=0):
    """The module in float64, every parameter drawn anew: of either sign, none near 0."""
    random = np.random.default_rng(seed)
    for parameter in module.to(dtype="float64").parameters():
        size = random.uniform(0.5, 2.0, parameter.shape)
        parameter.assign(size * random.choice([-1.0, 1.0], parameter.shape))
    return module


def with_parameters(layer, **call):
    """The layer as a function of x, weight and bias; `call` are keywords of each call."""
    def function(x, weight, bias):
        layer.weight, layer.bias = weight, bias
        return layer(x, **call)

    return function
