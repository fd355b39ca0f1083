"""The multi-scale PixelCNN against its formula: the smallest image's density and that of each group of pixels."""

import numpy as np
import pytest

from minigen import DataSpec
from minigen.autograd import raw
from models.autoregressive.autoregressive_toys import build, conditionals, convolve, log_prob_of_mixture, relu, sigmoid

SQUARE = [(r, c) for r in (-1, 0, 1) for c in (-1, 0, 1)]
GROUPS = ((0, 1), (1, 0), (1, 1))


def group_parameters(network, x):
    """3×3, then residual blocks of 1×1, 3×3 and 1×1 after a ReLU each, then 1×1."""
    h = convolve(x, network.first, SQUARE)
    for narrow, middle, widen in network.blocks:
        hidden = convolve(relu(h), narrow, [(0, 0)])
        h = h + convolve(relu(convolve(relu(hidden), middle, SQUARE)), widen, [(0, 0)])
    return convolve(relu(h), network.last, [(0, 0)])


@pytest.mark.parametrize("spec", [DataSpec((12, 12, 1), "binary"), DataSpec((12, 16, 1), "discrete", 5),
                                  DataSpec((12, 12, 3), "discrete", 4)])
def test_density(spec):
    colours, levels = spec.shape[2], spec.levels or 2
    settings = {"channels": 2 * colours, "layers": 2, "scales": 3, "group_channels": 4, "blocks": 2, "components": 2}
    model = build("multiscale_pixel_cnn", spec, settings, spread=0.1)
    x = np.random.default_rng(3).integers(0, levels, (2, *spec.shape))
    expected = []
    for image in x:
        total = model.base.score_samples(image[None, ::4, ::4])[0]  # a gated PixelCNN
        for step, networks in zip((2, 1), model.groups, strict=True):
            whole = image[::step, ::step]
            before = [whole[::2, ::2]]
            for network, (row, column) in zip(networks, GROUPS, strict=True):
                scaled = 2 * np.concatenate(before, axis=-1) / (levels - 1) - 1
                p = group_parameters(network, scaled)
                pixels = whole[row::2, column::2]
                if levels == 2 and colours == 1:
                    total += np.log(sigmoid((2.0 * pixels - 1) * p)).sum()
                else:
                    total += sum(log_prob_of_mixture(pixels[r, c], p[r, c], 2, levels)
                                 for r in range(p.shape[0]) for c in range(p.shape[1]))
                before.append(pixels)
        expected.append(total)
    np.testing.assert_allclose(model.score_samples(x), expected, rtol=1e-9)


def test_groups_see_smaller_scales_and_earlier_groups():
    spec = DataSpec((6, 6, 1), "binary")
    model = build("multiscale_pixel_cnn", spec,
                  {"channels": 6, "layers": 4, "scales": 2, "group_channels": 6, "blocks": 2})
    ranks, depends, random = model.ranks(), np.zeros((36, 36), bool), np.random.default_rng(0)
    for _ in range(4):
        x = random.integers(0, 2, 36)
        changed = np.tile(x, (37, 1))
        np.fill_diagonal(changed, 1 - x)
        logits = np.zeros((37, 6, 6, 1))
        groups = conditionals(model, changed.reshape(-1, 6, 6, 1), None)
        for parameters, (row, column) in zip(groups, ((0, 0), *GROUPS), strict=True):
            logits[:, row::2, column::2] = parameters.reshape(37, 3, 3, 1)
        logits = logits.reshape(37, 36)
        depends |= (np.abs(logits[:-1] - logits[-1]) > 1e-11).T
    np.testing.assert_array_equal(depends, ranks[None, :] < ranks[:, None])


def test_pixels_of_a_group_are_drawn_from_their_conditionals():
    """Frequencies of the second group's first pixel given the smallest image, against its logit."""
    model = build("multiscale_pixel_cnn", DataSpec((6, 6, 1), "binary"),
                  {"channels": 4, "layers": 1, "scales": 2, "group_channels": 4, "blocks": 1}, spread=0.5)
    values = np.random.default_rng(1).integers(0, 2, (6, 6, 1))
    observed = np.zeros((6, 6, 1), bool)
    observed[::2, ::2] = True
    n = 20_000
    x = model.sample(n, 3, given=(values, observed))
    p = sigmoid(raw(conditionals(model, x[:1], None)[1])[0, 0, 0, 0, 0])
    assert abs(x[:, 0, 1, 0].mean() - p) < 4.5 * np.sqrt(p * (1 - p) / n)
