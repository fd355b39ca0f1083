"""Autoregressive models at their edges: one variable, one pixel, odd data, frozen and copied models, threads."""

import copy
import itertools
import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from minigen import DataSpec
from minigen.arrays import pool
from minigen.autograd import no_grad
from minigen.autograd.tensor import raw
from minigen.kernels import incremental
from models.autoregressive.test_conditionals import MODELS, build, classes

CLASS = DataSpec((1,), "discrete", 3)
TINY = {  # one variable, one pixel, fewer hidden units than variables, two levels, more levels than a byte holds
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
    "pixel_cnn": ("pixel_cnn", DataSpec((1, 1, 1), "binary"), {"channels": 4, "blocks": 1, "first_size": 1}),
    "pixel_cnn colours": ("pixel_cnn", DataSpec((1, 1, 3), "discrete", 2), {"channels": 6, "first_size": 1, "size": 1}),
    "gated": ("gated_pixel_cnn", DataSpec((1, 1, 1), "discrete", 300),
              {"channels": 4, "layers": 2, "first_size": 1, "skip_channels": 4}),
    "pp": ("pixel_cnn_pp", DataSpec((1, 1, 1), "discrete", 300), {"channels": 4, "blocks": 1, "scales": 1}),
    "pp two levels": ("pixel_cnn_pp", DataSpec((1, 2, 1), "discrete", 2), {"channels": 4, "blocks": 1, "scales": 1}),
}


def rows_of(spec):
    levels = spec.levels or 2
    rows = np.array(list(itertools.product(range(levels), repeat=spec.dimensions)))
    return rows.astype(np.uint8 if levels <= 256 else np.int64).reshape(-1, *spec.shape)


@pytest.mark.parametrize("name", TINY)
def test_smallest_models_are_normalised_take_any_dtype_and_sample(name):
    key, spec, settings = TINY[name]
    model, rows = build(key, spec, settings), rows_of(spec)
    log_prob = model.score_samples(rows)
    assert abs(np.exp(log_prob).sum() - 1) < 1e-10
    for dtype in ("int64", "float32", "float64"):
        np.testing.assert_array_equal(model.score_samples(rows.astype(dtype)), log_prob)
    np.testing.assert_allclose(model.score_samples(rows[:1]), log_prob[:1], rtol=1e-12)
    drawn = model.sample(3, 0)
    assert drawn.shape == (3, *spec.shape) and drawn.dtype == rows.dtype
    if settings.get("masks", 1) > 1:
        return  # takes nothing as given
    values = model.sample(1, 1)
    np.testing.assert_array_equal(model.sample(1, 2, given=(values, np.ones(spec.shape, bool))), values)


@pytest.mark.parametrize("name", ["nade levels", "made levels", "gated colours", "pp", "multiscale colours"])
def test_discrete_values_are_checked(name):
    key, spec, settings = MODELS[name]
    model, x = build(key, spec, settings), np.zeros((2, *spec.shape))
    for value in (-1, spec.levels, 0.5, np.nan):
        x[1].flat[-1] = value
        with warnings.catch_warnings(), pytest.raises(ValueError, match="x: expected integers from 0 to"):
            warnings.simplefilter("error")
            model.log_prob(x)


@pytest.mark.parametrize("name", ["nade two levels", "made two levels", "pixel_cnn colours", "pp two levels"])
def test_two_levels_are_0_and_1(name):
    key, spec, settings = TINY[name]
    with pytest.raises(ValueError, match="x: expected integers from 0 to 1"):
        build(key, spec, settings).log_prob(np.full((1, *spec.shape), 2, np.uint8))


@pytest.mark.parametrize("name", MODELS)
def test_an_empty_batch_is_refused(name):
    key, spec, settings = MODELS[name]
    with pytest.raises(ValueError, match="x: expected at least one example"):
        build(key, spec, settings).log_prob(np.zeros((0, *spec.shape), np.uint8), classes(spec, 0))


@pytest.mark.parametrize("name", MODELS)
def test_copies_frozen_models_and_loaded_states_draw_the_same(name):
    key, spec, settings = MODELS[name]
    model, other, condition = build(key, spec, settings), build(key, spec, settings), classes(spec, 2)
    expected = model.sample(2, 3, condition)
    for parameter in other.parameters():
        parameter.assign(-2 * parameter.data)
    assert (other.sample(2, 3, condition) != expected).any()
    other.load_state_dict(model.state_dict())  # after a sample: nothing that was made for it may stay
    again = [other, copy.deepcopy(model), pickle.loads(pickle.dumps(model)), model.freeze()]
    for each in again:
        np.testing.assert_array_equal(each.sample(2, 3, condition), expected)
    assert model.score_samples(expected, condition).shape == (2,)


@pytest.mark.parametrize("name", ["made continuous", "nade levels", "rnade", "gated", "pp colours", "multiscale"])
def test_samples_do_not_depend_on_threads_or_parts(name, monkeypatch):
    key, spec, settings = MODELS[name]
    model, before = build(key, spec, settings, "float32"), pool.thread_count()
    expected = model.sample(37, 3)
    try:
        for threads in (1, 3):
            pool.set_thread_count(threads)
            np.testing.assert_array_equal(model.sample(37, 3), expected)
        monkeypatch.setattr(incremental, "ROOM", 1)  # parts of 16 examples
        np.testing.assert_array_equal(model.sample(37, 3), expected)
        with ThreadPoolExecutor(3) as executor:
            for found in executor.map(lambda seed: model.sample(37, seed), [3] * 6):
                np.testing.assert_array_equal(found, expected)
    finally:
        pool.set_thread_count(before)


@pytest.mark.parametrize("levels", [2, 3])
def test_orderless_loss_is_unbiased(levels):
    """Its mean is that of -log p over all orders, each density from the fused kernel; within 4.5 standard errors."""
    spec = DataSpec((3,), "binary") if levels == 2 else DataSpec((3,), "discrete", levels)
    model = build("nade", spec, {"hidden": 4, "orderless": True}, spread=0.8)
    x = np.array([[1, 0, levels - 1]])
    with no_grad():
        exact = -np.mean([raw(model._of_order(x, np.array(order)))[0] for order in itertools.permutations(range(3))])
        each = [float(raw(model._loss(np.repeat(x, 200, axis=0), seed)[0])) for seed in range(200)]
    assert abs(np.mean(each) - exact) < 4.5 * np.std(each, ddof=1) / np.sqrt(len(each))
    assert np.std(each) / np.sqrt(len(each)) < 0.02 * exact


def test_given_values_that_are_not_observed_may_be_anything():
    for name in ("nade levels", "made levels", "gated", "pp", "rnade", "multiscale colours"):
        key, spec, settings = MODELS[name]
        model = build(key, spec, settings)
        observed = (model.ranks() == 0).reshape(spec.shape)
        values = np.where(observed, 1.0, np.nan)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            x = model.sample(2, 0, given=(values, observed))
        assert (x[:, observed] == 1).all() and np.isfinite(x).all()
        for dtype in (np.uint8, np.int64, np.float32):
            np.testing.assert_array_equal(
                model.sample(2, 0, given=(np.where(observed, 1, 0).astype(dtype), observed)), x)


@pytest.mark.parametrize(("name", "message"), [("rnade", "finite"), ("made continuous", "finite"),
                                               ("gated", "integers 0 to 1"), ("orderless", "integers 0 to 1")])
def test_given_nan_is_refused(name, message):
    orderless = ("nade", DataSpec((4,), "binary"), {"hidden": 3, "orderless": True})
    key, spec, settings = orderless if name == "orderless" else MODELS[name]
    with pytest.raises(ValueError, match=f"given: expected {message}"):
        build(key, spec, settings).sample(1, 0, given=(np.full(spec.shape, np.nan), np.ones(spec.shape, bool)))


@pytest.mark.parametrize("name", ["pp colours", "multiscale colours"])
def test_colours_that_share_a_component_are_given_together(name):
    key, spec, settings = MODELS[name]
    model = build(key, spec, settings)
    observed = (model.ranks() <= model.ranks().max() // 2).reshape(spec.shape)
    last = np.argwhere(observed.all(axis=-1))[-1] if key == "pixel_cnn_pp" else np.array([0, 1])
    observed[tuple(last)] = [True, False, False]
    if key == "multiscale_pixel_cnn":
        observed[::2, ::2] = True
    with pytest.raises(ValueError, match="all colours of a pixel"):
        model.sample(1, 0, given=(np.zeros(spec.shape, np.uint8), observed))


def test_class_of_the_wrong_length_is_refused():
    model = build("pixel_cnn", DataSpec((3, 3, 1), "binary", condition=CLASS), {"channels": 4, "first_size": 3})
    for condition in ([0, 1, 2], [[0, 1]], [0.0, 1.0], [0, 3], [True, False]):
        with pytest.raises(ValueError, match="condition: expected"):
            model.sample(2 if condition != [[0, 1]] else 3, 0, condition)
    np.testing.assert_array_equal(model.sample(2, 0, [1, 1]), model.sample(2, 0, 1))
    np.testing.assert_array_equal(model.sample(2, 0, [[1], [2]]), model.sample(2, 0, np.array([1, 2], np.uint8)))
