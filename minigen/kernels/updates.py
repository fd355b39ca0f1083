"""Optimiser updates on flat arrays, in place, and the norm that clipping needs."""

import math

from ..arrays import array_module


def global_norm(gradient):
    """Euclidean norm of a flat array, as a 0-d array."""
    xp = array_module(gradient)
    return xp.sqrt(xp.dot(gradient, gradient))


def sgd_update(parameter, gradient, velocity, learning_rate, momentum, nesterov):
    """v ← momentum·v + g; the parameter moves by
    -learning_rate·v, or with Nesterov by -learning_rate·(g + momentum·v)."""
    velocity *= momentum
    velocity += gradient
    direction = gradient + momentum * velocity if nesterov else velocity
    parameter -= learning_rate * direction


def adam_update(parameter, gradient, mean, square, step, learning_rate, beta1, beta2, eps, weight_decay):
    """Adam (Kingma and Ba, 2015) with decoupled weight decay (Loshchilov and Hutter, 2019).

    m ← β₁m + (1-β₁)g, v ← β₂v + (1-β₂)g², and with the bias corrections m̂ = m/(1-β₁ᵗ), v̂ = v/(1-β₂ᵗ) the parameter
    moves by -learning_rate·(m̂/(√v̂ + eps) + weight_decay·parameter).
    """
    mean *= beta1
    mean += (1 - beta1) * gradient
    square *= beta2
    square += (1 - beta2) * (gradient * gradient)
    if weight_decay:
        parameter *= 1 - learning_rate * weight_decay
    denominator = array_module(square).sqrt(square)
    denominator *= 1 / math.sqrt(1 - beta2**step)
    denominator += eps
    parameter -= learning_rate / (1 - beta1**step) * mean / denominator


def rmsprop_update(parameter, gradient, square, learning_rate, decay, eps):
    """v ← decay·v + (1-decay)g²; the parameter moves by -learning_rate·g/(√v + eps) (Tieleman and Hinton, 2012)."""
    square *= decay
    square += (1 - decay) * (gradient * gradient)
    parameter -= learning_rate * gradient / (array_module(square).sqrt(square) + eps)
