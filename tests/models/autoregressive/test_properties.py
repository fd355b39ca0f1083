"""Autoregressive models: the parallel pass, the incremental sampler and the density are one distribution."""

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy import stats

from minigen import DataSpec, models
from minigen.arrays import pool
from minigen.autograd import Tensor, grad, raw
from minigen.kernels import incremental
from minigen.kernels.machinery.dispatch import reference_kernels
from models.autoregressive.autoregressive_toys import (
    CLASS,
    CONDITIONAL,
    CONDITIONAL_SPACES,
    IMAGE,
    MODELS,
    SPACES,
    all_examples,
    build,
    conditionals,
    conditions,
    counts,
    loss_of,
)

ALL = MODELS | CONDITIONAL


@pytest.mark.parametrize(("dtype", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("name", ALL)
def test_sampler_uses_the_conditionals_of_the_parallel_pass(name, dtype, tolerance):
    key, spec, settings = ALL[name]
    model, condition = build(key, spec, settings, dtype), conditions(spec, 5)
    x, used = model.draw(5, 3, condition)
    np.testing.assert_array_equal(model.sample(5, 3, condition), x)
    used = used if isinstance(used, list) else [used]
    for expected, found in zip(conditionals(model, x, condition), used, strict=True):
        assert found.dtype == np.dtype(dtype)
        np.testing.assert_allclose(found, expected, rtol=0, atol=tolerance * max(1, np.abs(expected).max()))


@pytest.mark.parametrize("name", ALL)
def test_compiled_sampler_is_the_reference(name):
    key, spec, settings = ALL[name]
    model, condition = build(key, spec, settings), conditions(spec, 3)
    compiled = model.sample(3, 4, condition, temperature=0.7)
    with reference_kernels():
        reference = model.sample(3, 4, condition, temperature=0.7)
    np.testing.assert_allclose(reference, compiled, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", MODELS)
def test_log_prob_is_the_sum_of_the_conditionals(name):
    """log p(x) from the parameters of the conditionals by the model's own head, and the loss is minus its mean."""
    key, spec, settings = MODELS[name]
    model = build(key, spec, settings)
    x = model.sample(3, 0)
    if key == "multiscale_pixel_cnn":
        return  # its conditionals are groups: see test_multiscale_pixel_cnn
    (parameters,) = conditionals(model, x, None)
    expected = raw(model.output.distribution(parameters).log_prob(x)).reshape(3, -1).sum(axis=1)
    np.testing.assert_allclose(model.score_samples(x), expected, rtol=1e-10)
    if key != "pixel_cnn_pp":  # whose loss has dropout
        assert float(raw(loss_of(model, x))) == pytest.approx(-expected.mean(), rel=1e-10)


def check_frequencies(drawn, p):
    """That counts of all examples agree with their probabilities: a chi-square test, rare ones taken together."""
    n = drawn.sum()
    rare = n * p < 5
    observed = np.append(drawn[~rare], drawn[rare].sum())
    expected = n * np.append(p[~rare], p[rare].sum())
    keep = expected > 0
    assert drawn[p == 0].sum() == 0
    assert stats.chisquare(observed[keep], expected[keep] * observed.sum() / expected.sum()).pvalue > 1e-4


@pytest.mark.parametrize("name", SPACES | CONDITIONAL_SPACES)
def test_probabilities_sum_to_one_and_samples_follow_them(name):
    key, spec, settings = (SPACES | CONDITIONAL_SPACES)[name]
    model, x, n = build(key, spec, settings, spread=0.4), all_examples(spec), 20_000
    found = []
    for seed in (0,) if spec.condition is None else (0, 1):
        condition = conditions(spec, 2, seed)
        one = None if condition is None else condition[seed]
        p = np.exp(model.score_samples(x, one))
        assert abs(p.sum() - 1) < 1e-10
        check_frequencies(counts(model.sample(n, 7, one), spec), p)
        found.append(p)
    assert len(found) == 1 or np.abs(found[0] - found[1]).sum() > 0.05  # the condition matters


@pytest.mark.parametrize("temperature", [0.5, 1.5])
@pytest.mark.parametrize("name", ["fvsbn", "nade levels", "made levels", "gated colours", "pp colours", "multiscale"])
def test_temperature_divides_logits(name, temperature):
    """Frequencies against enumerated products of conditionals of which each has its logits divided by T.

    Of a pixel mixture the scales are multiplied by T besides.
    """
    key, spec, settings = SPACES[name]
    model, x = build(key, spec, settings, spread=0.8), all_examples(spec)
    model_of_pixels = model.base if key == "multiscale_pixel_cnn" else model  # which has one scale here
    (parameters,) = conditionals(model_of_pixels, x, None)
    distribution = model_of_pixels.output.distribution(parameters, temperature=temperature)
    p = np.exp(raw(distribution.log_prob(x)).reshape(len(x), -1).sum(axis=1))
    assert abs(p.sum() - 1) < 1e-10
    check_frequencies(counts(model.sample(20_000, 7, temperature=temperature), spec), p)


@pytest.mark.parametrize("name", MODELS)
def test_temperature_1_changes_nothing_and_0_takes_the_likeliest(name):
    key, spec, settings = MODELS[name]
    model = build(key, spec, settings, "float32")
    np.testing.assert_array_equal(model.sample(4, 3, temperature=1.0), model.sample(4, 3))
    x = model.sample(4, 5, temperature=0.0)
    np.testing.assert_array_equal(x, np.repeat(x[:1], 4, axis=0))
    np.testing.assert_array_equal(x, model.sample(4, 6, temperature=0))
    with pytest.raises(ValueError, match="temperature: expected a number of at least 0"):
        model.sample(1, 0, temperature=-1.0)
    with pytest.raises(TypeError, match="unknown option 'heat'"):
        model.sample(1, 0, heat=1.0)


@pytest.mark.parametrize("name", ["rnade", "rnade laplace", "rnade logistic", "made continuous"])
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


@pytest.mark.parametrize("name", ALL)
def test_what_is_given_stays_and_the_rest_is_drawn_given_it(name):
    key, spec, settings = ALL[name]
    model, condition = build(key, spec, settings), conditions(spec, 4)
    values = model.sample(4, 11, condition)
    ranks = model.ranks()
    observed = (ranks < np.sort(ranks)[spec.dimensions // 3]).reshape(spec.shape)
    x, used = model.draw(4, 12, condition, given=(values, observed))
    np.testing.assert_array_equal(x[:, observed], values[:, observed])
    assert (x[:, ~observed] != values[:, ~observed]).any()
    used = used if isinstance(used, list) else [used]
    for expected, found in zip(conditionals(model, x, condition), used, strict=True):
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-10 * max(1, np.abs(expected).max()))


def test_given_values_condition_the_rest():
    """Frequencies of the last variables given the first ones, against the enumerated conditional distribution."""
    spec = DataSpec((5,), "binary")
    model = build("nade", spec, {"hidden": 4, "order": "random"}, spread=0.8)
    values, observed = np.zeros(5, np.uint8), np.zeros(5, bool)
    observed[model.order[:2]], values[model.order[0]] = True, 1
    x = all_examples(spec)
    p = np.exp(model.score_samples(x)) * (x[:, observed] == values[observed]).all(axis=1)
    check_frequencies(counts(model.sample(20_000, 3, given=(values, observed)), spec), p / p.sum())


@pytest.mark.parametrize("name", [name for name in CONDITIONAL if "colours" not in name])
def test_gradients_reach_the_condition_and_its_network(name):
    key, spec, settings = CONDITIONAL[name]
    model, condition = build(key, spec, settings), conditions(spec, 2)
    x = model.sample(2, 0, condition)
    loss = loss_of(model, x, condition)
    (objective,) = model.objectives()
    gradients = dict(zip([name for name, _ in model.named_parameters()], grad(loss, objective.parameters), strict=True))
    reached = {name for name in gradients if name.split(".")[0] in (
        "embedding", "from_condition", "condition_to_hidden", "condition_to_outputs")}
    assert reached and all(np.abs(raw(gradients[name])).max() > 0 for name in reached)
    if spec.condition.kind != "continuous":
        return
    c = Tensor(condition)
    slope = raw(grad(model.log_prob(x, c).sum(), c))
    for index in np.random.default_rng(0).choice(condition.size, 6, replace=False):
        step = np.zeros(condition.size)
        step[index] = 1e-6  # so small that no ReLU changes its side
        step = step.reshape(condition.shape)
        change = model.score_samples(x, condition + step).sum() - model.score_samples(x, condition - step).sum()
        assert slope.reshape(-1)[index] == pytest.approx(change / 2e-6, rel=1e-4, abs=1e-7)


@pytest.mark.parametrize("name", CONDITIONAL)
def test_one_condition_stands_for_all(name):
    key, spec, settings = CONDITIONAL[name]
    model, condition = build(key, spec, settings), conditions(spec, 1)
    every = np.repeat(condition, 3, axis=0)
    x = model.sample(3, 5, every)
    np.testing.assert_array_equal(model.sample(3, 5, condition[0]), x)
    np.testing.assert_array_equal(model.score_samples(x, condition[0]), model.score_samples(x, every))


@pytest.mark.parametrize("name", ALL)
def test_copies_frozen_models_and_loaded_states_draw_the_same(name):
    key, spec, settings = ALL[name]
    model, other, condition = build(key, spec, settings), build(key, spec, settings), conditions(spec, 2)
    expected = model.sample(2, 3, condition)
    for parameter in other.parameters():
        parameter.assign(-2 * parameter.data)
    assert (other.sample(2, 3, condition) != expected).any()
    other.load_state_dict(model.state_dict())  # after a sample: nothing that was made for it may stay
    for same in [other, copy.deepcopy(model), pickle.loads(pickle.dumps(model)), model.freeze()]:
        np.testing.assert_array_equal(same.sample(2, 3, condition), expected)
    assert model.score_samples(expected, condition).shape == (2,)


@pytest.mark.parametrize("name", ["made continuous", "nade levels", "rnade", "gated", "pp colours", "multiscale",
                                  "gated given a picture", "nade levels given a class", "rnade given a vector"])
def test_samples_do_not_depend_on_threads_or_blocks(name, monkeypatch):
    key, spec, settings = ALL[name]
    model, before, condition = build(key, spec, settings, "float32"), pool.thread_count(), conditions(spec, 37)
    expected = model.sample(37, 3, condition)
    try:
        for threads in (1, 3):
            pool.set_thread_count(threads)
            np.testing.assert_array_equal(model.sample(37, 3, condition), expected)
        monkeypatch.setattr(incremental, "ROOM", 1)  # blocks of 12 examples
        np.testing.assert_array_equal(model.sample(37, 3, condition), expected)
        with ThreadPoolExecutor(3) as executor:
            for found in executor.map(lambda seed: model.sample(37, seed, condition), [3] * 6):
                np.testing.assert_array_equal(found, expected)
    finally:
        pool.set_thread_count(before)


# One variable, one pixel, fewer hidden units than variables, two levels, more levels than a byte holds
TINY = {
    "fvsbn": ("fvsbn", DataSpec((1,), "binary"), {}),
    "nade": ("nade", DataSpec((1,), "binary"), {"hidden": 3}),
    "nade orderless": ("nade", DataSpec((1,), "discrete", 3), {"hidden": 3, "orderless": True}),
    "nade two levels": ("nade", DataSpec((3,), "discrete", 2), {"hidden": 3}),
    "nade 300 levels": ("nade", DataSpec((1,), "discrete", 300), {"hidden": 3}),
    "made": ("made", DataSpec((1,), "binary"), {"hidden": (3, 2), "direct": True}),
    "made masks": ("made", DataSpec((1,), "binary"), {"hidden": (3, 2), "masks": 3}),
    "made two": ("made", DataSpec((2,), "binary"), {"hidden": (1,)}),
    "made two masks": ("made", DataSpec((2,), "binary"), {"hidden": (3, 2), "masks": 3}),
    "made narrow": ("made", DataSpec((9,), "binary"), {"hidden": (2, 1), "order": "random"}),
    "made narrow masks": ("made", DataSpec((9,), "binary"), {"hidden": (2, 1), "masks": 3}),
    "made two levels": ("made", DataSpec((4,), "discrete", 2), {"hidden": (5,)}),
    "made given a class": ("made", DataSpec((1,), "binary", condition=CLASS), {"hidden": (3,)}),
    "pixel_cnn": ("pixel_cnn", DataSpec((1, 1, 1), "binary"), {"channels": 4, "blocks": 1, "first_size": 1}),
    "pixel_cnn colours": ("pixel_cnn", DataSpec((1, 1, 3), "discrete", 2), {"channels": 6, "first_size": 1, "size": 1}),
    "gated": ("gated_pixel_cnn", DataSpec((1, 1, 1), "discrete", 300),
              {"channels": 4, "layers": 2, "first_size": 1, "skip_channels": 4}),
    "gated given a picture": ("gated_pixel_cnn", DataSpec((1, 1, 1), "binary", condition=IMAGE),
                              {"channels": 4, "layers": 2, "first_size": 1}),
    "pp": ("pixel_cnn_pp", DataSpec((1, 1, 1), "discrete", 300), {"channels": 4, "blocks": 1, "scales": 1}),
    "pp two levels": ("pixel_cnn_pp", DataSpec((1, 2, 1), "discrete", 2), {"channels": 4, "blocks": 1, "scales": 1}),
}


@pytest.mark.parametrize("name", TINY)
def test_smallest_models_are_normalised_take_any_dtype_and_sample(name):
    key, spec, settings = TINY[name]
    model, x, one = build(key, spec, settings), all_examples(spec), conditions(spec, 1)
    one = None if one is None else one[0]
    log_prob = model.score_samples(x, one)
    assert abs(np.exp(log_prob).sum() - 1) < 1e-10
    for dtype in ("int64", "float32", "float64"):
        np.testing.assert_array_equal(model.score_samples(x.astype(dtype), one), log_prob)
    np.testing.assert_allclose(model.score_samples(x[:1], one), log_prob[:1], rtol=1e-12)
    drawn = model.sample(3, 0, one)
    assert drawn.shape == (3, *spec.shape) and drawn.dtype == x.dtype
    if settings.get("masks", 1) > 1:
        return  # takes nothing as given
    values = model.sample(1, 1, one)
    np.testing.assert_array_equal(model.sample(1, 2, one, given=(values, np.ones(spec.shape, bool))), values)


@pytest.mark.parametrize("name", ["pixel_cnn", "gated given a class", "pp given a picture"])
def test_conditionals_of_inputs_are_the_conditionals(name):
    """On the inputs that stand for an image: integers 0 … levels - 1 as numbers from -1 to 1."""
    key, spec, settings = ALL[name]
    model, condition = build(key, spec, settings), conditions(spec, 3)
    x = model.sample(3, 0, condition)
    inputs = 2 * x / ((spec.levels or 2) - 1) - 1
    np.testing.assert_allclose(raw(model.conditionals_of_inputs(inputs, condition)),
                               conditionals(model, x, condition)[0], rtol=1e-12)


def test_what_the_family_offers():
    for key in models.available()["autoregressive"]:
        cls = models.model_class(key)
        assert cls.offers("log_prob", "sample", "conditionals", "order", "ranks", "objectives"), key
        assert not cls.offers("elbo") and cls.takes.labels is None
