"""Autoregressive models: the parallel pass, the incremental sampler and the density are one distribution."""

import itertools

import numpy as np
import pytest
from scipy import stats

from minigen import DataSpec, models
from minigen.autograd import no_grad
from minigen.autograd.tensor import raw
from minigen.kernels.machinery.dispatch import reference_kernels

CLASS = DataSpec((1,), "discrete", 3)
GREY, COLOUR = DataSpec((6, 5, 1), "binary"), DataSpec((5, 6, 3), "discrete", 4)
SMALL_PIXEL = {"channels": 6, "first_size": 5}
MODELS = {  # name: (key, spec, settings)
    "fvsbn": ("fvsbn", DataSpec((7,), "binary"), {"order": "random"}),
    "nade": ("nade", DataSpec((7,), "binary"), {"hidden": 5}),
    "nade levels": ("nade", DataSpec((2, 3), "discrete", 4), {"hidden": 5, "order": "random"}),
    "rnade": ("rnade", DataSpec((5,), "continuous"), {"hidden": 6, "components": 3}),
    "rnade laplace": ("rnade", DataSpec((5,), "continuous"), {"components": 2, "family": "laplace", "order": "random"}),
    "made": ("made", DataSpec((7,), "binary"), {"hidden": (9,)}),
    "made deep": ("made", DataSpec((6,), "binary"), {"hidden": (8, 9, 7), "order": "random", "direct": True}),
    "made levels": ("made", DataSpec((5,), "discrete", 3), {"hidden": (9, 8), "direct": True}),
    "made continuous": ("made", DataSpec((5,), "continuous"), {"hidden": (9,), "components": 2, "order": "random"}),
    "pixel_cnn": ("pixel_cnn", GREY, {"channels": 6, "blocks": 2, "first_size": 5}),
    "pixel_cnn colours": ("pixel_cnn", COLOUR, {"channels": 12, "blocks": 1, "first_size": 5}),
    "pixel_cnn class": ("pixel_cnn", DataSpec((5, 5, 1), "binary", condition=CLASS), {**SMALL_PIXEL, "blocks": 1}),
    "gated": ("gated_pixel_cnn", GREY, {**SMALL_PIXEL, "layers": 3, "skip_channels": 4}),
    "gated colours": ("gated_pixel_cnn", COLOUR, {**SMALL_PIXEL, "layers": 2, "skip_channels": 9}),
    "gated class": ("gated_pixel_cnn", DataSpec((5, 5, 1), "discrete", 3, CLASS), {**SMALL_PIXEL, "layers": 2}),
    "pp": ("pixel_cnn_pp", DataSpec((6, 7, 1), "discrete", 8), {"channels": 4, "blocks": 1, "components": 3}),
    "pp colours": ("pixel_cnn_pp", DataSpec((5, 6, 3), "discrete", 256), {"channels": 3, "blocks": 1, "components": 2}),
    "pp class": ("pixel_cnn_pp", DataSpec((4, 4, 1), "binary", condition=CLASS), {"channels": 3, "blocks": 1}),
    "multiscale": ("multiscale_pixel_cnn", DataSpec((12, 16, 1), "binary"), {"channels": 4, "layers": 2, "blocks": 1}),
    "multiscale colours": ("multiscale_pixel_cnn", DataSpec((6, 8, 3), "discrete", 16),
                           {"channels": 6, "layers": 2, "scales": 2, "group_channels": 4, "components": 2}),
}


def build(key, spec, settings, dtype="float64", spread=0.2):
    """A model with parameters away from their starting values, so that nothing is zero by chance."""
    model, random = models.create(key, spec, rng=1, **settings), np.random.default_rng(2)
    model.to(dtype=dtype)
    for parameter in model.parameters():
        parameter.assign(parameter.data + spread * random.standard_normal(parameter.shape).astype(dtype))
    return model


def classes(spec, n):
    return None if spec.condition is None else np.arange(n) % spec.condition.levels


def conditionals(model, x, condition):
    with no_grad():
        found = model.conditionals(x, condition)
    return [raw(part) for part in found] if isinstance(found, list) else [raw(found)]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("name", MODELS)
def test_sampler_uses_the_conditionals_of_the_parallel_pass(name, dtype, tolerance):
    key, spec, settings = MODELS[name]
    model = build(key, spec, settings, dtype)
    condition = classes(spec, 5)
    x, used = model.draw(5, 3, condition)
    used = used if isinstance(used, list) else [used]
    for expected, found in zip(conditionals(model, x, condition), used, strict=True):
        assert found.dtype == np.dtype(dtype)
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", MODELS)
def test_compiled_sampler_is_the_reference(name):
    key, spec, settings = MODELS[name]
    model = build(key, spec, settings)
    condition = classes(spec, 3)
    compiled = model.sample(3, 4, condition)
    with reference_kernels():
        np.testing.assert_allclose(model.sample(3, 4, condition), compiled, rtol=0, atol=1e-9)


SPACES = {  # small enough to be enumerated
    "fvsbn": ("fvsbn", DataSpec((5,), "binary"), {"order": "random"}),
    "nade": ("nade", DataSpec((5,), "binary"), {"hidden": 4}),
    "nade levels": ("nade", DataSpec((3,), "discrete", 4), {"hidden": 4, "order": "random"}),
    "nade orderless": ("nade", DataSpec((5,), "binary"), {"hidden": 4, "orderless": True, "orderings": 3}),
    "made": ("made", DataSpec((5,), "binary"), {"hidden": (7,)}),
    "made levels": ("made", DataSpec((3,), "discrete", 4), {"hidden": (8,), "direct": True}),
    "made masks": ("made", DataSpec((5,), "binary"), {"hidden": (8, 6), "masks": 3, "direct": True}),
    "pixel_cnn": ("pixel_cnn", DataSpec((3, 3, 1), "binary"), {"channels": 4, "first_size": 3, "blocks": 1}),
    "gated": ("gated_pixel_cnn", DataSpec((3, 3, 1), "binary"), {"channels": 4, "first_size": 3, "layers": 2}),
    "gated colours": ("gated_pixel_cnn", DataSpec((1, 2, 3), "discrete", 3),
                      {"channels": 3, "first_size": 1, "size": 3, "layers": 2, "skip_channels": 3}),
    "pp": ("pixel_cnn_pp", DataSpec((2, 2, 1), "discrete", 4), {"channels": 3, "blocks": 1, "scales": 2}),
    "pp colours": ("pixel_cnn_pp", DataSpec((1, 2, 3), "discrete", 3), {"channels": 3, "blocks": 1, "scales": 1}),
    "multiscale": ("multiscale_pixel_cnn", DataSpec((3, 3, 1), "binary"), {"channels": 4, "layers": 2, "scales": 1}),
}


@pytest.mark.parametrize("name", SPACES)
def test_probabilities_sum_to_one_and_samples_follow_them(name):
    key, spec, settings = SPACES[name]
    model, levels, n = build(key, spec, settings, spread=0.4), spec.levels or 2, 40_000
    rows = np.array(list(itertools.product(range(levels), repeat=spec.dimensions)), np.uint8)
    p = np.exp(model.score_samples(rows.reshape(-1, *spec.shape)))
    assert abs(p.sum() - 1) < 1e-10
    drawn = model.sample(n, 7).reshape(n, -1).astype(np.int64)
    counts = np.bincount(drawn @ levels ** np.arange(spec.dimensions)[::-1], minlength=len(rows))
    rare = n * p < 5
    observed, expected = np.append(counts[~rare], counts[rare].sum()), np.append(p[~rare], p[rare].sum()) * n
    keep = expected > 0
    assert counts[p == 0].sum() == 0
    assert stats.chisquare(observed[keep], expected[keep] * observed.sum() / expected.sum()).pvalue > 1e-4


@pytest.mark.parametrize("name", ["rnade", "rnade laplace", "made continuous"])
def test_continuous_density_integrates_to_one_and_samples_follow_it(name):
    key, _, settings = MODELS[name]
    model = build(key, DataSpec((2,), "continuous"), {**settings, "floor": 0.2}, spread=0.1)
    grid = np.linspace(-25, 25, 801)
    points = np.stack(np.meshgrid(grid, grid, indexing="ij"), -1).reshape(-1, 2)
    p = np.exp(np.concatenate([model.score_samples(part) for part in np.array_split(points, 20)]))
    p = p.reshape(len(grid), -1)
    step = grid[1] - grid[0]
    assert abs(p.sum() * step**2 - 1) < 2e-4
    x = model.sample(20_000, 5)
    for axis in range(2):  # each marginal's distribution function, from the density
        cdf = np.cumsum(p.sum(axis=1 - axis)) * step**2
        distance = stats.kstest(x[:, axis], lambda v, cdf=cdf: np.interp(v, grid + step / 2, cdf)).statistic
        assert distance < 1.95 / np.sqrt(len(x)) + 2e-4  # p = 0.001


@pytest.mark.parametrize("name", MODELS)
def test_what_is_given_stays_and_the_rest_is_drawn_given_it(name):
    key, spec, settings = MODELS[name]
    model, condition = build(key, spec, settings), classes(spec, 4)
    values = model.sample(4, 11, condition)
    ranks = model.ranks()
    observed = ranks < np.sort(ranks)[spec.dimensions // 3]
    observed = observed.reshape(spec.shape)
    x, used = model.draw(4, 12, condition, given=(values, observed))
    np.testing.assert_array_equal(x[:, observed], values[:, observed])
    assert (x[:, ~observed] != values[:, ~observed]).any()
    used = used if isinstance(used, list) else [used]
    for expected, found in zip(conditionals(model, x, condition), used, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * max(1, np.abs(expected).max()))


def test_given_values_condition_the_rest():
    """Frequencies of the last variables given the first ones, against the enumerated conditional distribution."""
    model = build("nade", DataSpec((5,), "binary"), {"hidden": 4, "order": "random"}, spread=0.8)
    place, n = model.order, 20_000
    values, observed = np.zeros(5, np.uint8), np.zeros(5, bool)
    observed[place[:2]], values[place[0]] = True, 1
    rows = np.array(list(itertools.product(range(2), repeat=5)), np.uint8)
    p = np.exp(model.score_samples(rows)) * (rows[:, observed] == values[observed]).all(axis=1)
    drawn = model.sample(n, 3, given=(values, observed))
    counts = np.bincount(drawn.astype(int) @ 2 ** np.arange(5)[::-1], minlength=32)
    assert counts[p == 0].sum() == 0
    assert stats.chisquare(counts[p > 0], n * p[p > 0] / p.sum()).pvalue > 1e-4


def test_orderless_nade_takes_any_given_set():
    model = build("nade", DataSpec((6,), "binary"), {"hidden": 4, "orderless": True})
    values, observed = np.array([1, 0, 1, 1, 0, 1], np.uint8), np.array([False, True, False, True, True, False])
    x = model.sample(8, 0, given=(values, observed))
    np.testing.assert_array_equal(x[:, observed], np.tile(values[observed], (8, 1)))
    with pytest.raises(ValueError, match="same variables"):
        model.sample(2, 0, given=(values, np.stack([observed, ~observed])))
