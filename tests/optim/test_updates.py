"""Update rules against the same formulas written out in float64, one parameter at a time."""

import math

import numpy as np
import pytest

from minigen import Parameter, optim
from minigen.kernels import updates

SHAPES = [(3, 4), (), (5,), (0, 2)]


def run(make, rule, dtype, steps=6, rates=None):
    """Parameters after some steps by the optimiser, and by `rule(p, g, state, t, rate)` in float64."""
    random = np.random.default_rng(0)
    start = [random.standard_normal(shape).astype(dtype) for shape in SHAPES]
    parameters = [Parameter(array.copy()) for array in start]
    optimizer = make(parameters)
    expected, states = [array.astype(np.float64) for array in start], [{} for _ in SHAPES]
    for t in range(1, steps + 1):
        gradients = [random.standard_normal(shape).astype(dtype) for shape in SHAPES]
        rate = rates[t - 1] if rates else optimizer.learning_rate
        optimizer.step(gradients, learning_rate=rates and rate)
        expected = [rule(p, g.astype(np.float64), s, t, rate)
                    for p, g, s in zip(expected, gradients, states, strict=True)]
    return [parameter.data for parameter in parameters], expected


def sgd(momentum=0.0, nesterov=False, decay=0.0):
    def rule(p, g, state, t, rate):
        g = g + decay * p
        state["v"] = momentum * state.get("v", 0) + g
        return p - rate * (g + momentum * state["v"] if nesterov else state["v"])

    return rule


def adam(beta1=0.9, beta2=0.999, eps=1e-8, coupled=0.0, decoupled=0.0):
    def rule(p, g, state, t, rate):
        g = g + coupled * p
        p = p - rate * decoupled * p
        state["m"] = beta1 * state.get("m", 0) + (1 - beta1) * g
        state["v"] = beta2 * state.get("v", 0) + (1 - beta2) * g * g
        m, v = state["m"] / (1 - beta1**t), state["v"] / (1 - beta2**t)
        return p - rate * m / (np.sqrt(v) + eps)

    return rule


def rmsprop(decay=0.99, eps=1e-8, coupled=0.0):
    def rule(p, g, state, t, rate):
        g = g + coupled * p
        state["v"] = decay * state.get("v", 0) + (1 - decay) * g * g
        return p - rate * g / (np.sqrt(state["v"]) + eps)

    return rule


CASES = {
    "sgd": (lambda p: optim.SGD(p, 0.1), sgd()),
    "sgd momentum": (lambda p: optim.SGD(p, 0.1, momentum=0.9), sgd(0.9)),
    "sgd nesterov": (lambda p: optim.SGD(p, 0.1, momentum=0.8, nesterov=True), sgd(0.8, True)),
    "sgd decay": (lambda p: optim.SGD(p, 0.1, momentum=0.9, weight_decay=0.3), sgd(0.9, decay=0.3)),
    "adam": (lambda p: optim.Adam(p, 0.1), adam()),
    "adam options": (lambda p: optim.Adam(p, 0.1, (0.5, 0.9), 0.01, 0.3), adam(0.5, 0.9, 0.01, coupled=0.3)),
    "adam no memory": (lambda p: optim.Adam(p, 0.1, (0, 0)), adam(0.0, 0.0)),
    "adamw": (lambda p: optim.AdamW(p, 0.1), adam(decoupled=0.01)),
    "adamw decay": (lambda p: optim.AdamW(p, 0.1, weight_decay=0.5), adam(decoupled=0.5)),
    "rmsprop": (lambda p: optim.RMSProp(p, 0.1), rmsprop()),
    "rmsprop options": (lambda p: optim.RMSProp(p, 0.1, 0.5, 0.01, 0.3), rmsprop(0.5, 0.01, 0.3)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-13), (np.float32, 2e-5)])
def test_update_is_its_formula(case, dtype, tolerance):
    make, rule = CASES[case]
    found, expected = run(make, rule, dtype)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", ["sgd momentum", "adamw", "rmsprop"])
def test_a_learning_rate_given_to_the_step_replaces_its_own(case):
    make, rule = CASES[case]
    found, expected = run(make, rule, np.float64, rates=[0.1, 0.0, 0.5, 0.01, 0.2, 0.3])
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-13)


@pytest.mark.parametrize("case", CASES)
def test_chunks_make_no_difference(case, monkeypatch):
    make, rule = CASES[case]
    whole, _ = run(make, rule, np.float32)
    monkeypatch.setattr(updates, "CHUNK", 3)
    parts, _ = run(make, rule, np.float32)
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_array_equal(a, b)


def test_adams_first_step_is_the_learning_rate():
    # With m̂ = g and √v̂ = |g|, whatever the size of the gradient (Kingma and Ba, section 2.1).
    for size in (1e-4, 1.0, 1e4):
        parameter = Parameter(np.zeros(3, np.float32))
        optim.Adam([parameter], 0.01).step([np.float32([size, -size, size])])
        np.testing.assert_allclose(parameter.data, [-0.01, 0.01, -0.01], rtol=2e-4)


def test_a_zero_gradient_at_the_start_moves_nothing():
    for name in optim.available():
        parameter = Parameter(np.ones(3, np.float32))
        optimizer = optim.create(name, [parameter], **({"weight_decay": 0.0} if name == "adamw" else {}))
        optimizer.step([np.zeros(3, np.float32)])
        np.testing.assert_array_equal(parameter.data, 1)


def test_adam_finds_the_minimum_of_a_quadratic():
    parameter, target = Parameter(np.zeros(4)), np.array([1.0, -2.0, 3.0, 0.5])
    optimizer, schedule = optim.Adam([parameter], 0.1), optim.schedules.cosine(1000)
    for t in range(1000):
        optimizer.step([np.arange(1, 5) * (parameter.data - target)], learning_rate=0.1 * schedule(t))
    np.testing.assert_allclose(parameter.data, target, atol=1e-6)


def test_global_norm_of_several_arrays():
    parts = [np.full(4, 2.0, np.float32), np.full((3, 3), 1.0)]
    assert math.isclose(float(optim.global_norm(parts)), 5.0)
