"""Which variables each conditional depends on: those before it that the network can see."""

import numpy as np
import pytest

from minigen import DataSpec
from models.autoregressive.autoregressive_toys import (
    CLASS,
    IMAGE,
    VECTOR,
    build,
    conditionals,
    conditions,
)


def measured(model, outputs_of, levels=2, inputs=4):
    """(variables, variables): whether conditional i changed with variable j, for some of a few random examples."""
    spec, random = model.spec, np.random.default_rng(0)
    depends = np.zeros((spec.dimensions, spec.dimensions), bool)
    for _ in range(inputs):
        real = spec.kind == "continuous"
        x = random.normal(size=spec.dimensions) if real else random.integers(0, levels, spec.dimensions)
        changed = np.tile(x, (spec.dimensions + 1, 1))
        np.fill_diagonal(changed, x + 1 if real else (x + 1) % levels)
        p = outputs_of(model, changed.reshape(-1, *spec.shape))
        depends |= (np.abs(p[:-1] - p[-1:]) > 1e-11).any(axis=-1).T  # products round by the row of the batch
    return depends


def by_variable(model, x):
    """Parameters as (examples, variables, outputs)."""
    one = conditions(model.spec, 1)
    return conditionals(model, x, None if one is None else one[0])[0].reshape(len(x), model.spec.dimensions, -1)


def earlier(model):
    rank = np.argsort(model.order)
    return rank[None, :] < rank[:, None]


@pytest.mark.parametrize(("key", "spec", "settings"), [
    ("fvsbn", DataSpec((9,), "binary"), {}),
    ("fvsbn", DataSpec((9,), "binary", condition=VECTOR), {"order": "random", "order_seed": 3}),
    ("nade", DataSpec((9,), "binary"), {"hidden": 5, "order": "random"}),
    ("nade", DataSpec((6,), "discrete", 3, CLASS), {"hidden": 5}),
    ("rnade", DataSpec((6,), "continuous"), {"order": "random", "hidden": 30}),
    ("made", DataSpec((9,), "binary", condition=VECTOR), {"hidden": (40,), "order": "random"}),
    ("made", DataSpec((9,), "binary"), {"hidden": (40, 30), "direct": True}),
    ("made", DataSpec((5,), "discrete", 3), {"hidden": (40,), "order": "random"}),
    ("made", DataSpec((6,), "continuous"), {"hidden": (40, 40)}),
    ("made", DataSpec((6,), "binary"), {"hidden": (60,), "masks": 2}),
])
def test_vectors_depend_on_everything_before_and_nothing_else(key, spec, settings):
    model = build(key, spec, settings)
    np.testing.assert_array_equal(measured(model, by_variable, spec.levels or 2), earlier(model))


@pytest.mark.parametrize(("key", "settings"), [
    ("gated_pixel_cnn", {"channels": 6, "layers": 6, "first_size": 3, "skip_channels": 6}),
    ("pixel_cnn_pp", {"channels": 4, "blocks": 2, "scales": 2, "components": 2}),
])
@pytest.mark.parametrize("condition", [None, IMAGE])
def test_two_stacks_leave_no_blind_spot(key, settings, condition):
    model = build(key, DataSpec((7, 7, 1), "binary", condition=condition), settings)
    np.testing.assert_array_equal(measured(model, by_variable), np.tril(np.ones((49, 49), bool), -1))


@pytest.mark.parametrize(("key", "settings"), [
    ("gated_pixel_cnn", {"channels": 12, "layers": 4, "first_size": 3, "skip_channels": 12}),
    ("pixel_cnn", {"channels": 12, "blocks": 4, "first_size": 3}),
])
def test_colours_see_all_earlier_pixels_and_earlier_colours_of_their_pixel(key, settings):
    spec = DataSpec((5, 4, 3) if key == "gated_pixel_cnn" else (3, 3, 3), "discrete", 4)
    model = build(key, spec, settings)
    depends = measured(model, by_variable, 4)
    before = np.tril(np.ones((spec.dimensions,) * 2, bool), -1)
    assert not (depends & ~before).any()
    pixel = np.arange(spec.dimensions) // 3
    np.testing.assert_array_equal(depends[pixel[:, None] == pixel], before[pixel[:, None] == pixel])
    if key == "gated_pixel_cnn":
        np.testing.assert_array_equal(depends, before)
