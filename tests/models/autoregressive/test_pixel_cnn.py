"""PixelCNN against its formula, written out a position at a time; its blind spot."""

import numpy as np
import pytest

from minigen import DataSpec
from models.autoregressive.autoregressive_toys import (
    CLASS,
    GREY,
    IMAGE,
    VECTOR,
    build,
    colour_mask,
    conditionals,
    conditions,
    convolve,
    features_at_pixels,
    log_prob_of_pixels,
    relu,
)

HERE = [(0, 0)]


def square(size):
    """The taps of a square up to and with its centre, in raster order."""
    half = size // 2
    taps = [(r, c) for r in range(-half, half + 1) for c in range(-half, half + 1)]
    return [tap for tap in taps if tap <= (0, 0)]


def log_prob(model, image, condition=None):
    """h⁰ = conv_A(x) + e(y); hᵏ = hᵏ⁻¹ + conv_1(relu(conv_B(relu(conv_1(relu(hᵏ⁻¹)))))); two more 1×1 layers."""
    config, (height, width, colours), levels = model.config, model.spec.shape, model.spec.levels or 2
    p, outputs = config.channels, 1 if levels == 2 else levels

    def conv(x, layer, taps):
        mask = colour_mask(*layer.weight.shape[1:], colours)
        return convolve(x, layer, taps, mask)

    x = 2 * image / (levels - 1) - 1
    if colours == 1:  # the first convolution sees nothing of the pixel, or the colours before
        h = convolve(x, model.first, square(config.first_size)[:-1])
    else:
        h = convolve(x, model.first, square(config.first_size), colour_mask(colours, p, colours, strict=True))
    if condition is not None:
        h = h + features_at_pixels(model, condition, (height, width))
    for block in model.blocks:
        narrow = conv(relu(h), block.narrow, HERE)
        h = h + conv(relu(conv(relu(narrow), block.masked, square(config.size))), block.widen, HERE)
    logits = conv(relu(conv(relu(h), model.head[0], HERE)), model.head[1], HERE)
    return log_prob_of_pixels(image, logits.reshape(height, width, colours, outputs))


@pytest.mark.parametrize("spec", [
    GREY, DataSpec((4, 5, 3), "discrete", 4), DataSpec((4, 5, 1), "binary", condition=CLASS),
    DataSpec((4, 5, 1), "discrete", 3, VECTOR), DataSpec((4, 5, 3), "discrete", 3, IMAGE),
    DataSpec((4, 5, 1), "binary", condition=DataSpec((4, 5, 2), "discrete", 5)),
])
def test_density(spec):
    model = build("pixel_cnn", spec, {"channels": 6 * spec.shape[2], "blocks": 2, "first_size": 3})
    x = np.random.default_rng(3).integers(0, spec.levels or 2, (2, *spec.shape))
    condition = conditions(spec, 2)
    expected = [log_prob(model, image, None if condition is None else condition[i]) for i, image in enumerate(x)]
    np.testing.assert_allclose(model.score_samples(x, condition), expected, rtol=1e-10)


def test_stacked_squares_have_a_blind_spot():
    """A pixel depends on what the squares reach from tap to tap, and not on a wedge to the upper right."""
    spec = DataSpec((7, 7, 1), "binary")
    model = build("pixel_cnn", spec, {"channels": 8, "blocks": 2, "first_size": 3})
    reached = {(3, 2)}
    for taps in (square(3), square(3), square(3)[:-1]):  # from the output back to the input
        reached = {(r + down, c + right) for r, c in reached for down, right in taps}
    expected = np.array([[(r, c) in reached for c in range(7)] for r in range(7)])
    depends, random = np.zeros((7, 7), bool), np.random.default_rng(0)
    for _ in range(4):
        x = random.integers(0, 2, 49)
        changed = np.tile(x, (50, 1))
        np.fill_diagonal(changed, 1 - x)
        logits = conditionals(model, changed.reshape(-1, 7, 7, 1), None)[0][:, 3, 2, 0, 0]
        depends |= (np.abs(logits[:-1] - logits[-1]) > 1e-11).reshape(7, 7)
    np.testing.assert_array_equal(depends, expected)
    assert not depends[2, 6] and depends[0, 2]  # to the upper right, and above
