"""What autoregressive models refuse: data, settings, conditions and given values that do not fit."""

import warnings

import numpy as np
import pytest

from minigen import DataSpec, models
from minigen.data.batch import Batch
from models.autoregressive.autoregressive_toys import (
    CLASS,
    CONDITIONAL,
    MODELS,
    build,
    conditions,
)


@pytest.mark.parametrize("name", ["nade levels", "made levels", "gated colours", "pp", "multiscale colours"])
def test_discrete_values_are_checked(name):
    key, spec, settings = MODELS[name]
    model, x = build(key, spec, settings), np.zeros((2, *spec.shape))
    for value in (-1, spec.levels, 0.5, np.nan):
        x[1].flat[-1] = value
        with warnings.catch_warnings(), pytest.raises(ValueError, match="x: expected integers from 0 to"):
            warnings.simplefilter("error")
            model.log_prob(x)


@pytest.mark.parametrize(("key", "shape", "settings"), [
    ("nade", (3,), {"hidden": 3}), ("made", (4,), {"hidden": (5,)}),
    ("pixel_cnn", (1, 1, 3), {"channels": 6, "first_size": 1, "size": 1}), ("pixel_cnn_pp", (1, 2, 1), {"scales": 1}),
])
def test_two_levels_are_0_and_1(key, shape, settings):
    spec = DataSpec(shape, "discrete", 2)
    with pytest.raises(ValueError, match="x: expected integers from 0 to 1"):
        build(key, spec, settings).log_prob(np.full((1, *spec.shape), 2, np.uint8))


@pytest.mark.parametrize("name", MODELS | CONDITIONAL)
def test_an_empty_batch_is_refused(name):
    key, spec, settings = (MODELS | CONDITIONAL)[name]
    model, condition = build(key, spec, settings), conditions(spec, 1)
    with pytest.raises(ValueError, match="x: expected at least one example"):
        model.log_prob(np.zeros((0, *spec.shape), np.uint8), None if condition is None else condition[:0])
    with pytest.raises(ValueError, match="n: expected"):
        model.sample(0, 0, condition)


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


def test_data_and_given_values_are_checked():
    model = build("gated_pixel_cnn", DataSpec((5, 5, 1), "discrete", 4), {"channels": 4, "layers": 1, "first_size": 3})
    values, observed = np.zeros((5, 5, 1), np.uint8), np.zeros((5, 5, 1), bool)
    with pytest.raises(ValueError, match="0 to 3"):
        model.log_prob(values[None] + np.uint8(4))
    with pytest.raises(ValueError, match=r"expected shape \(batch, 5, 5, 1\)"):
        model.log_prob(np.zeros((1, 5, 5, 3), np.uint8))
    observed[2:] = True
    with pytest.raises(ValueError, match="first ones in the model's order"):
        model.sample(1, 0, given=(values, observed))
    with pytest.raises(ValueError, match="expected integers 0 to 3"):
        model.sample(1, 0, given=(values + np.uint8(9), ~observed))
    with pytest.raises(TypeError, match="booleans"):
        model.sample(1, 0, given=(values, observed.astype(int)))
    with pytest.raises(ValueError, match="a pair"):
        model.sample(1, 0, given=values)
    with pytest.raises(ValueError, match="it models p.x."):
        model.sample(1, 0, condition=np.array([1]))


@pytest.mark.parametrize("key", ["pixel_cnn", "made"])
def test_conditions_are_checked(key):
    shape, settings = ((3, 3, 1), {"channels": 4, "first_size": 3}) if key == "pixel_cnn" else ((9,), {})
    model = build(key, DataSpec(shape, "binary", condition=CLASS), settings)
    x = np.zeros((2, *shape), np.uint8)
    for condition in (None, [0, 3], [0, 1, 2], [[0, 1]], [0.5, 1.0]):
        condition = condition if condition is None else np.array(condition)
        for call in (lambda c: model.log_prob(x, c), lambda c: model.sample(2, 0, c)):
            with pytest.raises(ValueError, match="condition: "):
                call(condition)
        (objective,) = model.objectives()
        if condition is None or len(condition) == 2:
            with pytest.raises(ValueError, match="condition: "):
                objective.loss(Batch(x, condition), 0, 0)
    np.testing.assert_array_equal(model.sample(2, 0, [1, 1]), model.sample(2, 0, 1))
    np.testing.assert_array_equal(model.sample(2, 0, [[1], [2]]), model.sample(2, 0, np.array([1, 2], np.uint8)))


@pytest.mark.parametrize(("key", "spec", "settings", "message"), [
    ("nade", DataSpec((4,), "continuous"), {}, "nade: it takes binary or discrete"),
    ("nade", DataSpec((4,), "binary", condition=DataSpec((3, 3, 1), "binary")), {}, "a class or a vector as condition"),
    ("rnade", DataSpec((4,), "binary"), {}, "rnade: it takes continuous"),
    ("fvsbn", DataSpec((4,), "discrete", 3), {}, "fvsbn: it takes binary"),
    ("made", DataSpec((2,), ("binary", "continuous")), {}, "made: it takes"),
    ("pixel_cnn", DataSpec((8, 8, 1), "continuous"), {}, "pixel_cnn: it takes binary or discrete images"),
    ("gated_pixel_cnn", DataSpec((64,), "binary"), {}, "images .height, width, channels"),
    ("gated_pixel_cnn", DataSpec((5, 5, 1), "binary"), {}, "at least 7 × 7"),
    ("gated_pixel_cnn", DataSpec((8, 8, 3), "discrete", 4), {}, "multiple of the 3 colours, got 32"),
    ("pixel_cnn_pp", DataSpec((2, 2, 1), "binary"), {}, "at least 4 × 4"),
    ("multiscale_pixel_cnn", DataSpec((30, 32, 1), "binary"), {}, "multiples of 4"),
    ("multiscale_pixel_cnn", DataSpec((32, 32, 1), "binary", condition=CLASS), {}, "it models p.x."),
    ("multiscale_pixel_cnn", DataSpec((32, 32, 1), "binary"), {"group_channels": 5}, "an even number.* got 5"),
    ("made", DataSpec((4,), "binary"), {"order": "sideways"}, "order: expected one of natural, random"),
    ("made", DataSpec((4,), "binary"), {"masks": 0}, "masks: expected"),
    ("rnade", DataSpec((4,), "continuous"), {"family": "cauchy"}, "normal, laplace"),
    ("pixel_cnn", DataSpec((8, 8, 1), "binary"), {"first_size": 4}, "odd integer, got 4"),
])
def test_refuses(key, spec, settings, message):
    with pytest.raises(ValueError, match=message):
        models.create(key, spec, **settings)
