"""L-BFGS on functions whose minima are known, and beside scipy's."""

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import minimize

from minigen.optim.l_bfgs import _direction, l_bfgs


def valley(w):
    """Rosenbrock's function, with its minimum 0 at (1, ..., 1)."""
    a, b = w[:-1], w[1:]
    gradient = np.zeros_like(w)
    gradient[:-1] += -2 * (1 - a) - 400 * a * (b - a * a)
    gradient[1:] += 200 * (b - a * a)
    return float(((1 - a) ** 2 + 100 * (b - a * a) ** 2).sum()), gradient


@pytest.mark.parametrize("n", [2, 10, 40])
@pytest.mark.parametrize("memory", [3, 20])
def test_valley(n, memory):
    rows, start = list(l_bfgs(valley, np.full(n, -1.2), memory=memory, tolerance=1e-10)), np.full(n, -1.2)
    assert [row[0] for row in rows] == list(range(len(rows)))
    np.testing.assert_array_equal(rows[0][1], start)
    for _, point, value, largest, converged in rows:
        assert (value, largest) == (valley(point)[0], abs(valley(point)[1]).max())
        assert converged == (largest <= 1e-10)
    values = [row[2] for row in rows]
    assert np.diff(values).max() < 1e-13 and rows[-1][4]
    if n != 10:  # from here the valley of 10 dimensions leads to its other minimum
        np.testing.assert_allclose(rows[-1][1], 1, rtol=1e-7)
    peer = minimize(valley, start, jac=True, method="L-BFGS-B", options={"gtol": 1e-10, "ftol": 0, "maxiter": 10_000})
    assert len(rows) < 2 * peer.nit + 20


@pytest.mark.parametrize("condition", [1.0, 1e3, 1e6])
def test_quadratic_to_full_precision(condition):
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.standard_normal((12, 12)))
    h, b = q * np.geomspace(1, condition, 12) @ q.T, rng.standard_normal(12)
    h, tolerance = (h + h.T) / 2, 1e-10 * condition  # rounding of the value grows with the condition
    rows = list(l_bfgs(lambda w: (0.5 * w @ h @ w - b @ w, h @ w - b), np.zeros(12), tolerance=tolerance))
    assert rows[-1][4]
    np.testing.assert_allclose(h @ rows[-1][1], b, atol=tolerance)


def test_direction_agrees_with_the_matrix_of_all_updates():
    """The inverse by the BFGS formula, (I - ρ s yᵀ) H⁻¹ (I - ρ y sᵀ) + ρ s sᵀ, update by update."""
    rng = np.random.default_rng(1)
    pairs = []
    for _ in range(4):
        step = rng.standard_normal(6)
        turn = step * rng.uniform(0.5, 2, 6)
        pairs.append((step, turn, 1 / (step @ turn)))
    step, turn, _ = pairs[-1]
    inverse = np.eye(6) * (step @ turn) / (turn @ turn)
    for step, turn, rho in pairs:
        left = np.eye(6) - rho * np.outer(step, turn)
        inverse = left @ inverse @ left.T + rho * np.outer(step, step)
    gradient = rng.standard_normal(6)
    np.testing.assert_allclose(_direction(pairs, gradient), -inverse @ gradient, rtol=1e-12)


def test_walls_ends_and_wrong_starts():
    # not defined from 2 on: steps that land there are shortened
    wall = lambda w: (float(w[0] - math.log(2 - w[0])) if w[0] < 2 else math.nan, 1 + 1 / (2 - w))  # noqa: E731
    rows = list(l_bfgs(wall, np.array([1.9])))
    assert not rows[-1][4] and rows[-1][2] < -5  # without a lower bound: no step ends flat enough
    log_wall = lambda w: (float(-w[0] - math.log(2 - w[0])) if w[0] < 2 else math.nan, -1 + 1 / (2 - w))  # noqa: E731
    assert list(l_bfgs(log_wall, np.array([-3.0])))[-1][1] == pytest.approx(1.0)
    assert len(list(l_bfgs(valley, np.ones(2)))) == 1
    assert len(list(l_bfgs(lambda w: (float(-w.sum()), w), np.ones(2)))) < 5  # a gradient that is wrong: no step helps
    with pytest.raises(FloatingPointError, match="nan at the start"):
        next(l_bfgs(lambda w: (math.nan, w), np.ones(2)))


@pytest.mark.parametrize("memory", [2, 20])
def test_a_search_goes_on_from_its_state(memory):
    options = {"memory": memory, "tolerance": 1e-9}
    expected = list(l_bfgs(valley, np.full(6, -1.2), **options))
    rows, state = [], {}
    for _ in range(len(expected) + 2):  # one iteration in each process; an end stays an end
        saved = {name: np.copy(value) if isinstance(value, np.ndarray) else value for name, value in state.items()}
        start = np.zeros(6) if rows else np.full(6, -1.2)
        rows += itertools.islice(l_bfgs(valley, start, state=saved, **options), 1)
        state = saved
    assert len(rows) == len(expected)
    for row, same in zip(rows, expected, strict=True):
        np.testing.assert_array_equal(row[1], same[1])
        assert (row[0], *row[2:]) == (same[0], *same[2:])
