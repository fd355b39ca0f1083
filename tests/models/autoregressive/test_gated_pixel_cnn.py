"""The gated PixelCNN against its formula, written out a position at a time."""

import numpy as np
import pytest

from minigen import DataSpec
from minigen.autograd import raw
from models.autoregressive.autoregressive_toys import (
    CLASS,
    GREY,
    IMAGE,
    VECTOR,
    build,
    colour_mask,
    conditions,
    convolve,
    features_at_pixels,
    log_prob_of_pixels,
    relu,
    sigmoid,
)

HERE = [(0, 0)]


def gate(x):
    """tanh of the first half of the channels times the logistic function of the second."""
    first, second = np.split(x, 2, axis=-1)
    return np.tanh(first) * sigmoid(second)


def log_prob(model, image, condition=None):
    """A stack of the rows above and one of what is left in the row; skips of all layers; two 1×1 layers."""
    config, (height, width, colours), levels = model.config, model.spec.shape, model.spec.levels or 2
    outputs, p = 1 if levels == 2 else levels, config.channels
    context = None if condition is None else features_at_pixels(model, condition, (height, width))
    vertical = horizontal = 2 * image / (levels - 1) - 1
    skips = 0
    for i, layer in enumerate(model.layers):
        half = (config.size if i else config.first_size) // 2
        above_taps = [(r, c) for r in range(-half, 1 if i else 0) for c in range(-half, half + 1)]
        left_taps = [(0, c) for c in range(-half, 1)]
        above = convolve(vertical, layer.above, above_taps)
        one_gate = colour_mask(colours if i == 0 else p, p, colours, strict=i == 0)
        if i == 0 and colours == 1:
            left = convolve(horizontal, layer.left, left_taps[:-1])
        else:
            left = convolve(horizontal, layer.left, left_taps, np.concatenate([one_gate, one_gate], axis=1))
        left = left + above @ raw(layer.link.weight)[0]
        if context is not None:
            above = above + context @ raw(layer.class_above.weight)
            left = left + context @ raw(layer.class_left.weight)
        vertical, gated = gate(above), gate(left)
        out = convolve(gated, layer.out, HERE, colour_mask(p, p, colours))
        horizontal = horizontal + out if i else out
        skips = skips + convolve(gated, layer.skip, HERE, colour_mask(p, config.skip_channels, colours))
    hidden, last = model.head
    skip_mask = colour_mask(config.skip_channels, config.skip_channels, colours)
    h = convolve(relu(skips), hidden, HERE, skip_mask)
    logits = convolve(relu(h), last, HERE, colour_mask(config.skip_channels, colours * outputs, colours))
    return log_prob_of_pixels(image, logits.reshape(height, width, colours, outputs))


@pytest.mark.parametrize("spec", [
    GREY, DataSpec((4, 5, 3), "discrete", 4), DataSpec((4, 5, 1), "binary", condition=CLASS),
    DataSpec((4, 5, 1), "discrete", 3, VECTOR), DataSpec((4, 5, 3), "discrete", 3, IMAGE),
    DataSpec((4, 5, 1), "binary", condition=DataSpec((4, 5, 2), "binary")),
])
def test_density(spec):
    settings = {"channels": 2 * spec.shape[2], "layers": 3, "first_size": 3, "skip_channels": 3 * spec.shape[2]}
    model = build("gated_pixel_cnn", spec, settings)
    x = np.random.default_rng(3).integers(0, spec.levels or 2, (2, *spec.shape))
    condition = conditions(spec, 2)
    expected = [log_prob(model, image, None if condition is None else condition[i]) for i, image in enumerate(x)]
    np.testing.assert_allclose(model.score_samples(x, condition), expected, rtol=1e-10)
