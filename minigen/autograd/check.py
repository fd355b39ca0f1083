"""Checking gradients against central differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .sweep import grad
from .tensor import Tensor, raw


class GradientError(AssertionError):
    """An analytic gradient that disagrees with the numeric one."""


def check_grads(f: Callable, args, order: int = 2, *, rtol: float = 1e-5, atol: float = 1e-7, step: float = 1e-3,
                rng: int = 0) -> None:
    """Hold f's gradients, up to `order`, against central differences.

    f takes the `args` (float arrays, used as float64; anything else is passed on as it is) as Tensors and returns a
    Tensor or a tuple of Tensors. It is contracted with random cotangents v to φ(x) = Σ v·f(x); then for each
    argument the derivative of φ along a random unit direction u, from the sweep, is compared with the five-point
    central difference (-φ(x+2hu) + 8φ(x+hu) - 8φ(x-hu) + φ(x-2hu)) / 12h, whose error is of order h⁴. The second
    order checks the gradient in the same way, and so on.

    Raises GradientError, naming the order, the argument and its worst element with both values, when they differ
    by more than `atol + rtol·|numeric|` (scaled by the largest term that enters).
    """
    random = np.random.default_rng(rng)
    args = [np.asarray(raw(a), np.float64) if getattr(raw(a), "dtype", np.dtype(int)).kind == "f" or
            isinstance(a, float) else a for a in args]
    active = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype == np.float64]

    def as_tuple(value):
        return tuple(value) if isinstance(value, tuple | list) else (value,)

    def as_tensors(values):
        return [Tensor(a) if i in active else a for i, a in enumerate(values)]

    def gradients_of(function):
        """The function's contraction with fixed random cotangents, differentiated: again a function of the args."""
        sample = as_tuple(function(*as_tensors(args)))
        cotangents = [random.standard_normal(y.shape) for y in sample]

        def contract(*values):
            outputs = as_tuple(function(*values))
            return sum((y * v).sum() for y, v in zip(outputs, cotangents, strict=True))

        def differentiate(*values):
            return tuple(grad(contract(*values), [values[i] for i in active], create_graph=True))

        return contract, differentiate

    function = f
    for level in range(1, order + 1):
        contract, differentiate = gradients_of(function)
        analytic = [g.data for g in differentiate(*as_tensors(args))]

        def value(i, x, contract=contract):
            moved = list(args)
            moved[i] = x
            return float(raw(contract(*as_tensors(moved))))

        for i, gradient in zip(active, analytic, strict=True):
            if gradient.shape != args[i].shape or gradient.dtype != np.float64:
                raise GradientError(f"order {level}, argument {i}: gradient has shape {gradient.shape} and dtype "
                                    f"{gradient.dtype}, the argument {args[i].shape} and float64")
            direction = random.standard_normal(args[i].shape)
            direction /= max(np.sqrt((direction**2).sum()), 1e-300)
            expected = _central(lambda x, i=i: value(i, x), args[i], direction, step)
            found = float((gradient * direction).sum())
            scale = max(abs(expected), float((np.abs(gradient * direction)).sum()))
            if args[i].size and not abs(found - expected) <= atol + rtol * scale:
                raise GradientError(_explain(level, i, args[i], gradient, lambda x, i=i: value(i, x), step))
        function = differentiate


def _central(phi, x, direction, step):
    h = step * max(1.0, float(np.abs(x).max(initial=0.0)) * 1e-2)
    far, near = 2 * h * direction, h * direction
    return (8 * (phi(x + near) - phi(x - near)) - (phi(x + far) - phi(x - far))) / (12 * h)


def _explain(level, i, x, gradient, phi, step) -> str:
    """Which element is worst, by one difference for each element."""
    numeric = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        unit = np.zeros_like(x)
        unit[index] = 1.0
        numeric[index] = _central(phi, x, unit, step)
    error = np.abs(numeric - gradient)
    error[np.isnan(error)] = np.inf
    worst = np.unravel_index(int(error.argmax()), x.shape)
    return (f"gradient of order {level} with respect to argument {i} is wrong: worst at index "
            f"{tuple(int(k) for k in worst)}, analytic {gradient[worst]:.10g}, numeric {numeric[worst]:.10g}")
