"""Compiled passes and samplers of autoregressive models against their references; draws against their definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import special

from kernels.agreement import check_kernel
from minigen import DataSpec, models
from minigen.kernels import heads
from minigen.kernels.machinery.compiling import loop
from minigen.kernels.machinery.dispatch import reference_kernels

sizes = st.integers(1, 9)


@given(st.integers(0, 40), sizes, sizes, st.integers(2, 5), *[st.booleans()] * 3, st.sampled_from([0.0, 0.6, 1.0]),
       st.sampled_from("fd"))
def test_nade(batch, variables, hidden, levels, every, several, conditional, temperature, kind):
    random = np.random.default_rng([batch, variables, hidden])
    outputs, rows = levels if several or levels > 2 else 1, levels - 1 + every

    def normal(*shape):
        return random.standard_normal(shape).astype(kind)

    table, c = normal(variables, rows, hidden), normal(*([batch] if conditional else []), hidden)
    v, b = normal(variables, outputs, hidden), normal(variables, outputs)
    x = random.integers(0, levels, (batch, variables))
    tolerance = {"f": 2e-5, "d": 1e-13}[kind]
    check_kernel("nade_logits", table, c, v, b, x, levels, rtol=tolerance)
    check_kernel("nade_logits_vjp", normal(batch, variables, outputs), table, c, v, x, levels, rtol=10 * tolerance)
    if kind == "d":
        check_kernel("nade_draw", random.random((batch, variables)), table, c, v, b, np.where(x > 0, x, -1), levels,
                     temperature, rtol=tolerance)


@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.parametrize("draw", [heads.NORMAL_MIXTURE, heads.LAPLACE_MIXTURE, heads.LOGISTIC_MIXTURE])
def test_rnade(draw, conditional):
    random = np.random.default_rng(0)
    start = (7, 6) if conditional else (6,)
    args = [random.standard_normal(shape) for shape in ((4, 6), start, (4,), (4, 6, 9), (4, 9))]
    values, observed = random.standard_normal((7, 4)), random.random((7, 4)) < 0.3
    check_kernel("rnade_draw", random.random((7, 4, 2)), *args, values, observed, draw, np.array([0.8, 0.1]),
                 rtol=1e-12)


@pytest.mark.parametrize("threads", [1, 3])
def test_programs(threads, monkeypatch):
    """Strides, their adjoints, splits, gates, channels in a new order, and conditions that differ between examples."""
    from minigen.arrays import pool

    monkeypatch.setattr(pool, "thread_count", lambda: threads)
    for key, settings in (("pixel_cnn_pp", {"channels": 3, "blocks": 1, "components": 2}),
                          ("gated_pixel_cnn", {"channels": 4, "layers": 2, "first_size": 3})):
        spec = DataSpec((5, 6, 1), "discrete", 5, DataSpec((1,), "discrete", 2))
        model = models.create(key, spec, rng=1, **settings).to(dtype="float64")
        x = model.sample(7, 2, np.arange(7) % 2)
        with reference_kernels():
            np.testing.assert_array_equal(model.sample(7, 2, np.arange(7) % 2), x)


@loop
def draw_all(parameters, noise, settings, scratch, values):
    for r in range(parameters.shape[0]):
        draw_one(parameters[r], noise[r], settings, scratch, values[r])


draw_one = heads.CATEGORICAL.one
DRAWS = {  # name: (draw, width, values of a draw, random numbers, settings after the temperature)
    "bernoulli": (heads.BERNOULLI, 1, 1, 1, []),
    "categorical": (heads.CATEGORICAL, 6, 1, 1, []),
    "normal": (heads.NORMAL, 2, 1, 1, [0.3]),
    "fixed normal": (heads.FIXED_NORMAL, 1, 1, 1, [0.7]),
    "normal mixture": (heads.NORMAL_MIXTURE, 9, 1, 2, [0.3]),
    "laplace mixture": (heads.LAPLACE_MIXTURE, 9, 1, 2, [0.3]),
    "logistic mixture": (heads.LOGISTIC_MIXTURE, 9, 1, 2, [0.3]),
    "grey pixel": (heads.PIXEL_MIXTURE, 9, 1, 2, [16.0]),
    "coloured pixel": (heads.PIXEL_MIXTURE, 30, 3, 4, [256.0]),
}


@pytest.mark.parametrize("temperature", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("name", DRAWS)
def test_loop_of_a_draw_is_its_array_code(name, temperature):
    draw, width, m, numbers, settings = DRAWS[name]
    random, settings = np.random.default_rng(3), np.array([temperature, *settings])
    parameters, noise = random.standard_normal((500, width)), random.random((500, numbers))
    before, values = parameters.copy(), np.empty((500, m))
    heads.sampler_of(draw_all, draw)(parameters, noise, settings, np.empty(width), values)
    np.testing.assert_allclose(values, draw.array(parameters, noise, settings), rtol=1e-12)
    np.testing.assert_array_equal(parameters, before)


def test_a_loop_is_compiled_once_for_each_draw():
    mine, other = heads.sampler_of(draw_all, heads.NORMAL), heads.sampler_of(draw_all, heads.FIXED_NORMAL)
    assert heads.sampler_of(draw_all, heads.NORMAL) is mine is not other
    assert mine.function.__qualname__ != other.function.__qualname__  # under which compiled code is kept on the disk


@pytest.mark.parametrize("u", [0.0, 1e-40, 0.5, 1 - 2.0**-24])
@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_draws_are_finite_at_the_ends_of_uniform_numbers(name, u, dtype):
    draw, width, m, numbers, settings = DRAWS[name]
    parameters = np.random.default_rng(1).standard_normal((4, width)).astype(dtype)
    for temperature in (0.0, 1.0):
        noise, values = np.full((4, numbers), u, dtype), np.empty((4, m), dtype)
        settings_row = np.array([temperature, *settings], dtype)
        heads.sampler_of(draw_all, draw)(parameters, noise, settings_row, np.empty(width, dtype), values)
        assert np.isfinite(values).all() and np.isfinite(draw.array(parameters, noise, settings_row)).all()


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_integers_stand_for_intervals_of_the_uniform_number(temperature):
    """Value k is drawn where u lies between the cumulative probabilities softmax(logits / T) before and up to k."""
    logits = np.array([0.3, -1.0, 0.8, 0.1])
    edges = np.concatenate([[0], special.softmax(logits / temperature).cumsum()])
    for k in range(4):
        for u in (edges[k] + 1e-9, 0.5 * (edges[k] + edges[k + 1]), edges[k + 1] - 1e-9):
            assert heads.CATEGORICAL.array(logits[None], np.array([[u]]), [temperature])[0, 0] == k
    p = special.expit(0.4 / temperature)
    for u, value in ((p - 1e-9, 1), (p + 1e-9, 0)):
        assert heads.BERNOULLI.array(np.array([[0.4]]), np.array([[u]]), [temperature])[0, 0] == value
