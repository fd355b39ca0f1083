"""Checking gradients against central differences.

A number that differs from the gradient says that one of the two is wrong, so the differences come with an error of
their own: what rounding and truncation do to them, and nothing more. A wrong element cannot hide behind the size of the
others. Arguments of up to 64 numbers are checked one element after another. The elements of a larger one are sorted by
the size of their gradient and split into groups, and each group is moved along one random direction: together the
directions touch every element, and one that is wrong stands in a sum of few that are no larger than it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .sweep import grad
from .tensor import Tensor, raw

ELEMENTWISE = 64  # arguments of up to so many numbers are checked element by element
GROUPS = 16  # into which the elements of a larger argument are split
STEPS = 1e-3, 1e-4, 1e-5, 1e-6  # the shorter ones are tried where the first step gives another number than the gradient
EPS = float(np.finfo(np.float64).eps)


class GradientError(AssertionError):
    """An analytic gradient that disagrees with the numeric one.

    `order` is the order of the derivative, `argument` the argument's position, `index` the worst element's index in it,
    `analytic` and `numeric` are the two values there.
    """

    def __init__(self, order: int, argument: int, index: tuple, analytic: float, numeric: float):
        super().__init__(f"gradient of order {order} with respect to argument {argument} is wrong: worst at index "
                         f"{index}, analytic {analytic:.10g}, numeric {numeric:.10g}")
        self.order, self.argument, self.index = order, argument, index
        self.analytic, self.numeric = analytic, numeric


def check_grads(f: Callable, args, order: int = 2, *, rtol: float = 1e-5, atol: float = 1e-9, rng: int = 0) -> None:
    """Hold f's gradients, up to `order`, against central differences.

    f takes the `args` and returns a Tensor or several. Float arrays are made float64 Tensors; anything else is passed
    on as it is. With random cotangents v let φ(x) = Σ v·f(x). For a direction u the sweep's derivative of φ is compared
    with the five-point difference (φ(x - 2hu) - 8φ(x - hu) + 8φ(x + hu) - φ(x + 2hu)) / 12h, whose error is of order
    h⁴. An argument of up to 64 numbers is checked along each of its axes, a larger one along 16 sparse random
    directions that together touch every element. Each element has a step in proportion to its size. Where the two
    disagree, the difference is taken again with shorter steps, and the step with the least error counts. The second
    order checks the gradient itself in the same way, and so on.

    Two values may differ by the error of the difference (rounding of φ, and what halving the step changes), by `atol`,
    and by `rtol` times the derivative, of which a direction through m elements has the m-th part. `rng` seeds the
    cotangents and the directions. Raises GradientError for the worst element of an argument whose gradient is wrong.
    """
    random = np.random.default_rng(rng)
    args = [np.array(raw(a), np.float64) if np.asarray(raw(a)).dtype.kind == "f" else a for a in args]
    active = [i for i, a in enumerate(args) if isinstance(a, np.ndarray) and a.dtype == np.float64]
    function = lambda *values, create_graph: f(*values)  # noqa: E731
    for level in range(1, order + 1):
        outputs, cotangents = _contraction(function, args, active, random)
        gradient_of = _gradient(outputs, cotangents, active)
        # A fused rule is used by a first-order sweep only, and its composite by a recorded one: both must be right.
        swept = gradient_of(*_tensors(args, active), create_graph=False)
        recorded = gradient_of(*_tensors(args, active), create_graph=True)
        for i, gradient, g in zip(active, swept, recorded, strict=True):
            def moved(distance, i=i, outputs=outputs):
                values = [*args[:i], args[i] + distance, *args[i + 1:]]
                return [raw(y) for y in outputs(*_tensors(values, active), create_graph=False)]

            def compare(direction, gradients=(gradient, g.data), moved=moved, cotangents=cotangents):
                return _compare(moved, direction, gradients, cotangents, rtol, atol)

            wrong = [u for u in _directions(random, args[i], gradient) if not compare(u)[0] <= 1]
            if wrong:
                raise GradientError(level, i, *_worst(wrong, args[i], compare))
        function = gradient_of


def _contraction(function, args, active, random):
    """The function's outputs, always as a tuple, and the random cotangents v whose sum of products with them is φ."""
    def outputs(*values, create_graph):
        result = function(*values, create_graph=create_graph)
        return result if isinstance(result, tuple | list) else (result,)

    present = outputs(*_tensors(args, active), create_graph=True)
    return outputs, [_signed(random, y.shape) for y in present]


def _gradient(outputs, cotangents, active):
    """The gradient of φ with respect to the active arguments, as a function."""
    def gradient_of(*values, create_graph):
        pairs = zip(outputs(*values, create_graph=True), cotangents, strict=True)
        phi = sum((y * v).sum() for y, v in pairs)
        return grad(phi, tuple(values[i] for i in active), create_graph=create_graph)

    return gradient_of


def _signed(random, shape):
    """Numbers of either sign, none of them near 0: an error at any one element shows."""
    return np.copysign(random.uniform(0.5, 1.5, shape), random.uniform(-1, 1, shape))


def _tensors(args, active):
    return [Tensor(a) if i in active else a for i, a in enumerate(args)]


def _directions(random, x, gradient) -> list:
    """The directions along which x is moved: its axes, or through each group of elements one at random."""
    if x.size <= ELEMENTWISE:
        return [_axis(x, k) for k in range(x.size)]
    order, size, directions = random.permutation(x.size), _size(x.reshape(-1)), []
    order = order[np.argsort(np.abs(gradient.reshape(-1) * size)[order], kind="stable")]  # equal ones stay shuffled
    for group in np.array_split(order, GROUPS):
        direction = np.zeros(x.size)
        direction[group] = _signed(random, len(group)) * size[group] / np.sqrt(len(group))
        directions.append(direction.reshape(x.shape))
    return directions


def _axis(x, k):
    """The direction along element k alone."""
    direction = np.zeros(x.size)
    direction[k] = _size(x.reshape(-1)[k])
    return direction.reshape(x.shape)


def _size(x):
    """What the step of an element is a share of: its size, but from 0.1 to 1, or the hundredth part of a larger one."""
    return np.maximum(np.clip(np.abs(x), 0.1, 1.0), 1e-2 * np.abs(x))


def _compare(moved, direction, gradients, cotangents, rtol, atol):
    """How many times the tolerance the worse of the gradients is off, its derivative and the numeric one."""
    analytic = [float((g * direction).sum()) for g in gradients]
    touched, length = np.count_nonzero(direction), float(np.abs(direction).max())

    def excess(numeric, error):
        allowed = error + atol * length + rtol * abs(numeric) / touched
        ratios = [np.nan_to_num(abs(a - numeric) / allowed, nan=np.inf) for a in analytic]
        worse = int(np.argmax(ratios))
        return ratios[worse], analytic[worse], numeric

    def slope(h):
        return _slope(moved(h * direction), moved(-h * direction), cotangents, h)

    # With D(h) the central difference of two points, (4 D(h) - D(2h)) / 3 is the one of five.
    with np.errstate(all="ignore"):  # a step may leave the domain of f; a shorter one stays inside
        (one, rounding), (two, _) = slope(STEPS[0]), slope(2 * STEPS[0])
        quick = excess((4 * one - two) / 3, rounding)
        if quick[0] <= 1:
            return quick
        numeric, error = np.nan, np.inf
        for h in STEPS:
            (half, rounding), (one, _), (two, _) = slope(h / 2), slope(h), slope(2 * h)
            finer, coarser = (4 * half - one) / 3, (4 * one - two) / 3
            if 10 * abs(finer - coarser) + rounding < error:
                numeric, error = finer, 10 * abs(finer - coarser) + rounding
        return excess(numeric, error)


def _slope(above, below, cotangents, h):
    """The central difference of φ, and what rounding may do to it: only of those outputs that have changed."""
    slope = rounding = 0.0
    for up, down, v in zip(above, below, cotangents, strict=True):
        change = up - down
        slope += float((change * v).sum()) / (2 * h)
        rounding += 8 * EPS * float(np.abs(up * v * (change != 0)).sum()) / h
    return slope, rounding


def _worst(wrong, x, compare):
    """The index of the worst element that the directions touch, and its two derivatives."""
    touched = np.flatnonzero(sum(np.abs(direction) for direction in wrong))
    results = [(*compare(_axis(x, k)), k) for k in touched]
    _, analytic, numeric, k = max(results, key=lambda result: result[0])
    size = float(_size(x.reshape(-1)[k]))
    return tuple(int(n) for n in np.unravel_index(k, x.shape)), analytic / size, numeric / size
