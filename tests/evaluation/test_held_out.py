"""Held-out figures where values are missing, where there are classes, and where something is impossible."""

import math
import warnings

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from minigen import DataSpec, models
from minigen.data import Dataset
from minigen.evaluation import evaluate, likelihood, validation_score

RNG = np.random.default_rng(0)
SPLITS = ("train", "validation", "test")
SPEC = DataSpec((2,), "continuous")
PARTS = {split: RNG.standard_normal((30, 2)) for split in SPLITS}
MASKS = {split: RNG.random((30, 2)) > 0.4 for split in SPLITS}
LABELS = {split: RNG.integers(-1, 3, 30) for split in SPLITS}


class Classifier:
    """Class probabilities that depend on the sign of the first column, 1/2, 1/3 and 1/6 in some order."""

    labels, takes_missing, spec = "required", True, SPEC

    def predict_log_proba(self, x, observed=None):
        first = x[:, :1] if observed is None else np.where(observed[:, :1], x[:, :1], 1.0)
        return np.log(np.where(first > 0, [1 / 2, 1 / 3, 1 / 6], [1 / 6, 1 / 3, 1 / 2]))


def dataset(**more):
    return Dataset("some", SPEC, **PARTS, **more)


def test_observed_values_alone_are_scored(monkeypatch):
    model = models.create("gaussian", SPEC)
    model.covariance.assign([[1.0, 0.6], [0.6, 2.0]])
    expected = [
        multivariate_normal(np.zeros(seen.sum()), model.covariance.data[np.ix_(seen, seen)]).logpdf(x[seen])
        if seen.any() else 0.0 for x, seen in zip(PARTS["test"], MASKS["test"], strict=True)
    ]
    masked = {split: np.where(MASKS[split], PARTS[split], 0.0) for split in SPLITS}
    data = Dataset("some", SPEC, **masked, observed=MASKS)
    monkeypatch.setattr(likelihood, "ROW_BUDGET", 14)  # seven rows at a time
    figure = evaluate(model, data)["log_prob"]
    assert figure["value"] == pytest.approx(np.mean(expected))
    assert figure["standard_error"] == pytest.approx(np.std(expected, ddof=1) / 30**0.5)
    bits = -np.sum(expected) / MASKS["test"].sum() / math.log(2)
    assert figure["bits_per_dimension"] == pytest.approx(bits)
    assert validation_score(model, data.test, 0, MASKS["test"]) == {"log_prob": pytest.approx(np.mean(expected))}
    model.takes_missing = False
    with pytest.raises(ValueError, match="data 'some': values are missing, and Gaussian takes none"):
        evaluate(model, data)


@pytest.mark.parametrize("masked", [False, True])
def test_classes_are_told(masked, monkeypatch):
    monkeypatch.setattr(likelihood, "ROW_BUDGET", 14)
    data = dataset(labels=LABELS, observed=MASKS if masked else None)
    figures = evaluate(Classifier(), data)
    log_probs, right = [], []
    for x, seen, label in zip(PARTS["test"], MASKS["test"], LABELS["test"], strict=True):
        first = x[0] if seen[0] or not masked else 1.0
        chances = [1 / 2, 1 / 3, 1 / 6] if first > 0 else [1 / 6, 1 / 3, 1 / 2]
        if label >= 0:
            log_probs.append(math.log(chances[label]))
            right.append(chances[label] == 1 / 2)
    assert set(figures) == {"class_log_prob", "accuracy"} and figures["accuracy"]["n"] == len(right) < 30
    assert figures["class_log_prob"]["value"] == pytest.approx(np.mean(log_probs))
    share = np.mean(right)
    assert figures["accuracy"]["value"] == pytest.approx(share) and "bits_per_dimension" not in figures["accuracy"]
    error = math.sqrt(share * (1 - share) / (len(right) - 1))
    assert figures["accuracy"]["standard_error"] == pytest.approx(error)
    assert figures["accuracy"]["unit"] == "share of examples"
    score = validation_score(Classifier(), data.test, 0, data.observed and MASKS["test"], LABELS["test"])
    assert score == {"class_log_prob": pytest.approx(np.mean(log_probs))}


def test_classifiers_without_labels_and_labels_without_a_class():
    with pytest.raises(ValueError, match="no labels to classify"):
        evaluate(Classifier(), dataset())
    with pytest.raises(ValueError, match="no labels to classify"):
        evaluate(Classifier(), dataset(labels=dict.fromkeys(SPLITS, np.full(30, -1))))
    with pytest.raises(ValueError, match="labels: the model has classes 0 to 2, got 7"):
        evaluate(Classifier(), dataset(labels=dict.fromkeys(SPLITS, np.full(30, 7))))
    assert validation_score(Classifier(), PARTS["test"], 0) == {}
    model = models.create("gaussian", SPEC)
    assert set(evaluate(model, dataset(labels=LABELS))) == {"log_prob"}


def test_what_the_model_thinks_impossible_is_counted():
    model = models.create("gaussian", SPEC)
    log_prob = model.log_prob
    model.log_prob = lambda x, observed=None: np.where(x[:, 0] > 1, -np.inf, log_prob(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = evaluate(model, dataset())["log_prob"]
    assert figure["impossible"] == (PARTS["test"][:, 0] > 1).sum() > 0
    assert figure["value"] == -math.inf and figure["bits_per_dimension"] == math.inf
    assert figure["standard_error"] is figure["bits_standard_error"] is None
