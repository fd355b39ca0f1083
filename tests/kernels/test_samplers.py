"""Compiled passes and samplers of autoregressive models against their references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kernels.agreement import check_kernel
from minigen import DataSpec, models
from minigen.kernels import heads
from minigen.kernels.machinery.compiling import loop
from minigen.kernels.machinery.dispatch import reference_kernels
from minigen.models.autoregressive.incremental import compile_program

sizes = st.integers(1, 9)


@given(st.integers(0, 40), sizes, sizes, st.integers(2, 5), st.booleans(), st.booleans(), st.sampled_from("fd"))
def test_nade(batch, variables, hidden, levels, every, several, kind):
    random = np.random.default_rng([batch, variables, hidden])
    outputs, rows = levels if several or levels > 2 else 1, levels - 1 + every

    def normal(*shape):
        return random.standard_normal(shape).astype(kind)

    table, c = normal(variables, rows, hidden), normal(hidden)
    v, b = normal(variables, outputs, hidden), normal(variables, outputs)
    x = random.integers(0, levels, (batch, variables))
    tolerance = {"f": 2e-5, "d": 1e-13}[kind]
    check_kernel("nade_logits", table, c, v, b, x, levels, rtol=tolerance)
    check_kernel("nade_logits_vjp", normal(batch, variables, outputs), table, c, v, x, levels, rtol=10 * tolerance)
    if kind == "d":
        check_kernel("nade_draw", random.random((batch, variables)), table, c, v, b, np.where(x > 0, x, -1), levels,
                     rtol=tolerance)


@pytest.mark.parametrize("head", [heads.NORMAL_MIXTURE, heads.LAPLACE_MIXTURE])
def test_rnade(head):
    random = np.random.default_rng(0)
    args = [random.standard_normal(shape) for shape in ((4, 6), (6,), (4,), (4, 6, 9), (4, 9))]
    values, known = random.standard_normal((7, 4)), random.random((7, 4)) < 0.3
    check_kernel("rnade_draw", random.random((7, 4, 2)), *args, values, known, head, 0.1, rtol=1e-12)


@pytest.mark.parametrize("threads", [1, 3])
def test_programs(threads, monkeypatch):
    """Strides, their adjoints, splits, gates, channels in a new order, and constants that differ between examples."""
    from minigen.arrays import pool

    monkeypatch.setattr(pool, "thread_count", lambda: threads)
    for key, settings in (("pixel_cnn_pp", {"channels": 3, "blocks": 1, "components": 2}),
                          ("gated_pixel_cnn", {"channels": 4, "layers": 2, "first_size": 3})):
        spec = DataSpec((5, 6, 1), "discrete", 5, DataSpec((1,), "discrete", 2))
        model = models.create(key, spec, rng=1, **settings).to(dtype="float64")
        x = model.sample(7, 2, np.arange(7) % 2)
        with reference_kernels():
            np.testing.assert_array_equal(model.sample(7, 2, np.arange(7) % 2), x)


def test_program_keeps_steps_apart():
    """A network of one matrix: at step k only what is known then has been added up."""
    w = np.triu(np.arange(1.0, 17.0).reshape(4, 4), 1)
    program = compile_program(lambda x: x @ w, (4,), np.arange(4)[None], [(k, 0, k, 1) for k in range(4)], np.float64)
    assert program.steps.tolist() == sorted(program.steps.tolist())
    assert (np.diff(program.entries[:, 1:]) > 0).all()
    with pytest.raises(ValueError, match="step 0 needs depends on what is drawn at step 0"):
        compile_program(lambda x: x @ (w + np.eye(4)), (4,), np.arange(4)[None], [(k, 0, k, 1) for k in range(4)],
                        np.float64)


@loop
def _draw_all(head, parameters, noise, setting, scratch, values):
    for r in range(parameters.shape[0]):
        heads_draw_one(head, parameters[r], noise[r], setting, scratch, values[r])


heads_draw_one = heads.draw_one


@pytest.mark.parametrize(("head", "width", "m", "setting"), [
    (heads.CATEGORICAL, 1, 1, 0.0), (heads.CATEGORICAL, 6, 1, 0.0), (heads.NORMAL_MIXTURE, 9, 1, 0.3),
    (heads.LAPLACE_MIXTURE, 9, 1, 0.3), (heads.PIXEL, 9, 1, 16.0), (heads.PIXEL, 30, 3, 256.0)])
def test_heads(head, width, m, setting):
    random = np.random.default_rng(3)
    parameters, noise = random.standard_normal((500, width)), random.random((500, 1 + m))
    expected_parameters, found_parameters = parameters.copy(), parameters.copy()
    expected, found = heads.draw(head, expected_parameters, noise, setting), np.empty((500, m))
    _draw_all(head, found_parameters, noise, setting, np.empty(width), found)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(found_parameters, expected_parameters, rtol=1e-12)


def test_heads_draw_from_their_distributions():
    random, n = np.random.default_rng(5), 20_000
    u, z = random.random(n), random.standard_normal(n)
    logits = np.tile([0.3, -1.0, 0.8], (n, 1))
    p = np.exp(logits[0]) / np.exp(logits[0]).sum()
    drawn = heads.draw(heads.CATEGORICAL, logits.copy(), u[:, None], 0)[:, 0]
    assert stats.chisquare(np.bincount(drawn.astype(int)), n * p).pvalue > 1e-4
    drawn = heads.draw(heads.CATEGORICAL, np.full((n, 1), 0.4), u[:, None], 0)
    assert abs(drawn.mean() - 1 / (1 + np.exp(-0.4))) < 4.5 * 0.5 / np.sqrt(n)
    parameters = np.tile([0.0, 1.0, -2.0, 1.5, -0.5, 0.2], (n, 1))
    weight, scales = 1 / (1 + np.e), np.exp([-0.5, 0.2]) + 0.1
    for head, noise, family in ((heads.NORMAL_MIXTURE, z, stats.norm),
                                (heads.LAPLACE_MIXTURE, random.random(n), stats.laplace)):
        drawn = heads.draw(head, parameters.copy(), np.stack([u, noise], 1), 0.1)[:, 0]
        cdf = lambda x, family=family: (  # noqa: E731
            weight * family.cdf(x, -2, scales[0]) + (1 - weight) * family.cdf(x, 1.5, scales[1]))
        assert stats.kstest(drawn, cdf).pvalue > 1e-4
