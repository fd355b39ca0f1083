"""Receptive fields by gradients against those that the kernels' offsets reach."""

import numpy as np
import pytest

from minigen import DataSpec, models, plotting
from minigen.evaluation import receptive_field

SPEC = DataSpec((9, 9, 1), "binary")


def reached(row, column, layers):
    """The places that a stack of kernels leads back to."""
    places = {(row, column)}
    for taps in layers:
        places = {(r + dr, c + dc) for r, c in places for dr, dc in taps}
    return {(r, c) for r, c in places if 0 <= r < 9 and 0 <= c < 9}


def test_pixel_cnn_has_a_blind_spot():
    model = models.create("pixel_cnn", SPEC, rng=0, channels=8, blocks=2, first_size=3)
    before = [(-1, -1), (-1, 0), (-1, 1), (0, -1)]
    field = receptive_field(model, 5, 3)
    assert field.shape == (9, 9, 1)
    expected = reached(5, 3, [[*before, (0, 0)]] * 2 + [before])
    assert set(zip(*np.nonzero(field[..., 0]), strict=True)) == expected
    assert (4, 5) not in expected and (2, 3) in expected


def test_gated_pixel_cnn_has_none():
    model = models.create("gated_pixel_cnn", SPEC, rng=0, channels=8, layers=8, first_size=3, skip_channels=8)
    field = receptive_field(model, 5, 3)[..., 0] > 0
    np.testing.assert_array_equal(field.reshape(-1), np.arange(81) < 5 * 9 + 3)


def test_mistakes():
    model = models.create("pixel_cnn", SPEC, rng=0, channels=4, blocks=1, first_size=3)
    with pytest.raises(ValueError, match="row below 9"):
        receptive_field(model, 9, 0)
    with pytest.raises(ValueError, match="one network on images"):
        receptive_field(models.create("nade", DataSpec((9,), "binary"), hidden=3), 0, 0)
    with pytest.raises(ValueError, match="after the pixel at"):
        plotting.receptive_field_picture(np.ones((3, 3)), 1, 1)


def test_picture_shows_what_is_seen_and_what_is_not(tmp_path):
    strength = np.zeros((4, 5))
    strength[0, 1:3], strength[1, 1] = (1.0, 10.0), 100.0
    figure = plotting.receptive_field_picture(strength, 1, 2, tmp_path / "field.png", title="A field")
    assert (tmp_path / "field.png").stat().st_size > 1000
    texts = [text.get_text() for text in figure.legends[0].get_texts()]
    assert texts == ["the pixel", "seen (3 pixels)", "earlier, not seen (4)", "later"]
    shown = np.asarray(figure.axes[0].images[0].get_array())
    assert (shown[0, 2] < shown[0, 1]).all() and (shown[1, 1] < shown[0, 2]).all()  # darker where stronger
    np.testing.assert_allclose(shown[0, 0], shown[1, 0])
