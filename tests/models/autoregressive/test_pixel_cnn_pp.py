"""PixelCNN++ against its formula, written out a position at a time; its loss has dropout."""

import numpy as np
import pytest

from minigen import DataSpec
from minigen.autograd import raw
from models.autoregressive.autoregressive_toys import (
    CLASS,
    IMAGE,
    VECTOR,
    build,
    conditions,
    convolve,
    features_at_pixels,
    log_prob_of_mixture,
    loss_of,
    sigmoid,
)

ABOVE = [(r, c) for r in (-1, 0) for c in (-1, 0, 1)]
BEFORE = [(r, c) for r in (-1, 0) for c in (-1, 0)]


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def both_signs(x):
    return np.concatenate([elu(x), elu(-x)], axis=-1)


def enlarge(x, layer, taps, extents):
    """Input p adds x[p] @ w_t to output 2p + tap_t."""
    out = np.zeros((*extents, layer.weight.shape[2]))
    for row in range(x.shape[0]):
        for column in range(x.shape[1]):
            for t, (down, right) in enumerate(taps):
                r, c = 2 * row + down, 2 * column + right
                if 0 <= r < extents[0] and 0 <= c < extents[1]:
                    out[r, c] += x[row, column] @ raw(layer.weight)[t]
    return out + raw(layer.bias)


def block(x, layer, taps, aside=None, context=None):
    hidden = convolve(both_signs(x), layer.first, taps)
    if aside is not None:
        hidden = hidden + both_signs(aside) @ raw(layer.aside.weight)[0]
    hidden = convolve(both_signs(hidden), layer.second, taps)
    if context is not None:
        hidden = hidden + context @ raw(layer.context.weight)
    a, b = np.split(hidden, 2, axis=-1)
    return x + a * sigmoid(b)


def parameters(model, image, condition=None):
    """Two scales with one block each: down, down a scale, up (with short cuts), up a scale, up."""
    levels = model.spec.levels or 2
    context = [None, None]
    if condition is not None:
        features = features_at_pixels(model, condition, model.spec.shape[:2])
        context = [features, features[::2, ::2]]
    x = 2 * image / (levels - 1) - 1
    x = np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)
    above = convolve(x, model.first_above, [(r, c) for r in (-2, -1) for c in (-1, 0, 1)])
    before = convolve(x, model.first_row, [(-1, c) for c in (-1, 0, 1)]) + convolve(
        x, model.first_left, [(-1, -1), (0, -1)])
    kept = [(above, before)]
    for scale in (0, 1):
        if scale:
            above = convolve(above, model.halve[0][0], ABOVE, stride=2)
            before = convolve(before, model.halve[0][1], BEFORE, stride=2)
            kept.append((above, before))
        ((first, second),) = model.down[scale]
        above = block(above, first, ABOVE, None, context[scale])
        before = block(before, second, BEFORE, above, context[scale])
        kept.append((above, before))
    above, before = kept.pop()
    for scale in (1, 0):
        if scale == 0:
            above = enlarge(above, model.double[0][0], [(r, c) for r in (0, 1) for c in (-1, 0, 1)], image.shape[:2])
            before = enlarge(before, model.double[0][1], [(r, c) for r in (0, 1) for c in (0, 1)], image.shape[:2])
        for first, second in model.up[1 - scale]:
            aside_above, aside_before = kept.pop()
            above = block(above, first, ABOVE, aside_above, context[scale])
            before = block(before, second, BEFORE, np.concatenate([above, aside_before], -1), context[scale])
    assert not kept
    return convolve(elu(before), model.head, [(0, 0)])


@pytest.mark.parametrize("spec", [
    DataSpec((4, 5, 1), "discrete", 6), DataSpec((5, 4, 3), "discrete", 4), DataSpec((4, 4, 1), "binary"),
    DataSpec((4, 5, 1), "discrete", 3, CLASS), DataSpec((4, 5, 1), "discrete", 3, VECTOR),
    DataSpec((5, 6, 1), "discrete", 3, IMAGE),
])
def test_density(spec):
    model = build("pixel_cnn_pp", spec, {"channels": 3, "blocks": 1, "scales": 2, "components": 2}, spread=0.1)
    x = np.random.default_rng(3).integers(0, spec.levels or 2, (2, *spec.shape))
    condition, expected = conditions(spec, 2), []
    for i, image in enumerate(x):
        p = parameters(model, image, None if condition is None else condition[i])
        expected.append(sum(log_prob_of_mixture(image[r, c], p[r, c], 2, spec.levels or 2)
                            for r in range(image.shape[0]) for c in range(image.shape[1])))
    np.testing.assert_allclose(model.score_samples(x, condition), expected, rtol=1e-9)


def test_the_loss_has_dropout_and_the_density_has_none():
    spec, settings = DataSpec((4, 4, 1), "discrete", 4), {"channels": 4, "blocks": 1, "scales": 2}
    x = np.random.default_rng(0).integers(0, 4, (3, 4, 4, 1))
    for dropout in (0.0, 0.5):
        model = build("pixel_cnn_pp", spec, {**settings, "dropout": dropout})
        plain = -model.score_samples(x).mean()
        losses = [float(raw(loss_of(model, x, seed=seed))) for seed in range(3)]
        if dropout:
            assert len(set(losses)) == 3 and plain not in losses
        else:
            np.testing.assert_allclose(losses, plain, rtol=1e-12)
