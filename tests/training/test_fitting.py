"""Runs of models that fit themselves: what they leave, and that a fit that was stopped or killed ends as if not."""

import dataclasses
import errno
import json
import signal

import numpy as np
import pytest

import minigen
from minigen import DataSpec, models
from minigen.data import Dataset
from minigen.evaluation import evaluate
from minigen.models import Takes
from minigen.models.density.gaussian import Gaussian
from minigen.training import (
    CheckpointError,
    Interrupted,
    Run,
    RunError,
    TrainingDiverged,
    clock,
    fit,
    load,
    loop,
    read_checkpoint,
    write_checkpoint,
    write_pictures,
)
from training.fit_toys import (
    DATA,
    EACH_CASE,
    SPLITS,
    WHOLE,
    Anything,
    Counts,
    CountsConfig,
    gaussian,
    labelled,
    model_of,
)
from training.toys import full_disk


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Pictures take longer than these fits, and one test looks at them."""
    monkeypatch.setattr(loop, "write_pictures", lambda *args: None)


def files(path):
    """The bytes of what must not depend on interruptions."""
    names = ["metrics.jsonl", "config.json", f"checkpoints/{Run.open(path).latest_path().name}"]
    return {name: (path / name).read_bytes() for name in names}


class Killed(BaseException):
    """The process ends without a chance to save anything."""


def end_after(monkeypatch, kind, passes, end):
    """Call `end` when a model of this class has made so many passes, before the last one is recorded."""
    fit_steps = kind.fit_steps

    def ending(self, *args):
        for number, metrics in enumerate(fit_steps(self, *args), 1):
            if number == passes:
                end()
            yield metrics

    monkeypatch.setattr(kind, "fit_steps", ending)


def kill():
    raise Killed


def stops(n):
    """Some numbers of passes out of `n`: the first ones, some in the middle, and the last."""
    return sorted({1, 2, 3, (n + 1) // 2, 2 * n // 3, n - 1, n} & set(range(1, n + 1)))


@EACH_CASE
def test_a_fit_that_is_stopped_ends_as_if_it_had_not_been(case, tmp_path, monkeypatch):
    model, data = model_of(case)
    passes = len(fit(model, data, tmp_path / "whole", seed=5).metrics) - 1
    whole = files(tmp_path / "whole")
    for number in stops(passes):
        path = tmp_path / f"stopped-{number}"
        model, _ = model_of(case)
        with monkeypatch.context() as patch:
            end_after(patch, type(model), number, lambda: signal.raise_signal(signal.SIGINT))
            with pytest.raises(Interrupted, match=f"stopped after pass {number} of the fit"):
                fit(model, data, path, seed=5)
        with pytest.raises(RunError, match="stopped before it was complete"):
            load(path)
        resumed = fit(model_of(case)[0], data, path, resume=True, seed=5)
        assert files(path) == whole and len(resumed.metrics) == passes + 1


@EACH_CASE
def test_a_fit_that_is_killed_ends_as_if_it_had_not_been(case, tmp_path, monkeypatch):
    model, data = model_of(case)
    settings = {"seed": 2, "checkpoint_every": 2}
    passes = len(fit(model, data, tmp_path / "whole", **settings).metrics) - 1
    whole = files(tmp_path / "whole")
    path = tmp_path / "killed"
    resume = False
    for number in stops(passes):  # each time it comes a little further
        model, _ = model_of(case)
        done = 0 if not resume else read_checkpoint(Run.open(path).latest_path())[1]["step"]
        if number <= done:
            continue
        with monkeypatch.context() as patch:
            end_after(patch, type(model), number - done, kill)
            with pytest.raises(Killed):
                fit(model, data, path, resume=resume, **settings)
        resume = True
        assert read_checkpoint(Run.open(path).latest_path())[1]["step"] == (number - 1) // 2 * 2
    fit(model_of(case)[0], data, path, resume=True, **settings)
    assert files(path) == whole


def test_a_fit_is_stopped_and_killed_again_and_again(tmp_path, monkeypatch):
    case = "gmm"
    model, data = model_of(case)
    fit(model, data, tmp_path / "whole")
    resume = False
    for _ in range(100):
        model, _ = model_of(case)
        with monkeypatch.context() as patch:
            end_after(patch, type(model), 1, lambda: signal.raise_signal(signal.SIGTERM))
            try:
                fit(model, data, tmp_path / "run", resume=resume)
                break
            except Interrupted:
                resume = True
    assert files(tmp_path / "run") == files(tmp_path / "whole")


def test_checkpoints_come_with_the_time_too(tmp_path, monkeypatch):
    model, data = model_of("gmm")
    now = [0.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: now[0])
    steps = []
    write = Run.write
    monkeypatch.setattr(Run, "write", lambda self, arrays, header: (
        steps.append((header["step"], header["fitted"])), write(self, arrays, header)))
    end_after(monkeypatch, type(model), 3, lambda: now.__setitem__(0, 31.0))
    rows = fit(model, data, tmp_path / "run").metrics
    assert steps == [(3, False), (len(rows), True)]


def test_a_fit_is_the_models_own():
    fitted = fit(model := gaussian(), DATA)
    alone = gaussian().fit(DATA.train, observed=DATA.observed["train"])
    np.testing.assert_array_equal(model.covariance.data, alone.covariance.data)
    *passes, last = fitted.metrics
    assert [row["log_likelihood"] for row in passes] == [row["log_likelihood"] for row in alone.history]
    assert passes[0]["rise"] is None and passes[1]["rise"] > 0 and fitted.best is fitted.run is None
    assert last == {"validation": {"log_prob": evaluate(model, DATA, "validation")["log_prob"]["value"]}}


def test_a_run_folder_holds_what_it_should(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "write_pictures", write_pictures)
    fitted = fit(gaussian(), DATA, tmp_path / "run", seed=3)
    assert {path.name for path in (tmp_path / "run").iterdir()} == {
        "config.json", "metrics.jsonl", "checkpoints", "curves.png"}
    rows = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    assert rows == fitted.metrics and len(rows) > 10
    names = [path.name for path in (tmp_path / "run" / "checkpoints").iterdir()]
    assert names == [f"step-{len(rows):08d}.npz"]
    model = minigen.load(tmp_path / "run")
    np.testing.assert_array_equal(model.log_prob(WHOLE.test), fitted.model.log_prob(WHOLE.test))
    assert model.config == gaussian().config and load(tmp_path / "run", "latest").spec == DATA.spec


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_a_fit(tmp_path, monkeypatch, number):
    before = signal.getsignal(number)
    fit(gaussian(), DATA, tmp_path / "whole")
    with monkeypatch.context() as patch:
        end_after(patch, Gaussian, 5, lambda: signal.raise_signal(number))
        with pytest.raises(Interrupted, match="stopped after pass 5") as caught:
            fit(gaussian(), DATA, tmp_path / "run")
    assert caught.value.step == 5 and caught.value.run == tmp_path / "run"
    assert signal.getsignal(number) == before
    assert len((tmp_path / "run" / "metrics.jsonl").read_text().splitlines()) == 5
    fit(gaussian(), DATA, tmp_path / "run", resume=True, threads=1)
    fit(gaussian(), DATA, tmp_path / "again", threads=1)
    assert files(tmp_path / "run") == files(tmp_path / "again")
    assert files(tmp_path / "run")["metrics.jsonl"] == files(tmp_path / "whole")["metrics.jsonl"]


def test_a_state_of_any_types_comes_back(tmp_path, monkeypatch):
    monkeypatch.setattr(models, "key_of", lambda model: "gaussian")
    with monkeypatch.context() as patch:
        end_after(patch, Anything, 1, lambda: signal.raise_signal(signal.SIGINT))
        with pytest.raises(Interrupted):
            fit(Anything(WHOLE.spec), WHOLE, tmp_path / "run")
    model = Anything(WHOLE.spec)
    fit(model, WHOLE, tmp_path / "run", resume=True)
    assert model.resumed.keys() == Anything.STATE.keys()
    for name, value in Anything.STATE.items():
        back = model.resumed[name]
        if isinstance(value, np.ndarray):
            assert back.dtype == value.dtype
            np.testing.assert_array_equal(back, value)
        elif name == "nan":
            assert back != back
        else:
            assert back == value and type(back) is type(value.item() if isinstance(value, np.generic) else value)
    monkeypatch.setattr(Anything, "STATE", {"bad": {1}})
    with pytest.raises(TypeError, match=r"fit_steps: state\['bad'\]: expected a number, .* got set"):
        with monkeypatch.context() as patch:
            end_after(patch, Anything, 1, lambda: signal.raise_signal(signal.SIGINT))
            fit(Anything(WHOLE.spec), WHOLE, tmp_path / "bad")
    assert not (tmp_path / "bad").exists()


@pytest.mark.parametrize("changes", [
    {"step": -1}, {"step": True}, {"step": "1"}, {"metrics_bytes": None}, {"fitted": 1}, {"state": 3},
    {"state": {"previous": {"float": "one"}}}, {"state": {"previous": {}}}, {"state": {"iteration": 3}},
])
def test_a_damaged_header_is_refused(changes, tmp_path, monkeypatch):
    end_after(monkeypatch, Gaussian, 3, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(Interrupted):
        fit(gaussian(), DATA, tmp_path / "run")
    path = Run.open(tmp_path / "run").latest_path()
    arrays, header = read_checkpoint(path)
    write_checkpoint(path, arrays, {**header, **changes})
    with pytest.raises(CheckpointError, match="does not fit this run"):
        fit(gaussian(), DATA, tmp_path / "run", resume=True)
    write_checkpoint(path, {**arrays, "other/a": np.zeros(1)}, header)
    with pytest.raises(CheckpointError, match="does not fit this run: 'other' is missing or unknown"):
        fit(gaussian(), DATA, tmp_path / "run", resume=True)


def test_a_finished_run_resumes_to_itself_without_fitting(tmp_path, monkeypatch):
    fitted = fit(gaussian(), DATA, tmp_path / "run")
    before = files(tmp_path / "run")
    monkeypatch.setattr(Gaussian, "fit_steps", None)
    again = fit(gaussian(), DATA, tmp_path / "run", resume=True)
    assert files(tmp_path / "run") == before and again.metrics == fitted.metrics
    np.testing.assert_array_equal(again.model.loc.data, fitted.model.loc.data)


def test_settings_and_data_must_be_the_same_on_resumption(tmp_path):
    fit(gaussian(), DATA, tmp_path / "run")
    with pytest.raises(RunError, match="floor is 1e-06 in the run and 0.1 now"):
        fit(gaussian(floor=0.1), DATA, tmp_path / "run", resume=True)
    masks = {split: mask.copy() for split, mask in DATA.observed.items()}
    masks["train"][0] = ~masks["train"][0]
    with pytest.raises(RunError, match="cannot resume with changed data"):
        fit(gaussian(), dataclasses.replace(DATA, observed=masks), tmp_path / "run", resume=True)
    with pytest.raises(RunError, match="another run"):
        fit(gaussian(), DATA, tmp_path / "run")
    with pytest.raises(ValueError, match="resume"):
        fit(gaussian(), DATA, resume=True)


def test_a_full_disk_leaves_a_run_that_can_be_resumed(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        full_disk(patch, checkpoints=1)
        with pytest.raises(RunError, match="No space left on device"):
            fit(gaussian(), DATA, tmp_path / "run")
    fit(gaussian(), DATA, tmp_path / "whole")
    fit(gaussian(), DATA, tmp_path / "run", resume=True)
    assert files(tmp_path / "whole") == files(tmp_path / "run")


def test_refused_data_leave_no_folder(tmp_path):
    few = models.create("gmm", DATA.spec, n_components=500)
    with pytest.raises(ValueError, match="at least as many examples as n_components=500"):
        fit(few, DATA, tmp_path / "run")
    assert not (tmp_path / "run").exists()
    fit(gaussian(), DATA, tmp_path / "run")
    with pytest.raises(RunError, match="another run"):  # what a finished run left is nobody's to delete
        fit(few, DATA, tmp_path / "run")
    minigen.load(tmp_path / "run")


def test_labels_reach_models_that_learn_from_them():
    data = labelled()
    model = Counts(data.spec)
    rows = fit(model, data).metrics
    assert rows[0] == {"iteration": 0, "log_likelihood": -1.0, "good": True} and type(rows[0]["good"]) is bool
    np.testing.assert_array_equal(model.given.labels, data.labels["train"])
    share = np.bincount(data.labels["train"]) / 60
    expected = np.log(share)[data.labels["validation"]].mean()
    assert rows[-1] == {"validation": {"class_log_prob": pytest.approx(expected)}}
    with pytest.raises(ValueError, match="data 'holes' have no labels, from which Counts learns"):
        fit(Counts(WHOLE.spec), WHOLE)
    with pytest.raises(ValueError, match="data 'holes': values are missing, and Counts does not take missing values"):
        fit(model, DATA)
    model.takes = Takes()
    with pytest.raises(ValueError, match="too small depth"):
        fit(model, data)  # given no labels, it cannot count them
    assert model.given.labels is None and model.given.observed is None


@pytest.mark.parametrize("accumulate", [1, 3])
def test_labels_come_in_batches_to_a_model_that_descends(accumulate):
    data = labelled()
    model = Counts(data.spec, CountsConfig(gradient=True))
    fitted = fit(model, data, epochs=80, batch_size=20, accumulate=accumulate, learning_rate=0.1, schedule="cosine")
    assert len(fitted.metrics) == 80 and "class_log_prob" in fitted.metrics[-1]["validation"]
    share = np.bincount(data.labels["train"]) / 60
    entropy = -(share * np.log(share)).sum()
    assert fitted.metrics[-1]["train"]["loss"] == pytest.approx(entropy, abs=2e-2)


def test_a_transform_makes_what_is_fitted():
    data = dataclasses.replace(labelled(), transform=lambda batch, rng: batch + 1 + 0 * rng.random(batch.shape))
    model = Counts(data.spec)
    fit(model, data)
    np.testing.assert_array_equal(model.given.x, data.train + 1)
    descends = Counts(data.spec, CountsConfig(gradient=True))
    with pytest.raises(AssertionError):  # examples no longer equal their labels
        fit(descends, data, epochs=1)


def test_nan_in_a_fitted_model_is_refused(monkeypatch):
    monkeypatch.setattr(Gaussian, "_take", lambda self, loc, covariance: self.loc.assign(loc * np.nan))
    with pytest.raises(TrainingDiverged, match="the fit failed: loc has NaN"):
        fit(gaussian(), WHOLE)


def test_arrays_with_nan_are_data_for_models_that_take_them():
    x = np.where(DATA.observed["train"], DATA.train, np.nan)
    assert fit(gaussian(), x).metrics[-1]["validation"]
    with pytest.raises(ValueError, match="finite"):
        fit(Counts(DATA.spec), x)


def test_pictures(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "write_pictures", write_pictures)
    calls = []
    monkeypatch.setattr(Gaussian, "report_pictures", lambda self, data, folder: calls.append((data.name, folder)),
                        raising=False)
    spec = DataSpec((2,), "continuous")
    parts = {split: getattr(DATA, split)[:, :2] for split in SPLITS}
    masks = {split: DATA.observed[split][:, :2] for split in SPLITS}
    data = Dataset("plane", spec, **parts, observed=masks)
    fit(models.create("gaussian", spec), data, tmp_path / "run")
    assert calls == [("plane", tmp_path / "run")]
    for name in ("curves.png", "samples.png"):
        assert (tmp_path / "run" / name).read_bytes().startswith(b"\x89PNG")
    fit(models.create("gaussian", spec), parts["train"], tmp_path / "closed")
    assert not (tmp_path / "closed" / "curves.png").exists()  # one pass makes no curve

    def full(*args, **words):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Gaussian, "report_pictures", full)
    with pytest.raises(RunError, match="cannot write the pictures"):
        fit(models.create("gaussian", spec), data, tmp_path / "full")
