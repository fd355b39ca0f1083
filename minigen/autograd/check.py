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

    f takes the `args` (float arrays are made float64 Tensors, anything else is passed on as it is) and returns a Tensor
    or several. With random cotangents v let φ(x) = Σ v·f(x): for each argument the sweep's derivative of φ along a
    random unit direction u is compared with the five-point difference
    (φ(x - 2hu) - 8φ(x - hu) + 8φ(x + hu) - φ(x + 2hu)) / 12h, whose error is of order h⁴. The second order checks the
    gradient itself in the same way, and so on.

    Raises GradientError, naming the order, the argument and its worst element with both values, where they differ by
    more than `atol + rtol·scale`, the scale being the sum of the derivative's terms in absolute value.
    """
    random = np.random.default_rng(rng)
    args = [np.array(raw(a), np.float64) if np.asarray(raw(a)).dtype.kind == "f" else a for a in args]
    active = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype == np.float64]
    function = f
    for level in range(1, order + 1):
        phi, gradient_of = _contraction(function, args, active, random)
        # A fused rule is used by a first-order sweep only, and its composite by a recorded one: both must be right.
        swept = gradient_of(*_tensors(args, active), create_graph=False)
        for i, gradient, g in zip(active, swept, gradient_of(*_tensors(args, active)), strict=True):
            x, recorded = args[i], g.data

            def along(direction, i=i, x=x, phi=phi):
                h = step * max(1.0, 1e-2 * float(np.abs(x).max(initial=0.0)))
                terms = [(-2, 1), (-1, -8), (1, 8), (2, -1)]
                values = [c * float(raw(phi(*_tensors([*args[:i], x + k * h * direction, *args[i + 1 :]], active))))
                          for k, c in terms]
                return sum(values) / (12 * h)

            u = _draw(random, x.shape)
            u /= max(float(np.sqrt((u * u).sum())), 1e-300)
            numeric = along(u) if x.size else 0.0
            for found in (gradient, recorded):
                scale = max(abs(numeric), float(np.abs(found * u).sum()))
                if not abs(float((found * u).sum()) - numeric) <= atol + rtol * scale:
                    raise GradientError(_worst(level, i, found, along))
        function = gradient_of


def _draw(random, shape):
    """Numbers of either sign, none of them near 0: an error at any one element shows."""
    return np.copysign(random.uniform(0.5, 1.5, shape), random.uniform(-1, 1, shape))


def _tensors(args, active):
    return [Tensor(a) if i in active else a for i, a in enumerate(args)]


def _contraction(function, args, active, random):
    """φ, the sum of the function's outputs times fixed random cotangents, and φ's gradient, again a function."""
    def outputs(values):
        result = function(*values)
        return result if isinstance(result, tuple | list) else (result,)

    cotangents = [_draw(random, y.shape) for y in outputs(_tensors(args, active))]

    def phi(*values):
        return sum((y * v).sum() for y, v in zip(outputs(values), cotangents, strict=True))

    def gradient_of(*values, create_graph=True):
        return grad(phi(*values), tuple(values[i] for i in active), create_graph=create_graph)

    return phi, gradient_of


def _worst(level, i, gradient, along) -> str:
    """What is wrong, at the element where it is most wrong: one difference for each element."""
    numeric = np.zeros_like(gradient)
    for index in np.ndindex(gradient.shape):
        unit = np.zeros_like(gradient)
        unit[index] = 1.0
        numeric[index] = along(unit)
    error = np.nan_to_num(np.abs(numeric - gradient), nan=np.inf)
    worst = tuple(int(k) for k in np.unravel_index(int(error.argmax()), error.shape))
    return (f"gradient of order {level} with respect to argument {i} is wrong: worst at index {worst}, "
            f"analytic {gradient[worst]:.10g}, numeric {numeric[worst]:.10g}")
