"""L-BFGS over a whole data set, iteration by iteration.

Newton's method goes along -H⁻¹g, H the second derivatives. Of a step s along which the gradient changed by y one knows
that H s ≈ y. L-BFGS keeps the last pairs (s, y) and applies to g the inverse that agrees with them, built from a
multiple of the identity; it takes two passes over the pairs and no matrix.

Nocedal, "Updating Quasi-Newton Matrices with Limited Storage", 1980; Nocedal and Wright, "Numerical Optimization",
2006, algorithm 7.4 and equation 7.20; the line search: Lewis and Overton, "Nonsmooth Optimization via Quasi-Newton
Methods", 2013, algorithm 2.6.
"""

import math
from collections import deque

import numpy as np

SUFFICIENT, CURVED = 1e-4, 0.9  # of the slope: how far a step must lower the value and how much flatter it must end
TRIALS = 60  # steps that one line search tries; halving, they reach the last bit
ROUNDING = 8 * np.finfo(np.float64).eps  # of the value


def l_bfgs(objective, start, max_iterations: int = 1000, tolerance: float = 1e-8, memory: int = 20,
           state: dict | None = None):
    """Minimise `objective(point) -> (value, gradient)` from `start`, an array `(n,)`.

    Yields `(iteration, point, value, gradient's largest element, converged)`, first for the start itself and then after
    each iteration; the last point is the minimum found. It has converged when no element of the gradient exceeds
    `tolerance`. The search also ends after `max_iterations`, and when no step lowers the value any more. `memory` is
    the number of pairs that are kept. Raises FloatingPointError if the objective is not finite at the start.

    `state` is a dict in which all that the search knows is kept. Given one that it has filled, the search goes on after
    the yield that it was left at; `start` is then ignored.
    """
    pairs = deque(maxlen=memory)
    if state:
        first = state["iteration"]
        point, value, gradient = state["point"], state["value"], state["gradient"]
        for step, turn in zip(state["steps"], state["turns"], strict=True):
            pairs.append((step, turn, 1 / (step @ turn)))
    else:
        first = 0
        point = np.array(start, np.float64)
        value, gradient = objective(point)
        if not math.isfinite(value):
            raise FloatingPointError(f"L-BFGS: the objective is {value} at the start")
    for iteration in range(first, max_iterations + 1):
        largest = float(np.abs(gradient).max(initial=0.0))
        if not state or state["iteration"] < iteration:  # else it was yielded before
            if state is not None:
                steps = np.array([step for step, _, _ in pairs]).reshape(-1, len(point))
                turns = np.array([turn for _, turn, _ in pairs]).reshape(-1, len(point))
                state.update(iteration=iteration, point=point, value=value, gradient=gradient, steps=steps, turns=turns)
            yield iteration, point, value, largest, largest <= tolerance
        if largest <= tolerance or iteration == max_iterations:
            return
        lower = _line_search(objective, point, value, gradient, _direction(pairs, gradient))
        if lower is None:
            return
        step, turn = lower[0] - point, lower[2] - gradient
        if step @ turn > 0:
            pairs.append((step, turn, 1 / (step @ turn)))
        point, value, gradient = lower


def _direction(pairs, gradient):
    """-H⁻¹g by the two-loop recursion; without pairs a descent of length 1 at most."""
    if not pairs:
        return -gradient / max(1.0, float(np.linalg.norm(gradient)))
    q, weights = gradient.copy(), []
    for step, turn, inverse in reversed(pairs):
        weights.append(inverse * (step @ q))
        q -= weights[-1] * turn
    _, turn, inverse = pairs[-1]
    q /= inverse * (turn @ turn)
    for step, turn, inverse in pairs:
        q += (weights.pop() - inverse * (turn @ q)) * step
    return -q


def _line_search(objective, point, value, gradient, direction):
    """The first of some steps that lowers the value enough and ends flat enough: (point, value, gradient), or None.

    A step that is too long bounds the next ones from above, one that is too short from below.
    """
    slope, low, high, step = float(gradient @ direction), 0.0, math.inf, 1.0
    if not slope < 0:
        return None
    for _ in range(TRIALS):
        there = point + step * direction
        new, new_gradient = objective(there)
        if not new <= value + SUFFICIENT * step * slope + ROUNDING * abs(value):  # NaN too
            high = step
        elif not new_gradient @ direction >= CURVED * slope:
            low = step
        else:
            return there, new, new_gradient
        step = (low + high) / 2 if high < math.inf else 2 * low
    return None
