"""What the line of an epoch says: means over examples, and the validation of averaged parameters."""

import pytest

from minigen.training import TrainConfig, fit
from minigen.training.state import State
from training.toys import Toy, ToyConfig, toy_data

DATA = toy_data(100)


def test_the_metrics_of_an_epoch_are_means_over_its_examples():
    """Batches of 64 and of 36 examples weigh as many."""
    model = Toy(DATA.spec, ToyConfig(start=0.5))
    expected = float(model.log_prob(DATA.train).mean().data)
    (row,) = fit(model, DATA, epochs=1, batch_size=64, learning_rate=1e-12).metrics
    assert row["train"]["log_prob"] == pytest.approx(expected, rel=1e-6)
    assert row["train"]["loss"] == pytest.approx(-expected, rel=1e-6)


def test_what_is_validated_is_the_average():
    model = Toy(DATA.spec)
    state = State(model, DATA, TrainConfig(batch_size=25, learning_rate=0.3, ema=0.9))
    for batch in state.loader:
        state.update(batch)
    score = state.end_epoch()["validation"]["log_prob"]
    moved = float(model.log_prob(DATA.validation).mean().data)
    with state.step.averaged():
        averaged = float(model.log_prob(DATA.validation).mean().data)
    assert score == pytest.approx(averaged, rel=1e-6)
    assert abs(moved - averaged) > 1e-3
