"""One update, held against its formula written out in NumPy."""

import math

import numpy as np
import pytest

from minigen import ops
from minigen.arrays import Generator
from minigen.models import Objective
from minigen.optim import schedules
from minigen.training import make_step
from training.toys import Toy, ToyConfig, toy_data

DATA = toy_data(64)


def gradient(logits, batch):
    """Of the toy's mean negative log-likelihood: sigmoid(l) minus the batch's mean."""
    return 1 / (1 + np.exp(-logits)) - batch.mean(axis=0)


def test_plain_gradient_descent_and_its_metrics():
    model = Toy(DATA.spec, dtype=np.float64)
    step = make_step(model, "sgd", 0.1)
    for start in (0, 16):
        batch, before = DATA.train[start : start + 16], model.logits.data.copy()
        metrics = step(batch, 0)
        expected = gradient(before, batch)
        np.testing.assert_allclose(model.logits.data, before - 0.1 * expected, rtol=1e-12)
        np.testing.assert_allclose(metrics["gradient_norm"], math.sqrt((expected**2).sum()), rtol=1e-12)
        loss = np.log1p(np.exp(before)).sum() - (batch * before).sum(axis=1).mean()
        np.testing.assert_allclose([metrics["loss"], -metrics["log_prob"]], loss, rtol=1e-12)
        assert metrics["finite"] and metrics["learning_rate"] == 0.1
        assert all(np.shape(value) == () for value in metrics.values())


def test_clipping_scales_the_gradient():
    model = Toy(DATA.spec, ToyConfig(start=3.0), np.float64)
    batch, before = DATA.train[:16], model.logits.data.copy()
    full = gradient(before, batch)
    norm = np.linalg.norm(full)
    metrics = make_step(model, "sgd", 1.0, clip_norm=norm / 2)(batch, 0)
    np.testing.assert_allclose(before - model.logits.data, full / 2, rtol=1e-12)
    np.testing.assert_allclose(metrics["gradient_norm"], norm, rtol=1e-12)  # the norm before clipping


@pytest.mark.parametrize("rows, pieces", [(64, 2), (64, 4), (50, 3), (3, 8)])
def test_pieces_together_are_the_whole_batch(rows, pieces):
    batch, results = DATA.train[:rows], []
    for accumulate in (1, pieces):
        model = Toy(DATA.spec, dtype=np.float64)
        metrics = make_step(model, accumulate=accumulate)(batch, 0)
        results.append([*model.logits.data, metrics["loss"], metrics["log_prob"], metrics["gradient_norm"]])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-12)


def test_the_schedule_scales_the_rate():
    model = Toy(DATA.spec)
    step = make_step(model, learning_rate=0.5, schedule=schedules.constant(warmup=4))
    rates = [float(step(DATA.train[:8], 0)["learning_rate"]) for _ in range(6)]
    assert rates == [0.125, 0.25, 0.375, 0.5, 0.5, 0.5]


def test_averages_take_the_parameters_place_and_give_it_back():
    model = Toy(DATA.spec, dtype=np.float64)
    step, average = make_step(model, "sgd", 0.3, ema=0.9), model.logits.data.copy()
    for t in range(1, 6):
        step(DATA.train[:16], 0)
        decay = min(0.9, (1 + t) / (10 + t))
        average = decay * average + (1 - decay) * model.logits.data
    own = model.logits.data.copy()
    with step.averaged():
        np.testing.assert_allclose(model.logits.data, average, rtol=1e-12)
    np.testing.assert_array_equal(model.logits.data, own)


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
def test_a_restored_step_goes_on_bit_for_bit(optimizer):
    def fresh():
        model = Toy(DATA.spec, ToyConfig(noise=0.1))
        return model, make_step(model, optimizer, 0.05, ema=0.9, schedule=schedules.cosine(20))

    (model, step), (other, resumed) = fresh(), fresh()
    rng = Generator(3)
    for t in range(4):
        step(DATA.train[:16], rng.fold_in(t))
    other.load_state_dict(model.state_dict())
    resumed.load_state_dict(step.state_dict())
    for t in range(4, 8):
        first, second = (s(DATA.train[:16], rng.fold_in(t)) for s in (step, resumed))
        assert {k: v.tobytes() for k, v in first.items()} == {k: v.tobytes() for k, v in second.items()}
    assert model.logits.data.tobytes() == other.logits.data.tobytes()
    with step.averaged(), resumed.averaged():
        assert model.logits.data.tobytes() == other.logits.data.tobytes()


@pytest.mark.parametrize("change", [
    lambda s: s.pop("updates"), lambda s: s.pop("likelihood/optimizer/mean.float32"),
    lambda s: s.update({"other/optimizer/steps": np.array(1)}),
    lambda s: s.update({"likelihood/optimizer/mean.float32": np.zeros(3, np.float32)}),
    lambda s: s.update({"likelihood/average/x": np.zeros(2)}),
    lambda s: s.update({"updates": np.array(1.5)}), lambda s: s.update({"other": np.array(1)}),
])
def test_a_state_that_does_not_fit_is_refused(change):
    step = make_step(Toy(DATA.spec))
    state = step.state_dict()
    change(state)
    with pytest.raises(ValueError):
        step.load_state_dict(state)


class Spoiled(Toy):
    """A toy whose loss is spoiled in the way that `how` names."""

    def __init__(self, how):
        super().__init__(DATA.spec)
        self.how = how

    def loss(self, batch, rng, step):
        loss, metrics = super().loss(batch, rng, step)
        if self.how == "value":
            loss = loss + ops.log(self.logits - 1).sum()
        elif self.how == "gradient":
            loss = loss + ops.sqrt(self.logits * 0).sum()
        return loss, metrics


@pytest.mark.parametrize("how, words", [("value", "op log made a NaN"), ("gradient", "gradient of op sqrt became")])
def test_a_loss_or_gradient_that_is_not_finite_changes_nothing(how, words):
    model = Spoiled(how)
    step = make_step(model, ema=0.9)
    before = {name: array.copy() for name, array in step.state_dict().items()}
    parameters = model.logits.data.copy()
    with np.errstate(all="ignore"):
        metrics = step(DATA.train[:16], 0)
    assert not metrics["finite"]
    np.testing.assert_array_equal(model.logits.data, parameters)
    for name, array in step.state_dict().items():
        np.testing.assert_array_equal(array, before[name])
    assert words in step.explain(DATA.train[:16], 0) and "test_step.py" in step.explain(DATA.train[:16], 0)


def test_explanations_name_parameters_and_data():
    model = Toy(DATA.spec)
    step = make_step(model)
    assert "batch" in step.explain(np.array([[0, 1, np.nan, 0]], np.float32), 0)
    model.logits.assign(np.array([0, np.inf, 0, 0], np.float32))
    assert step.explain(DATA.train[:4], 0) == "logits is not finite"


class Duel(Toy):
    """Two objectives on two parts of the parameters, the second on every third step."""

    def __init__(self):
        super().__init__(DATA.spec, dtype=np.float64)
        self.rival = type(self.logits)(np.ones(2))

    def objectives(self):
        return [Objective("likelihood", super().loss, [self.logits]),
                Objective("rival", lambda batch, rng, step: ((self.rival**2).sum(), {}), [self.rival], every=3)]


def test_objectives_take_turns():
    model = Duel()
    step, changes = make_step(model, "sgd", 0.1), []
    for _ in range(7):
        before = model.rival.data.copy()
        metrics = step(DATA.train[:8], 0)
        changes.append("rival.loss" in metrics)
        np.testing.assert_allclose(model.rival.data, before * (0.8 if changes[-1] else 1.0))
    assert changes == [False, False, True, False, False, True, False]
