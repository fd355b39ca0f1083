"""The loop on models whose optimum is known, and its promises about interruption, resumption and failure."""

import json
import math
import signal

import numpy as np
import pytest

import minigen
from minigen import models
from minigen.data import Dataset
from minigen.training import (
    CheckpointError,
    Interrupted,
    Run,
    RunError,
    TrainingDiverged,
    fit,
    loop,
    read_checkpoint,
    write_checkpoint,
    write_pictures,
)
from minigen.training.state import State
from training.toys import Toy, ToyConfig, full_disk, toy_data

SMALL = {"epochs": 4, "batch_size": 16, "learning_rate": 0.01, "ema": None}


def vae_data(seed=0):
    rng = np.random.default_rng(seed)
    parts = [(rng.random((n, 4, 4, 1)) < 0.3).astype(np.uint8) for n in (70, 20, 20)]
    return Dataset("patches", minigen.DataSpec((4, 4, 1), "binary"), *parts)


DATA = vae_data()


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Pictures take longer than these trainings, and one test looks at them."""
    monkeypatch.setattr(loop, "write_pictures", lambda *args: None)


def small_vae(seed=0, **config):
    return models.create("vae", DATA.spec, rng=seed, **{"hidden": (8,), "latent_dim": 2, **config})


def stop_at(monkeypatch, step, number=signal.SIGINT):
    """Send this process a signal in the middle of update `step`."""
    update = State.update

    def with_signal(self, batch):
        if self.steps == step - 1:
            signal.raise_signal(number)
        return update(self, batch)

    monkeypatch.setattr(State, "update", with_signal)


def files(path):
    """The bytes of what must not depend on interruptions."""
    names = ["metrics.jsonl", "config.json", "checkpoints/best.npz", f"checkpoints/{Run.open(path).latest_path().name}"]
    return {name: (path / name).read_bytes() for name in names}


def test_the_toy_reaches_its_optimum():
    data = toy_data(400)
    model = Toy(data.spec, dtype=np.float64)
    fitted = fit(model, data, epochs=60, batch_size=400, learning_rate=0.3, schedule="cosine")
    mean = data.train.mean(axis=0)
    entropy = -(mean * np.log(mean) + (1 - mean) * np.log1p(-mean)).sum()
    np.testing.assert_allclose(fitted.metrics[-1]["train"]["loss"], entropy, rtol=1e-3)
    last = fitted.metrics[-1]
    assert last["epoch"] == last["step"] == 60 and last["learning_rate"] < 1e-3
    assert fitted.best["value"] == max(row["validation"]["log_prob"] for row in fitted.metrics)
    held_out = minigen.evaluation.evaluate(model, data, "validation")["log_prob"]["value"]
    assert math.isclose(held_out, fitted.best["value"], rel_tol=1e-12)  # the model has its best parameters


def test_arrays_are_split():
    x = toy_data(100).train
    model = Toy(minigen.DataSpec((4,), "binary"))
    assert "validation" in fit(model, x, epochs=1).metrics[0]
    with pytest.raises(ValueError, match="examples of shape"):
        fit(model, x[:, :3])
    with pytest.raises(ValueError, match="the model is for"):
        fit(model, DATA)


def test_early_stopping_keeps_the_best():
    data = toy_data(200)
    mean = data.train.mean(axis=0)
    model = Toy(data.spec, ToyConfig(noise=50.0), np.float64)
    model.logits.assign(np.log(mean / (1 - mean)))
    fitted = fit(model, data, epochs=50, batch_size=50, optimizer="sgd", learning_rate=0.05, patience=3)
    scores = [row["validation"]["log_prob"] for row in fitted.metrics]
    best = int(np.argmax(scores))
    assert len(scores) == best + 1 + 3 < 50 and fitted.best == {"epoch": best + 1, "value": scores[best]}


def test_a_run_folder_holds_what_it_should(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "write_pictures", write_pictures)
    fitted = fit(small_vae(), DATA, tmp_path / "run", **SMALL)
    pictures = {"curves.png", "samples.png", "reconstructions.png", "traversal.png"}
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.json", "metrics.jsonl", "checkpoints", *pictures}
    assert all((tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG") for name in pictures)
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert rows == fitted.metrics and [row["epoch"] for row in rows] == [1, 2, 3, 4]
    assert {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()} == {"best.npz", "step-00000020.npz"}
    best, latest = minigen.load(tmp_path / "run"), minigen.training.load(tmp_path / "run", "latest")
    x = DATA.test
    assert best.config == latest.config == small_vae().config and best.spec == DATA.spec
    np.testing.assert_array_equal(fitted.model.elbo(x, 0).data, best.elbo(x, 0).data)
    arrays, header = read_checkpoint(Run.open(tmp_path / "run").latest_path())
    np.testing.assert_array_equal(latest.state_dict()["encoder.layers.0.weight"],
                                  arrays["model/encoder.layers.0.weight"])
    assert header["step"] == 20 and header["config"]["train"]["epochs"] == 4


@pytest.mark.parametrize("step", [1, 7, 10, 20])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_resumes_bit_for_bit(tmp_path, monkeypatch, step, number):
    before = signal.getsignal(number)
    settings = {**SMALL, "ema": 0.9, "clip_norm": 1.0, "schedule": "cosine", "warmup": 3}
    fit(small_vae(), DATA, tmp_path / "whole", **settings)
    with monkeypatch.context() as patch:
        stop_at(patch, step, number)
        with pytest.raises(Interrupted) as caught:
            fit(small_vae(), DATA, tmp_path / "parts", **settings)
    assert caught.value.step == step and caught.value.run == tmp_path / "parts"
    assert signal.getsignal(number) == before
    fit(small_vae(seed=9), DATA, tmp_path / "parts", resume=True, **settings)
    assert files(tmp_path / "whole") == files(tmp_path / "parts")


def test_every_step_may_be_the_last_before_a_resumption(tmp_path, monkeypatch):
    fit(small_vae(), DATA, tmp_path / "whole", **SMALL, accumulate=2)
    for step in range(1, 13):
        with monkeypatch.context() as patch:
            stop_at(patch, step)
            with pytest.raises(Interrupted):
                fit(small_vae(), DATA, tmp_path / "parts", resume=step > 1, **SMALL, accumulate=2)
    fit(small_vae(), DATA, tmp_path / "parts", resume=True, **SMALL, accumulate=2)
    assert files(tmp_path / "whole") == files(tmp_path / "parts")


def test_more_epochs_are_as_many_at_once(tmp_path):
    fit(small_vae(), DATA, tmp_path / "whole", **SMALL)
    fit(small_vae(), DATA, tmp_path / "parts", **{**SMALL, "epochs": 2})
    fit(small_vae(), DATA, tmp_path / "parts", resume=True, **SMALL)
    whole, parts = files(tmp_path / "whole"), files(tmp_path / "parts")
    assert whole["metrics.jsonl"] == parts["metrics.jsonl"] and whole["config.json"] == parts["config.json"]
    arrays = [read_checkpoint(Run.open(tmp_path / name).latest_path())[0] for name in ("whole", "parts")]
    assert all(arrays[0][name].tobytes() == arrays[1][name].tobytes() for name in arrays[0])


def test_a_finished_run_resumes_to_itself(tmp_path):
    fit(small_vae(), DATA, tmp_path / "run", **SMALL)
    before = files(tmp_path / "run")
    fitted = fit(small_vae(), DATA, tmp_path / "run", resume=True, **SMALL)
    assert files(tmp_path / "run") == before and len(fitted.metrics) == 4


@pytest.mark.parametrize(
    "model, settings, data, name",
    [
        ({"hidden": (9,)}, {}, DATA, "hidden"),
        ({"latent_dim": 3}, {}, DATA, "latent_dim"),
        ({}, {"learning_rate": 0.02}, DATA, "learning_rate"),
        ({}, {"seed": 1}, DATA, "seed"),
        ({}, {"ema": 0.5}, DATA, "ema"),
        ({}, {"dtype": "float64"}, DATA, "dtype"),
        ({}, {"batch_size": 8}, DATA, "batch_size"),
        ({}, {}, vae_data(1), "changed data"),
    ],
)
def test_a_changed_setting_is_named(tmp_path, model, settings, data, name):
    fit(small_vae(), DATA, tmp_path / "run", **{**SMALL, "epochs": 1})
    before = files(tmp_path / "run")
    with pytest.raises(RunError, match=f"cannot resume with .*{name}"):
        fit(small_vae(**model), data, tmp_path / "run", resume=True, **{**SMALL, **settings})
    assert files(tmp_path / "run") == before


def test_folders_that_cannot_be_used(tmp_path):
    fit(small_vae(), DATA, tmp_path / "run", **{**SMALL, "epochs": 1})
    (tmp_path / "file").write_text("x")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thing").write_text("x")
    for path, words in [("run", "another run"), ("file", "not a folder"), ("full", "not empty"),
                        ("file/below", "cannot make the run folder")]:
        with pytest.raises(RunError, match=words):
            fit(small_vae(), DATA, tmp_path / path, **SMALL)
    for path, words in [("rum", "does not exist; did you mean 'run'"), ("file", "is not a folder"),
                        ("full", "no config.json")]:
        for attempt in (lambda p: fit(small_vae(), DATA, p, resume=True), minigen.load):
            with pytest.raises(RunError, match=words):
                attempt(tmp_path / path)
    (tmp_path / "empty").mkdir()
    fit(small_vae(), DATA, tmp_path / "empty", **{**SMALL, "epochs": 1})
    with pytest.raises(RunError, match="registry"):
        fit(Toy(toy_data().spec), toy_data(), tmp_path / "toy")
    with pytest.raises(ValueError, match="resume"):
        fit(small_vae(), DATA, resume=True)


def test_divergence_names_its_cause_and_keeps_a_good_checkpoint(tmp_path):
    with pytest.raises(TrainingDiverged, match=r"in step \d+ .*op \w+ (made|was given)|is not finite"):
        fit(small_vae(), DATA, tmp_path / "run", **{**SMALL, "optimizer": "sgd", "learning_rate": 1e30})
    model = minigen.load(tmp_path / "run")
    assert all(np.isfinite(array).all() for array in model.state_dict().values())


def test_parameters_that_are_not_finite_are_refused_at_once(tmp_path):
    model = small_vae()
    model.decoder.layers[0].bias.assign(np.full(8, np.nan, np.float32))
    with pytest.raises(TrainingDiverged, match=r"decoder\.layers\.0\.bias"):
        fit(model, DATA, tmp_path / "run", **SMALL)
    assert not (tmp_path / "run").exists()


def test_a_full_disk_stops_the_run_and_keeps_the_last_checkpoint(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        full_disk(patch, checkpoints=4)
        with pytest.raises(RunError, match="No space left on device; the last good checkpoint is .*step-"):
            fit(small_vae(), DATA, tmp_path / "run", **SMALL, checkpoint_every=3)
    fit(small_vae(), DATA, tmp_path / "whole", **SMALL, checkpoint_every=3)
    fit(small_vae(), DATA, tmp_path / "run", resume=True, **SMALL, checkpoint_every=3)
    assert files(tmp_path / "whole") == files(tmp_path / "run")


def test_checkpoints_come_as_often_as_asked(tmp_path, monkeypatch):
    steps = []
    write = Run.write
    monkeypatch.setattr(Run, "write", lambda self, a, h: (steps.append(h["step"]), write(self, a, h)))
    fit(small_vae(), DATA, tmp_path / "run", **SMALL, checkpoint_every=3)
    assert steps == [3, 6, 9, 12, 15, 18, 20]  # 5 steps an epoch


def test_two_processes_cannot_train_in_one_folder(tmp_path):
    fit(small_vae(), DATA, tmp_path / "run", **{**SMALL, "epochs": 1})
    with open(tmp_path / "run" / "metrics.jsonl", "r+b") as file:
        fcntl = pytest.importorskip("fcntl")
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(RunError, match="another process"):
            fit(small_vae(), DATA, tmp_path / "run", resume=True, **SMALL)


def test_averages_are_what_is_loaded(tmp_path):
    fit(small_vae(), DATA, tmp_path / "run", **{**SMALL, "ema": 0.99})
    arrays, _ = read_checkpoint(Run.open(tmp_path / "run").latest_path())
    name = "decoder.layers.0.weight"
    latest = minigen.training.load(tmp_path / "run", "latest").state_dict()[name]
    np.testing.assert_array_equal(latest, arrays[f"average/{name}"])
    assert np.abs(latest - arrays[f"model/{name}"]).max() > 0
    with pytest.raises(ValueError, match="expected best or latest"):
        minigen.training.load(tmp_path / "run", "newest")


HEADERS = {
    "step": [None, -1, 2.5, True, "7", 10**30, 19], "epoch": [None, -1, 3, []], "stale": ["x", -2],
    "best": [[], {"epoch": 1}, {"epoch": 1, "value": "x"}, {"epoch": -1, "value": 1.0}, 7],
    "last_score": ["x", []], "metrics_bytes": [-1, 10**20, None], "rng": [None, {}, {"seed": 1}],
    "loader": [None, {}, {"epoch": 0}, {"epoch": 4, "position": 3, "generator": {}}], "config": [None, {}, [], "x"],
}


@pytest.mark.parametrize("key", HEADERS)
def test_wrong_headers_are_checkpoint_errors(tmp_path, key):
    fit(small_vae(), DATA, tmp_path / "run", **SMALL)
    path = Run.open(tmp_path / "run").latest_path()
    arrays, header = read_checkpoint(path)
    for value in [*HEADERS[key], "missing"]:
        changed = {**header, key: value}
        if value == "missing":
            del changed[key]
        write_checkpoint(path, arrays, changed)
        with pytest.raises((CheckpointError, RunError)):
            fit(small_vae(), DATA, tmp_path / "run", resume=True, **SMALL)
            pytest.fail(f"{key} = {value!r}")


@pytest.mark.parametrize("ema", [None, 0.9])
def test_wrong_arrays_are_checkpoint_errors(tmp_path, ema):
    settings = {**SMALL, "ema": ema}
    fit(small_vae(), DATA, tmp_path / "run", **settings)
    run = Run.open(tmp_path / "run")
    arrays, header = read_checkpoint(run.latest_path())
    for name, array in arrays.items():
        for other in (None, array.astype(bool), np.zeros((*array.shape, 2), array.dtype)):
            changed = {key: value for key, value in arrays.items() if key != name}
            if other is not None:
                changed[name] = other
            write_checkpoint(run.latest_path(), changed, header)
            with pytest.raises(CheckpointError):
                fit(small_vae(), DATA, run.path, resume=True, **settings)
                pytest.fail(f"{name} {other!r}")
    write_checkpoint(run.latest_path(), {**arrays, "stranger/x": np.zeros(1)}, header)
    with pytest.raises(CheckpointError):
        fit(small_vae(), DATA, run.path, resume=True, **settings)


def test_a_checkpoint_of_another_run_is_refused(tmp_path):
    fit(small_vae(), DATA, tmp_path / "a", **SMALL)
    fit(small_vae(latent_dim=3), DATA, tmp_path / "b", **SMALL)
    (tmp_path / "a" / "checkpoints" / "best.npz").replace(tmp_path / "b" / "checkpoints" / "best.npz")
    with pytest.raises(CheckpointError, match="another run"):
        minigen.load(tmp_path / "b")


@pytest.mark.parametrize("text", [
    "", "null", "[]", "{}", "{", "\0", '{"model": NaN}', "[" * 5000,
    '{"minigen": "1", "model": "vae", "spec": {}, "model_config": {}, "data": {}, "train": {}}',
    '{"minigen": "1", "model": "os.system", "spec": {"shape": [2], "kind": "binary", "levels": null, '
    '"condition": null}, "model_config": {}, "data": {}, "train": {}}',
])
def test_wrong_configurations_are_refused(tmp_path, text):
    fit(small_vae(), DATA, tmp_path / "run", **{**SMALL, "epochs": 1})
    (tmp_path / "run" / "config.json").write_text(text)
    for attempt in (minigen.load, lambda path: fit(small_vae(), DATA, path, resume=True, **SMALL)):
        with pytest.raises((RunError, CheckpointError)):
            attempt(tmp_path / "run")
