"""Schedules, clipping and the moving average against their formulas."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minigen import Parameter, grad, ops, optim
from minigen.layers import Linear
from minigen.optim import schedules


def test_constant_with_warmup():
    assert [schedules.constant()(t) for t in (0, 5)] == [1, 1]
    np.testing.assert_allclose([schedules.constant(4)(t) for t in range(6)], [0.25, 0.5, 0.75, 1, 1, 1])


def test_step():
    schedule = schedules.step(3, 0.5, warmup=2)
    np.testing.assert_allclose([schedule(t) for t in range(8)], [0.5, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25])


@given(st.integers(2, 50), st.data())
def test_cosine(steps, data):
    warmup = data.draw(st.integers(0, steps - 1))
    final = data.draw(st.floats(0, 1))
    schedule = schedules.cosine(steps, warmup, final)
    for t in range(steps + 3):
        if t < warmup:
            expected = (t + 1) / warmup
        else:
            angle = math.pi * min((t - warmup) / (steps - warmup), 1)
            expected = final + (1 - final) * (1 + math.cos(angle)) / 2
        assert math.isclose(schedule(t), expected, abs_tol=1e-12)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: schedules.cosine(0), ValueError, "steps"),
        (lambda: schedules.cosine(10, 10), ValueError, "warmup"),
        (lambda: schedules.cosine(10, final=2), ValueError, "final"),
        (lambda: schedules.step(0), ValueError, "every"),
        (lambda: schedules.step(2, 0), ValueError, "factor"),
        (lambda: schedules.constant(-1), ValueError, "warmup"),
        (lambda: schedules.constant(1.5), TypeError, "warmup"),
    ],
)
def test_wrong_schedules_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clipping_limits_the_norm_of_all_together(dtype):
    random = np.random.default_rng(0)
    original = [random.standard_normal(shape).astype(dtype) for shape in ((3, 4), (), (5,))]
    norm = math.sqrt(sum((g.astype(float) ** 2).sum() for g in original))
    for limit in (0.5 * norm, 0.1, 2 * norm):
        gradients = [g.copy() for g in original]
        before = optim.clip_by_global_norm(gradients, limit)
        assert before.shape == () and math.isclose(before, norm, rel_tol=1e-6)
        for g, o in zip(gradients, original, strict=True):
            assert g.dtype == dtype
            np.testing.assert_allclose(g, o * min(1, limit / norm), rtol=1e-6)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_clipping_leaves_what_is_not_finite(bad):
    gradients = [np.array([1.0, bad]), np.ones(2)]
    assert not np.isfinite(optim.clip_by_global_norm(gradients, 0.1))
    np.testing.assert_array_equal(gradients[1], 1)
    with pytest.raises(ValueError, match="max_norm"):
        optim.clip_by_global_norm(gradients, 0)


def test_clipping_a_buffers_gradients():
    buffer = optim.ParameterBuffer.pack([Parameter(np.zeros(4, np.float32)), Parameter(np.zeros(9))])
    buffer.gather([np.full(4, 2.0), np.ones(9)])
    assert float(optim.clip_by_global_norm(buffer, 2.5)) == 5
    np.testing.assert_array_equal(buffer.gradient["float32"], 1)
    np.testing.assert_array_equal(buffer.gradient["float64"], 0.5)


@pytest.mark.parametrize("warmup", [True, False])
def test_the_average_is_its_formula(warmup):
    parameters = [Parameter(np.ones(3)), Parameter(np.ones(2, np.float32))]
    average = optim.ExponentialMovingAverage(parameters, 0.6, warmup)
    expected = 1.0
    for t in range(1, 12):
        for parameter in parameters:
            parameter.assign(np.full(parameter.shape, float(t)))
        average.update()
        d = min(0.6, (1 + t) / (10 + t)) if warmup else 0.6
        expected = d * expected + (1 - d) * t
    with average.applied():
        np.testing.assert_allclose(parameters[0].data, expected, rtol=1e-13)
        np.testing.assert_allclose(parameters[1].data, expected, rtol=1e-6)


def test_applied_averages_are_put_back_bit_for_bit():
    net = Linear(3, 2, 0)
    optimizer = optim.Adam(net)
    average = optim.ExponentialMovingAverage(optimizer.group, 0.9)
    optimizer.step([np.ones((3, 2)), np.ones(2)])
    average.update()
    values, state, x = net.state_dict(), average.state_dict(), np.ones((1, 3), np.float32)
    stale = ops.sum(net(x))
    with pytest.raises(KeyError):
        with average.applied():
            assert not np.array_equal(net.weight.data, values["weight"])
            for act in (average.update, average.state_dict, average.applied().__enter__):
                with pytest.raises(RuntimeError, match="swap"):
                    act()
            raise KeyError
    for name, array in net.state_dict().items():
        np.testing.assert_array_equal(array, values[name])
    np.testing.assert_array_equal(average.state_dict()["average.float32"], state["average.float32"])
    with pytest.raises(RuntimeError, match="updated"):
        grad(stale, net.parameters())


def test_the_averages_state_goes_into_another():
    a, b = (optim.ExponentialMovingAverage(Linear(2, 2, seed), 0.5) for seed in (0, 1))
    a.update()
    b.load_state_dict(a.state_dict())
    assert b.updates == 1
    np.testing.assert_array_equal(b.state_dict()["average.float32"], a.state_dict()["average.float32"])
    with pytest.raises(ValueError, match="missing updates.*unexpected x"):
        b.load_state_dict({"average.float32": np.zeros(6, np.float32), "x": np.ones(1)})
