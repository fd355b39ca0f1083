"""Pictures and sample files."""

import os

import numpy as np
import pytest

from minigen import DataSpec, models
from minigen.evaluation import draw_samples, samples
from minigen.training import image_values, report, write_samples

BINARY = DataSpec((8, 8, 1), "binary")


@pytest.mark.parametrize("spec, image", [
    (BINARY, True), (DataSpec((8, 8, 3), "continuous"), True), (DataSpec((784,), "binary"), True),
    (DataSpec((8, 8, 2), "binary"), False), (DataSpec((16,), "binary"), False), (DataSpec((65,), "binary"), False),
    (DataSpec((64, 1), "discrete", 5), False), (DataSpec((64,), ("binary",) * 64), False),
])
def test_what_is_an_image(spec, image):
    assert image_values.is_image(spec) is image


def test_values_as_grey():
    np.testing.assert_array_equal(image_values.to_images([[0, 1]], BINARY), [[0, 1]])
    np.testing.assert_allclose(image_values.to_images([[0, 8, 16]], DataSpec((3,), "discrete", 17)), [[0, 0.5, 1]])
    continuous = DataSpec((3,), "continuous")
    np.testing.assert_allclose(image_values.to_images([[-2.0, 0.0, 2.0]], continuous), [[0, 0.5, 1]])
    np.testing.assert_array_equal(image_values.to_images([[3.0, 3.0, 3.0]], continuous), [[0, 0, 0]])


def test_samples_come_in_batches(monkeypatch):
    model = models.create("vae", BINARY, rng=0, hidden=(4,), latent_dim=2)
    monkeypatch.setattr(samples, "BATCH", 10)
    x = draw_samples(model, 25, 3)
    assert x.shape == (25, 8, 8, 1) and x.dtype == np.uint8
    np.testing.assert_array_equal(x[:10], draw_samples(model, 10, 3))
    assert (x[:10] != x[10:20]).any()


def test_sample_files(tmp_path, monkeypatch):
    x = np.random.default_rng(0).integers(0, 2, (6, 8, 8, 1)).astype(np.uint8)
    for name in ("a.npz", "a.npy", "a.png"):
        write_samples(tmp_path / name, x, BINARY)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npz")["x"], x)
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), x)
    for name, spec, words in [("a.txt", BINARY, "ending in"), ("a.png", DataSpec((3,), "binary"), "not images")]:
        with pytest.raises(ValueError, match=words):
            write_samples(tmp_path / name, x, spec)
    before = (tmp_path / "a.npy").read_bytes()

    def fail(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError):
        write_samples(tmp_path / "a.npy", x, BINARY)
    assert (tmp_path / "a.npy").read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == ["a.npy", "a.npz", "a.png"]


def test_curves_of_two_objectives_show_their_losses_in_no_units():
    rows = [{"epoch": epoch, "validation": {"minus_energy_distance": -0.1}, "train": {
        "critic.loss": 1.0, "generator.loss": 2.0, "critic.gradient_norm": 3.0, "critic.gap": 4.0}} for epoch in (1, 2)]
    curves = report._curves(rows)
    assert list(curves) == ["validation/minus energy distance", "train/critic.loss", "train/generator.loss",
                            "train/critic.gap"]
    axes = report.plotting.learning_curves(curves, units=report.UNITS).axes
    assert [axis.get_ylabel() for axis in axes] == ["minus energy distance", "critic.loss", "generator.loss",
                                                    "critic.gap"]
    rows = [{"epoch": 1, "validation": {"log_prob": -1.0}, "train": {"log_prob": -2.0, "loss": 2.0, "kl": 1.0}}]
    curves = report._curves(rows)
    assert list(curves) == ["train/log prob", "validation/log prob", "train/kl"]
    axes = report.plotting.learning_curves(curves, units=report.UNITS).axes
    assert [axis.get_ylabel() for axis in axes] == ["log prob (nats)", "kl (nats)"]


@pytest.mark.parametrize("condition, words", [
    (None, "Samples"), (DataSpec((), "discrete", 10), "a class in each row, from 0 to 9"),
    (DataSpec((3,), "continuous"), "the condition of one test example"),
])
def test_the_title_says_what_a_row_is(condition, words):
    assert report._title(condition).endswith(words)


def test_curves_of_a_model_without_validation():
    rows = [{"epoch": 1, "train": {"loss": 2.0, "gradient_norm": 1.0}}, {"epoch": 2, "train": {"loss": None}}]
    curves = report._curves(rows)
    assert list(curves) == ["train/loss"]
    np.testing.assert_array_equal(curves["train/loss"], ([1, 2], [2.0, np.nan]))
