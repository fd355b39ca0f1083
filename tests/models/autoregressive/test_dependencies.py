"""Which variables each conditional depends on: exactly those before it in the order that its network can see."""

import numpy as np
import pytest

from minigen import DataSpec, models
from minigen.models.autoregressive.incremental import compile_program
from models.autoregressive.test_conditionals import build, conditionals

SQUARE, COLOURED = DataSpec((7, 7, 1), "binary"), DataSpec((5, 4, 3), "discrete", 4)


def measured(model, outputs_of, levels=2, inputs=4):
    """(variables, variables): whether conditional i changed with variable j, for some of a few random examples."""
    spec, random = model.spec, np.random.default_rng(0)
    found = np.zeros((spec.dimensions, spec.dimensions), bool)
    for _ in range(inputs):
        real = spec.kind == "continuous"
        x = random.normal(size=spec.dimensions) if real else random.integers(0, levels, spec.dimensions)
        changed = np.tile(x, (spec.dimensions + 1, 1))
        np.fill_diagonal(changed, x + 1 if real else (x + 1) % levels)
        p = outputs_of(model, changed.reshape(-1, *spec.shape))
        found |= (np.abs(p[:-1] - p[-1:]) > 1e-11).any(axis=-1).T  # products round by the row of the batch
    return found


def by_variable(model, x):
    """Parameters as (examples, variables, outputs)."""
    return conditionals(model, x, None)[0].reshape(len(x), model.spec.dimensions, -1)


def earlier(model):
    place = np.argsort(model.order)
    return place[None, :] < place[:, None]


@pytest.mark.parametrize(("key", "spec", "settings"), [
    ("fvsbn", DataSpec((9,), "binary"), {}),
    ("fvsbn", DataSpec((9,), "binary"), {"order": "random", "order_seed": 3}),
    ("nade", DataSpec((9,), "binary"), {"hidden": 5, "order": "random"}),
    ("nade", DataSpec((6,), "discrete", 3), {"hidden": 5}),
    ("rnade", DataSpec((6,), "continuous"), {"order": "random", "hidden": 30}),
    ("made", DataSpec((9,), "binary"), {"hidden": (40,), "order": "random"}),
    ("made", DataSpec((9,), "binary"), {"hidden": (40, 30), "direct": True}),
    ("made", DataSpec((5,), "discrete", 3), {"hidden": (40,), "order": "random"}),
    ("made", DataSpec((6,), "continuous"), {"hidden": (40, 40)}),
    ("made", DataSpec((6,), "binary"), {"hidden": (60,), "masks": 2}),
])
def test_vectors_depend_on_everything_before_and_nothing_else(key, spec, settings):
    model = build(key, spec, settings)
    np.testing.assert_array_equal(measured(model, by_variable, spec.levels or 2), earlier(model))


def reached(spec, layers):
    """Pixels that a stack of layers sees, each given by the offsets of its taps: sets of places, followed back."""
    height, width, _ = spec.shape
    result = np.zeros((height * width, height * width), bool)
    for row in range(height):
        for column in range(width):
            places = {(row, column)}
            for taps in reversed(layers):
                places = {(r + dr, c + dc) for r, c in places for dr, dc in taps}
            for r, c in places:
                if 0 <= r < height and 0 <= c < width:
                    result[row * width + column, r * width + c] = True
    return result


def square(size, centre):
    half = size // 2
    taps = [(r, c) for r in range(-half, half + 1) for c in range(-half, half + 1)]
    return [tap for tap in taps if tap < (0, 0) or (centre and tap == (0, 0))]


def test_pixel_cnn_sees_what_masked_squares_reach_and_has_a_blind_spot():
    model = build("pixel_cnn", SQUARE, {"channels": 8, "blocks": 2, "first_size": 3})
    expected = reached(SQUARE, [square(3, False), square(3, True), square(3, True)])
    found = measured(model, by_variable)
    np.testing.assert_array_equal(found, expected)
    assert not found[3 * 7 + 2, 2 * 7 + 6] and found[3 * 7 + 2, 0 * 7 + 2]  # to the upper right, and above


@pytest.mark.parametrize(("key", "settings"), [
    ("gated_pixel_cnn", {"channels": 6, "layers": 6, "first_size": 3, "skip_channels": 6}),
    ("pixel_cnn_pp", {"channels": 4, "blocks": 2, "scales": 2, "components": 2}),
])
def test_two_stacks_leave_no_blind_spot(key, settings):
    model = build(key, SQUARE, settings)
    np.testing.assert_array_equal(measured(model, by_variable), np.tril(np.ones((49, 49), bool), -1))


@pytest.mark.parametrize(("key", "settings"), [
    ("gated_pixel_cnn", {"channels": 12, "layers": 4, "first_size": 3, "skip_channels": 12}),
    ("pixel_cnn", {"channels": 12, "blocks": 4, "first_size": 3}),
])
def test_colours_see_all_earlier_pixels_and_earlier_colours_of_their_own(key, settings):
    spec = COLOURED if key == "gated_pixel_cnn" else DataSpec((3, 3, 3), "discrete", 4)
    model = build(key, spec, settings)
    found = measured(model, by_variable, 4)
    before = np.tril(np.ones((spec.dimensions,) * 2, bool), -1)
    assert not (found & ~before).any()
    pixel = np.arange(spec.dimensions) // 3
    np.testing.assert_array_equal(found[pixel[:, None] == pixel], before[pixel[:, None] == pixel])
    if key == "gated_pixel_cnn":
        np.testing.assert_array_equal(found, before)


def test_multiscale_groups_see_smaller_scales_and_earlier_groups():
    spec = DataSpec((6, 6, 1), "binary")
    settings = {"channels": 6, "layers": 4, "scales": 2, "group_channels": 6, "blocks": 2}
    model = build("multiscale_pixel_cnn", spec, settings)

    def outputs(model, x):
        found, result = conditionals(model, x, None), np.zeros((len(x), *spec.shape))
        for part, (row, column) in zip(found, ((0, 0), (0, 1), (1, 0), (1, 1)), strict=True):
            result[:, row::2, column::2] = part.reshape(len(x), 3, 3, 1)
        return result.reshape(len(x), 36, 1)

    ranks = model.ranks()
    np.testing.assert_array_equal(measured(model, outputs), ranks[None, :] < ranks[:, None])


@pytest.mark.parametrize("ahead", [(0, 0), (0, 1), (1, 0)])
def test_network_that_sees_ahead_is_refused(ahead):
    model = build("gated_pixel_cnn", SQUARE, {"channels": 4, "layers": 2, "first_size": 3})
    layer = model.layers[0].left
    layer.taps = (*layer.taps, ahead)
    layer.weight.replace(np.ones((len(layer.taps), *layer.weight.shape[1:])))
    with pytest.raises(ValueError, match="not autoregressive"):
        model.sample(1, 0)


def test_ops_without_an_incremental_form_are_named():
    def network(x):
        return x.sum(axis=1, keepdims=True)

    with pytest.raises(TypeError, match="sum has no incremental form"):
        compile_program(network, (3, 3, 1), np.arange(9)[:, None], [(0, 0, 0, 1)], np.float64)


@pytest.mark.parametrize(("key", "spec", "settings", "message"), [
    ("nade", DataSpec((4,), "continuous"), {}, "nade: it takes binary or discrete"),
    ("rnade", DataSpec((4,), "binary"), {}, "rnade: it takes continuous"),
    ("fvsbn", DataSpec((4,), "discrete", 3), {}, "fvsbn: it takes binary"),
    ("pixel_cnn", DataSpec((8, 8, 1), "continuous"), {}, "binary or discrete images"),
    ("gated_pixel_cnn", DataSpec((64,), "binary"), {}, "images .height, width, channels"),
    ("gated_pixel_cnn", DataSpec((5, 5, 1), "binary"), {}, "at least 7 × 7"),
    ("gated_pixel_cnn", DataSpec((8, 8, 3), "discrete", 4), {}, "multiple of the 3 colours, got 32"),
    ("pixel_cnn_pp", DataSpec((2, 2, 1), "binary"), {}, "at least 4 × 4"),
    ("multiscale_pixel_cnn", DataSpec((30, 32, 1), "binary"), {}, "multiples of 4"),
    ("multiscale_pixel_cnn", DataSpec((32, 32, 1), "binary"), {"group_channels": 5}, "an even number.* got 5"),
    ("made", DataSpec((4,), "binary"), {"order": "sideways"}, "natural or random"),
    ("made", DataSpec((4,), "binary"), {"masks": 0}, "masks: expected"),
    ("rnade", DataSpec((4,), "continuous"), {"family": "cauchy"}, "normal, laplace"),
    ("pixel_cnn", DataSpec((8, 8, 1), "binary"), {"first_size": 4}, "odd integer, got 4"),
])
def test_refuses(key, spec, settings, message):
    with pytest.raises(ValueError, match=message):
        models.create(key, spec, **settings)


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


def test_classes_are_checked():
    spec = DataSpec((5, 5, 1), "binary", condition=DataSpec((1,), "discrete", 3))
    model = build("pixel_cnn", spec, {"channels": 4, "blocks": 1, "first_size": 3})
    x = np.zeros((2, 5, 5, 1), np.uint8)
    for condition, message in ((None, "expected a class"), (np.array([0, 3]), "classes 0 to 2"),
                               (np.array([0, 1, 2]), "expected 2 integers"),
                               (np.array([0.5, 1]), "expected 2 integers")):
        with pytest.raises(ValueError, match=message):
            model.log_prob(x, condition)
    with pytest.raises(ValueError, match="condition"):
        models.create("nade", DataSpec((4,), "binary", condition=DataSpec((1,), "discrete", 3)))
