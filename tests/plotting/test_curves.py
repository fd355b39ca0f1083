"""Learning curves: the lines that are drawn, what is marked as best, and refusals."""

import numpy as np
import pytest

from minigen.plotting import learning_curves

EPOCHS = np.arange(1, 6)
TRAIN = np.array([-40.0, -30, -25, -22, -20])
VALIDATION = np.array([-41.0, -31, -27, -26, -28])


def drawn(axis):
    """{label: (x, y)} of the lines with a label in the legend."""
    return {line.get_label(): line.get_data() for line in axis.lines if not line.get_label().startswith("_")}


def legend(axis):
    return [text.get_text() for text in axis.get_legend().get_texts()]


def test_curves_labels_and_best(tmp_path):
    metrics = {"train": (EPOCHS, TRAIN), "validation": (EPOCHS, VALIDATION)}
    figure = learning_curves(metrics, tmp_path / "a.png", title="vae on digits")
    (axis,) = figure.axes
    lines = drawn(axis)
    np.testing.assert_array_equal(lines["train"], [EPOCHS, TRAIN])
    np.testing.assert_array_equal(lines["validation"], [EPOCHS, VALIDATION])
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("epoch", "ELBO (nats)")
    assert legend(axis) == ["train", "validation", "best: −26.00 nats, epoch 4"]
    assert [list(side) for side in lines["best: −26.00 nats, epoch 4"]] == [[4], [-26]]
    assert figure.get_suptitle() == "vae on digits"


def test_lower_is_better():
    loss = {"train": (EPOCHS, -TRAIN), "validation": (EPOCHS, -VALIDATION)}
    (axis,) = learning_curves(loss, quantity="loss", units="", time="step", higher_is_better=False).axes
    assert legend(axis)[-1] == "best: 26.00, step 4"
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("step", "loss")


def test_best_may_be_said():
    (axis,) = learning_curves({"validation": (EPOCHS, VALIDATION)}, best=2).axes
    assert legend(axis)[-1] == "best: −31.00 nats, epoch 2"
    with pytest.raises(ValueError, match="best: .*9"):
        learning_curves({"validation": (EPOCHS, VALIDATION)}, best=9)


def test_a_panel_for_each_quantity():
    metrics = {"train/ELBO": (EPOCHS, TRAIN), "train/KL": (EPOCHS, -TRAIN)}
    metrics["validation/ELBO"] = (EPOCHS, VALIDATION)
    first, second = learning_curves(metrics).axes
    assert [first.get_ylabel(), second.get_ylabel()] == ["ELBO (nats)", "KL (nats)"]
    assert legend(first) == ["train", "validation", "best: −26.00 nats, epoch 4"]
    assert legend(second) == ["train"]


def test_nan_is_a_gap_and_never_best(tmp_path):
    values = np.array([-3.0, np.nan, -2.0, np.inf, -2.5])
    (axis,) = learning_curves({"validation": (EPOCHS, values)}, tmp_path / "a.png").axes
    assert legend(axis)[-1] == "best: −2.00 nats, epoch 3"
    (axis,) = learning_curves({"validation": (EPOCHS, np.full(5, np.nan))}, tmp_path / "b.png").axes
    assert legend(axis) == ["validation"]


def test_one_epoch_and_none(tmp_path):
    (axis,) = learning_curves({"train": ([1], [-3.0]), "validation": ([1], [-4])}, tmp_path / "a.png").axes
    assert axis.get_xlim() == (0, 2)
    assert all(tick == int(tick) for tick in axis.get_xticks())
    learning_curves({"train": ([], [])}, tmp_path / "b.png")


def test_formula_signs_in_names_are_text(tmp_path):
    learning_curves({"a $ b_ $ \\": (EPOCHS, TRAIN)}, tmp_path / "a.png", quantity="$x^$", title="$_$")


@pytest.mark.parametrize(("metrics", "error", "message"), [
    ({}, ValueError, "metrics: expected a dict"),
    ([(1, 2)], ValueError, "metrics: expected a dict"),
    ({1: ([1], [1])}, TypeError, "metrics: expected texts"),
    ({"train": 3}, ValueError, r"metrics\['train'\]: expected a pair"),
    ({"train": ([1, 2], [1])}, ValueError, r"metrics\['train'\]: .*\(2,\) and \(1,\)"),
    ({"train": ([[1]], [[1]])}, ValueError, r"metrics\['train'\]: .*one axis"),
    ({"train": ([1], ["high"])}, TypeError, r"metrics\['train'\]: expected numbers"),
])
def test_bad_metrics_are_refused(metrics, error, message):
    with pytest.raises(error, match=message):
        learning_curves(metrics)


def test_many_quantities_stand_in_rows_of_four(tmp_path):
    metrics = {f"train/q{number}": (EPOCHS, TRAIN) for number in range(6)}
    figure = learning_curves(metrics, tmp_path / "a.png", units={"q1": "nats"})
    assert [axis.get_ylabel() for axis in figure.axes] == ["q0", "q1 (nats)", "q2", "q3", "q4", "q5"]
    assert len({round(axis.get_position().y0, 3) for axis in figure.axes}) == 2
    width, height = figure.get_size_inches()
    assert width == pytest.approx(4.6 * 4) and height == pytest.approx(8)
