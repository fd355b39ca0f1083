"""Runs of models that fit themselves: what they leave, and their promises about interruption, resumption, failure."""

import dataclasses
import errno
import json
import signal

import numpy as np
import pytest
from minigen.models.density.closed_form import ClosedForm

import minigen
from minigen import DataSpec, models
from minigen.autograd import Parameter
from minigen.data import Dataset
from minigen.evaluation import evaluate
from minigen.layers import Buffer
from minigen.models import Objective
from minigen.models.density.gaussian import Gaussian
from minigen.training import Interrupted, Run, RunError, TrainingDiverged, draw, fit, load, loop
from training.toy import full_disk

RNG = np.random.default_rng(0)
MIX = np.array([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.3, 0.4, 2.0]])
SPLITS = ("train", "validation", "test")


def dataset(missing=True, rows=(60, 20, 20), **more):
    parts = {split: RNG.standard_normal((n, 3)) @ MIX for split, n in zip(SPLITS, rows, strict=True)}
    observed = {split: np.random.default_rng(1).random(x.shape) > 0.3 for split, x in parts.items()}
    if missing:
        parts = {split: np.where(observed[split], x, 0.0) for split, x in parts.items()}
    return Dataset("holes", DataSpec((3,), "continuous"), **parts, observed=observed if missing else None, **more)


DATA, WHOLE = dataset(), dataset(missing=False)


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Pictures take longer than these fits, and one test looks at them."""
    monkeypatch.setattr(loop, "draw", lambda *args: None)


def gaussian(**config):
    return models.create("gaussian", DATA.spec, **config)


def files(path):
    """The bytes of what must not depend on interruptions."""
    names = ["metrics.jsonl", "config.json", f"checkpoints/{Run.open(path).latest_path().name}"]
    return {name: (path / name).read_bytes() for name in names}


def stop_at(monkeypatch, passes, number=signal.SIGINT):
    """Send this process a signal during a pass of the gaussian's EM."""
    m_step, count = Gaussian.m_step, [0]

    def with_signal(self, statistics):
        count[0] += 1
        if count[0] == passes:
            signal.raise_signal(number)
        m_step(self, statistics)

    monkeypatch.setattr(Gaussian, "m_step", with_signal)


def test_a_fit_is_the_models_own():
    fitted = fit(model := gaussian(), DATA)
    alone = gaussian().fit(DATA.train, observed=DATA.observed["train"])
    np.testing.assert_array_equal(model.covariance.data, alone.covariance.data)
    *passes, last = fitted.metrics
    assert [row["log_likelihood"] for row in passes] == [row["log_likelihood"] for row in alone.history]
    assert passes[0]["rise"] is None and passes[1]["rise"] > 0 and fitted.best is fitted.run is None
    assert last == {"validation": {"log_prob": evaluate(model, DATA, "validation")["log_prob"]["value"]}}


def test_a_run_folder_holds_what_it_should(tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "draw", draw)
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
def test_an_interrupted_fit_starts_again_and_ends_the_same(tmp_path, monkeypatch, number):
    before = signal.getsignal(number)
    fit(gaussian(), DATA, tmp_path / "whole")
    with monkeypatch.context() as patch:
        stop_at(patch, 4, number)
        with pytest.raises(Interrupted, match="stopped after 5 passes") as caught:
            fit(gaussian(), DATA, tmp_path / "parts")
    assert caught.value.step == 5 and caught.value.run == tmp_path / "parts"
    assert signal.getsignal(number) == before
    assert len((tmp_path / "parts" / "metrics.jsonl").read_text().splitlines()) == 5
    with pytest.raises(RunError, match="stopped before it was complete"):
        minigen.load(tmp_path / "parts")
    fit(gaussian(), DATA, tmp_path / "parts", resume=True, threads=1)
    whole, parts = files(tmp_path / "whole"), files(tmp_path / "parts")
    assert whole["metrics.jsonl"] == parts["metrics.jsonl"]
    fit(gaussian(), DATA, tmp_path / "again", threads=1)
    assert parts == files(tmp_path / "again")


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


class Counts(ClosedForm):
    """Class frequencies, and what `fit_steps` was given; it can also descend an objective."""

    Config = type("Config", (), {})
    labels = "required"

    def __init__(self, spec, by_gradient=False, classes=3):
        self.spec, self.config, self.by_gradient = spec, None, by_gradient
        self.logits = Parameter(np.zeros(classes)) if by_gradient else Buffer(np.zeros(classes))

    def fit_steps(self, data, rng, *, observed=None, labels=None):
        self.given = data, observed, labels
        yield {"iteration": np.int64(0), "log_likelihood": np.float32(-1.0), "good": np.bool_(True)}
        self.logits.assign(np.log(np.bincount(labels, minlength=3) / len(labels)))

    def predict_log_proba(self, x, observed=None):
        return np.broadcast_to(self.logits.data - np.log(np.exp(self.logits.data).sum()), (len(x), 3))

    def objectives(self):
        return [Objective("classes", self._loss, self.parameters())]

    def _loss(self, batch, rng):
        x, labels = batch
        assert len(x) == len(labels) and (x[:, 0] == labels).all()
        log_proba = self.logits - minigen.ops.logsumexp(self.logits)
        return -log_proba[labels].mean(), {}


def labelled():
    labels = {split: np.random.default_rng(2).choice(3, len(getattr(WHOLE, split)), p=[0.5, 0.3, 0.2])
              for split in SPLITS}
    parts = {split: np.column_stack([labels[split]] * 3).astype(np.float64) for split in SPLITS}
    return Dataset("classes", WHOLE.spec, **parts, labels=labels)


def test_labels_reach_models_that_learn_from_them():
    data = labelled()
    model = Counts(data.spec)
    rows = fit(model, data).metrics
    assert rows[0] == {"iteration": 0, "log_likelihood": -1.0, "good": True} and type(rows[0]["good"]) is bool
    np.testing.assert_array_equal(model.given[2], data.labels["train"])
    share = np.bincount(data.labels["train"]) / 60
    expected = np.log(share)[data.labels["validation"]].mean()
    assert rows[-1] == {"validation": {"class_log_prob": pytest.approx(expected)}}
    with pytest.raises(ValueError, match="data 'holes' have no labels, from which Counts learns"):
        fit(Counts(WHOLE.spec), WHOLE)
    model.labels = None
    fit_steps, model.fit_steps = model.fit_steps, lambda *args, **words: iter([])
    with pytest.raises(ValueError, match="values are missing, and Counts takes none that are; models that do: .*gauss"):
        fit(model, DATA)
    model.fit_steps = fit_steps
    with pytest.raises(ValueError, match="too small depth"):
        fit(model, data)  # given no labels, it cannot count them
    assert model.given[1:] == (None, None)


@pytest.mark.parametrize("accumulate", [1, 3])
def test_labels_come_in_batches_to_a_model_that_descends(accumulate):
    data = labelled()
    model = Counts(data.spec, by_gradient=True)
    fitted = fit(model, data, epochs=80, batch_size=20, accumulate=accumulate, learning_rate=0.1, schedule="cosine")
    assert len(fitted.metrics) == 80 and "class_log_prob" in fitted.metrics[-1]["validation"]
    share = np.bincount(data.labels["train"]) / 60
    entropy = -(share * np.log(share)).sum()
    assert fitted.metrics[-1]["train"]["loss"] == pytest.approx(entropy, abs=2e-2)


def test_a_transform_makes_what_is_fitted():
    data = dataclasses.replace(labelled(), transform=lambda batch, rng: batch + 1 + 0 * rng.random(batch.shape))
    model = Counts(data.spec)
    fit(model, data)
    np.testing.assert_array_equal(model.given[0], data.train + 1)
    descends = Counts(data.spec, by_gradient=True)
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
    monkeypatch.setattr(loop, "draw", draw)
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
