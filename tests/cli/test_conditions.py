"""Conditions and sampling options on the command line, for a run that Python trained on vectors."""

import numpy as np
import pytest

from minigen import DataSpec, models, training
from minigen.cli import main
from minigen.data import Batch
from minigen.training import loop

SPEC = DataSpec((2,), "continuous", condition=DataSpec((2,), "continuous"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run of a VAE that has learned x = c + noise."""
    folder, rng = tmp_path_factory.mktemp("conditions"), np.random.default_rng(0)
    condition = rng.normal(size=(2000, 2))
    x = condition + 0.1 * rng.normal(size=(2000, 2))
    model = models.create("vae", SPEC, rng=0, hidden=(32,), latent_dim=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "write_pictures", lambda *args: None)
        training.fit(model, Batch(x.astype("float32"), condition.astype("float32")), folder / "run", epochs=40,
                     learning_rate=3e-3, weight_decay=0.0)
    np.save(folder / "one.npy", np.array([2.0, -1.0]))
    np.save(folder / "three.npy", np.array([[0.0, 0.0], [1.0, 1.0], [-1.0, 2.0]]))
    np.save(folder / "wrong.npy", np.zeros((3, 5)))
    return folder


def sample(folder, *words):
    assert main(["sample", str(folder / "run"), "--out", str(folder / "x.npy"), *map(str, words)]) == 0
    return np.load(folder / "x.npy")


def test_samples_follow_the_condition_in_a_file(folder):
    x = sample(folder, "--condition", folder / "one.npy", "-n", 400)
    assert x.shape == (400, 2) and np.all(np.abs(x.mean(axis=0) - [2.0, -1.0]) < 0.25)
    three = sample(folder, "--condition", folder / "three.npy")
    assert three.shape == (3, 2) and np.abs(three - np.load(folder / "three.npy")).max() < 1.0


def test_a_temperature_makes_samples_narrower(folder):
    hot, cold = (sample(folder, "--condition", folder / "one.npy", "-n", 400, "--set", f"temperature={t}")
                 for t in (1.0, 0.05))
    assert np.all(cold.std(axis=0) < 0.7 * hot.std(axis=0))


@pytest.mark.parametrize("words, said", [
    ((), "--condition: expected an .npy file with conditions of shape (2,), got nothing"),
    (("--condition", "wrong.npy"), "--condition: expected an array of shape (2,)"),
    (("--condition", "three.npy", "-n", "4"), "expected an array of shape (2,) or (4, 2), got (3, 2)"),
    (("--condition", "one.npy", "--set", "temperatur=1"), "unknown option 'temperatur' of the sampler; did you mean"),
    (("--condition", "one.npy", "--set", "temperature=0"), "temperature: expected a number above 0"),
    (("--condition", "one.npy", "--set", "temperature"), "--set: expected key=value"),
    (("--condition", "none.npy"), "none.npy"),
])
def test_mistakes(folder, words, said, capsys, monkeypatch):
    monkeypatch.chdir(folder)
    assert main(["sample", "run", "--out", "y.npy", *words]) == 2
    captured = capsys.readouterr()
    assert said in captured.err and captured.err.count("\n") == 1 and not (folder / "y.npy").exists()
