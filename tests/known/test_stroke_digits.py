"""Stroke digits: the sum over all drawings, enumeration of every possible image, and what their noise is."""

import numpy as np
import pytest

from known.laws import all_strings, entropy, fit_p_value
from minigen import known
from minigen.known.stroke_digits import StrokeDigits

SOURCE = known.create("stroke_digits")


def summed_over_drawings(source, x):
    """log Σ_z p(z) p(x | z) with nothing but the pixels' probabilities."""
    x = x.reshape(len(x), 1, -1)
    p = np.where(x == 1, source.means, 1 - source.means).prod(axis=2)
    with np.errstate(divide="ignore"):
        return np.log(p.mean(axis=1))


def test_likelihood_is_the_sum_over_drawings():
    x = SOURCE.sample(50, 1)
    x[25:30, 8, 8] ^= 1  # some of these cannot be any more
    x[30] = RANDOM_IMAGE
    expected = summed_over_drawings(SOURCE, x)
    np.testing.assert_allclose(SOURCE.log_prob(x), expected, rtol=1e-10)
    assert np.isfinite(expected[:25]).all() and expected[30] == -np.inf


RANDOM_IMAGE = np.random.default_rng(0).integers(0, 2, (16, 16, 1))


def test_every_image_of_a_small_source():
    source = StrokeDigits(size=10, slants=(0.0, 0.5), thicknesses=(1.3,), shifts=(0.0,), blur=0.12)
    images, surely = [], []
    for mean in source.means:
        rim = np.flatnonzero((mean > 0) & (mean < 1))
        assert len(rim) <= 12
        x = np.tile((mean == 1).astype(np.uint8), (2 ** len(rim), 1))
        x[:, rim] = all_strings(2, len(rim))
        images.append(x)
        surely.append(len(rim))
    assert sum(surely) > 20
    x = np.concatenate(images)
    assert len(np.unique(x, axis=0)) == len(x)  # no image twice
    p = np.exp(source.log_prob(x.reshape(-1, 10, 10, 1)))
    assert abs(p.sum() - 1) < 1e-12
    assert abs(source.entropy() - entropy(p)) < 1e-10
    code = {image.tobytes(): i for i, image in enumerate(x)}
    samples = [code[image.tobytes()] for image in source.sample(20_000, 2).reshape(20_000, -1)]
    assert fit_p_value(np.bincount(samples, minlength=len(x)), p) > 1e-4


def test_drawings_are_recovered_and_all_alike_in_number():
    x, labels = SOURCE.sample_labelled(20_000, 3)
    z = SOURCE.decode(x)
    np.testing.assert_array_equal(SOURCE.latents[z, 0], labels)
    np.testing.assert_array_equal(SOURCE.label_log_prob(x[:500])[np.arange(500), labels[:500]], 0)
    count = len(SOURCE.latents)
    assert count == 540 and fit_p_value(np.bincount(z, minlength=count), np.full(count, 1 / count)) > 1e-4
    # Pixels have the means of their drawing.
    surprise = (x.reshape(len(x), -1) - SOURCE.means[z]).sum(axis=0)
    spread = np.sqrt((SOURCE.means[z] * (1 - SOURCE.means[z])).sum(axis=0))
    assert (np.abs(surprise) <= 5 * spread).all()
    assert (SOURCE.decode(1 - x[:10]) == -1).all() and SOURCE.decode(x[:0]).shape == (0,)


def test_strokes_stay_in_the_image_and_cover_what_they_should():
    images = SOURCE.means.reshape(-1, 16, 16)
    ink, thickness = images.sum(axis=(1, 2)), SOURCE.latents[:, 4]
    assert ink.min() > 12 and ink.max() < 100
    assert (ink[thickness == 2.7] > 1.4 * ink[thickness == 1.5]).all()
    # Moved by a pixel is the same image a pixel on.
    index = {tuple(latent): i for i, latent in enumerate(SOURCE.latents.tolist())}
    for digit in range(10):
        still = images[index[digit, 0.15, 0.0, 0.0, 1.5]]
        moved = images[index[digit, 0.15, 1.0, -1.0, 1.5]]
        np.testing.assert_allclose(moved[:-1, 1:], still[1:, :-1], atol=1e-9)


def test_settings_that_leave_the_entropy_unknown_are_refused():
    for wrong in ({"blur": 1.5}, {"slants": (0.1, 0.11)}, {"shifts": (0.0, 0.0)}):
        with pytest.raises(ValueError, match="two drawings can give one image"):
            StrokeDigits(**wrong)
