"""Completing examples: which part is kept, that it is, and the picture."""

import numpy as np
import pytest

from minigen import DataSpec, models, plotting
from minigen.data import Batch
from minigen.training.completion import HIDDEN, complete, kept_part, picture_completions

BITS = DataSpec((64,), "binary")
IMAGE = DataSpec((8, 8, 1), "binary")
COLOURS = DataSpec((8, 8, 3), "discrete", 4)


def model(key, spec=IMAGE, **settings):
    """A small untrained model."""
    small = {
        "fvsbn": {}, "made": {"hidden": (8,)}, "nade": {"hidden": 8}, "rnade": {"hidden": 4, "components": 2},
        "pixel_cnn": {"channels": 6, "blocks": 1, "first_size": 3},
        "pixel_cnn_pp": {"channels": 4, "blocks": 1, "scales": 2, "components": 2},
        "multiscale_pixel_cnn": {"scales": 2, "channels": 6, "layers": 1, "group_channels": 4, "blocks": 1},
    }
    return models.create(key, spec, rng=0, **small[key], **settings)


class Anything(models.Model):
    """A model that conditions on any set of variables, and so has no order; what is not given is 7."""

    def sample(self, n, rng, condition=None, given=None):
        values, observed = given
        return np.where(observed, values, 7)


@pytest.mark.parametrize("keep, rows", [(0.5, 4), (0.25, 2), (0.75, 6)])
@pytest.mark.parametrize("key", ["fvsbn", "nade", "pixel_cnn"])
def test_raster_order_keeps_the_upper_rows(key, keep, rows):
    expected = np.zeros((8, 8, 1), bool)
    expected[:rows] = True
    np.testing.assert_array_equal(kept_part(model(key), keep), expected)


@pytest.mark.parametrize("key", ["fvsbn", "made", "nade"])
def test_a_random_order_keeps_what_it_draws_first(key):
    made = model(key, BITS, order="random")
    kept = kept_part(made, 0.3)
    assert set(np.flatnonzero(kept)) == set(np.asarray(made.order)[:19].tolist())  # 0.3 · 64 = 19.2
    assert not kept[:19].all()


def test_the_smallest_scale_is_kept_first():
    made, expected = model("multiscale_pixel_cnn"), np.zeros((8, 8, 1), bool)
    expected[::2, ::2] = True  # the smallest image is the pixels of even rows and columns
    np.testing.assert_array_equal(kept_part(made, 0.25), expected)
    np.testing.assert_array_equal(kept_part(made, 0.3), expected)  # groups are kept whole
    expected[::2, 1::2] = True
    np.testing.assert_array_equal(kept_part(made, 0.4), expected)
    assert kept_part(made, 0.1).sum() == 6 and kept_part(made, 0.99).sum() == 48


def test_all_colours_of_a_pixel_are_kept_where_they_are_drawn_in_one_step():
    one_step, each = model("pixel_cnn_pp", COLOURS), model("pixel_cnn", COLOURS)
    for keep in (0.001, 0.2, 0.5, 0.999):
        kept = kept_part(one_step, keep)
        assert (kept == kept[..., :1]).all() and abs(kept.mean() - keep) < 2 / 64 and 0 < kept.sum() < kept.size
    assert [kept_part(each, keep).sum() for keep in (0.001, 0.5, 0.999)] == [1, 96, 191]
    assert kept_part(each, 100 / 192).reshape(-1)[99:101].tolist() == [True, False]  # between two colours


def test_models_of_any_set_keep_the_first_variables():
    for any_set in (Anything(BITS), model("nade", BITS, orderless=True, orderings=2)):
        np.testing.assert_array_equal(kept_part(any_set, 0.5), np.arange(64) < 32)


@pytest.mark.parametrize("keep", [0, 1, -0.5, 1.5, float("nan"), float("inf")])
def test_fractions(keep):
    with pytest.raises(ValueError, match="keep: expected a fraction above 0 and below 1, got"):
        kept_part(model("fvsbn"), keep)


def test_a_single_step_has_no_part():
    with pytest.raises(ValueError, match="keep: .*one step"):
        kept_part(Anything(DataSpec((1,), "continuous")), 0.5)


@pytest.mark.parametrize("key, spec", [
    ("fvsbn", IMAGE), ("made", IMAGE), ("nade", BITS), ("rnade", DataSpec((5,), "continuous")), ("pixel_cnn", IMAGE),
    ("pixel_cnn_pp", COLOURS), ("multiscale_pixel_cnn", IMAGE),
])
def test_what_is_kept_is_kept_and_the_rest_is_drawn_anew(key, spec):
    random, levels = np.random.default_rng(0), spec.levels or 2
    x = random.integers(0, levels, (5, *spec.shape), np.uint8) if spec.kind != "continuous" else (
        random.standard_normal((5, *spec.shape)))
    observed, completed = complete(model(key, spec), x, 0.5, 1, draws=3)
    assert observed.shape == spec.shape and completed.shape == (3, *x.shape)
    np.testing.assert_array_equal(observed, kept_part(model(key, spec), 0.5))
    for drawn in completed:
        np.testing.assert_array_equal(drawn[:, observed], x[:, observed].astype(drawn.dtype))
    assert (completed[0] != completed[1]).any() and (completed[1] != completed[2]).any()
    again = complete(model(key, spec), x, 0.5, 1, draws=3)[1]
    np.testing.assert_array_equal(again, completed)


def test_what_is_missing_is_drawn_too():
    x = np.arange(12).reshape(3, 4) % 5
    observed = np.ones((3, 4), bool)
    observed[0, 0] = observed[2, 1] = observed[1, 3] = False
    kept, completed = complete(Anything(DataSpec((4,), "discrete", 8)), Batch(x, observed=observed), 0.5, 0)
    np.testing.assert_array_equal(kept, [True, True, False, False])
    np.testing.assert_array_equal(completed[0], [[7, 1, 7, 7], [4, 0, 7, 7], [3, 7, 7, 7]])


def test_models_that_cannot():
    with pytest.raises(ValueError, match="masks=1"):
        complete(model("made", BITS, masks=2), np.zeros((2, 64), np.uint8), 0.5, 0)
    vae = models.create("vae", BITS, rng=0, hidden=(4,), latent_dim=2)
    with pytest.raises(ValueError, match="cannot keep given values"):
        complete(vae, np.zeros((2, 64), np.uint8), 0.5, 0)


@pytest.mark.parametrize("spec", [BITS, IMAGE, COLOURS, DataSpec((64,), "continuous")])
def test_the_picture_has_example_kept_part_and_completions_in_a_row(spec, tmp_path, monkeypatch):
    shown = []
    draw = plotting.image_grid
    monkeypatch.setattr(plotting, "image_grid", lambda images, *args, **words: (
        shown.append((images, words["columns"])), draw(images, *args, **words)))
    top = 3 if spec.levels else 1
    x = np.random.default_rng(0).integers(0, top + 1, (2, *spec.shape))
    observed = kept_part(Anything(spec), 0.5)
    completed = np.stack([np.where(observed, x, 0), np.where(observed, x, top)])
    picture_completions(tmp_path / "c.png", x, observed, completed, spec)
    (images, columns), = shown
    assert columns == 4 and images.shape == (8, 8, 8, 3) and (tmp_path / "c.png").stat().st_size > 500
    rows = images.reshape(2, 4, 8, 8, 3)
    colours = x.reshape(2, 8, 8, -1) / top * np.ones(3)
    np.testing.assert_allclose(rows[:, 0], colours)
    np.testing.assert_allclose(rows[:, 1, :4], colours[:, :4])
    np.testing.assert_allclose(rows[:, 1, 4:], np.broadcast_to(HIDDEN, (2, 4, 8, 3)))
    np.testing.assert_allclose(rows[:, 2:, :4], np.stack([colours[:, :4]] * 2, 1))  # on the example's scale
    assert (rows[:, 2, 4:] == 0).all() and (rows[:, 3, 4:] == 1).all()


def test_what_is_no_image_has_no_picture(tmp_path):
    spec = DataSpec((5,), "binary")
    with pytest.raises(ValueError, match="are not images"):
        picture_completions(tmp_path / "c.png", np.zeros((2, 5)), np.ones(5, bool), np.zeros((1, 2, 5)), spec)
