"""Held-out figures where values are missing, where there are classes, and where something is impossible."""

import math
import warnings

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from minigen import DataSpec, models
from minigen.data import Batch, Dataset
from minigen.evaluation import evaluate, likelihood, validation_score
from minigen.models import Model, Takes

RNG = np.random.default_rng(0)
SPLITS = ("train", "validation", "test")
SPEC = DataSpec((2,), "continuous")
X = {split: RNG.standard_normal((30, 2)) for split in SPLITS}
OBSERVED = {split: RNG.random((30, 2)) > 0.4 for split in SPLITS}
LABELS = {split: RNG.integers(-1, 3, 30) for split in SPLITS}


class Classifier(Model):
    """Class probabilities that depend on the sign of the first column, 1/2, 1/3 and 1/6 in some order."""

    takes = Takes(missing=True, labels="required")

    def predict_log_proba(self, x, observed=None):
        first = x[:, :1] if observed is None else np.where(observed[:, :1], x[:, :1], 1.0)
        return np.log(np.where(first > 0, [1 / 2, 1 / 3, 1 / 6], [1 / 6, 1 / 3, 1 / 2]))


def dataset(**more):
    return Dataset("some", SPEC, **X, **more)


def test_observed_values_alone_are_scored(monkeypatch):
    model = models.create("gaussian", SPEC)
    model.covariance.assign([[1.0, 0.6], [0.6, 2.0]])
    expected = []
    for x, observed in zip(X["test"], OBSERVED["test"], strict=True):
        covariance = model.covariance.data[np.ix_(observed, observed)]
        law = multivariate_normal(np.zeros(observed.sum()), covariance) if observed.any() else None
        expected.append(0.0 if law is None else law.logpdf(x[observed]))
    filled = {split: np.where(OBSERVED[split], X[split], 0.0) for split in SPLITS}
    data = Dataset("some", SPEC, **filled, observed=OBSERVED)
    monkeypatch.setattr(likelihood, "ROW_BUDGET", 14)  # seven rows at a time
    figure = evaluate(model, data)["log_prob"]
    assert figure["value"] == pytest.approx(np.mean(expected))
    assert figure["standard_error"] == pytest.approx(np.std(expected, ddof=1) / 30**0.5)
    bits = -np.sum(expected) / OBSERVED["test"].sum() / math.log(2)
    assert figure["bits_per_dimension"] == pytest.approx(bits)
    assert validation_score(model, data.batch("test"), 0) == {"log_prob": pytest.approx(np.mean(expected))}
    model.takes = Takes()
    with pytest.raises(ValueError, match="data 'some': values are missing, and gaussian does not take missing values"):
        evaluate(model, data)


@pytest.mark.parametrize("missing", [False, True])
def test_classes_are_told(missing, monkeypatch):
    monkeypatch.setattr(likelihood, "ROW_BUDGET", 14)
    data = dataset(labels=LABELS, observed=OBSERVED if missing else None)
    figures = evaluate(Classifier(SPEC), data)
    log_probs, right = [], []
    for x, observed, label in zip(X["test"], OBSERVED["test"], LABELS["test"], strict=True):
        first = x[0] if observed[0] or not missing else 1.0
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
    score = validation_score(Classifier(SPEC), data.batch("test"), 0)
    assert score == {"class_log_prob": pytest.approx(np.mean(log_probs))}


def test_classifiers_without_labels_and_labels_without_a_class():
    with pytest.raises(ValueError, match="judged by labels, and the test split has none"):
        evaluate(Classifier(SPEC), dataset())
    with pytest.raises(ValueError, match="judged by labels, and the test split has none"):
        evaluate(Classifier(SPEC), dataset(labels=dict.fromkeys(SPLITS, np.full(30, -1))))
    with pytest.raises(ValueError, match="labels: the model has classes 0 to 2, got 7"):
        evaluate(Classifier(SPEC), dataset(labels=dict.fromkeys(SPLITS, np.full(30, 7))))
    assert validation_score(Classifier(SPEC), Batch(X["test"]), 0) == {}
    model = models.create("gaussian", SPEC)
    assert set(evaluate(model, dataset(labels=LABELS))) == {"log_prob"}


def test_what_the_model_thinks_impossible_is_counted():
    model = models.create("gaussian", SPEC)
    log_prob = model.log_prob
    model.log_prob = lambda x, condition=None, observed=None: np.where(x[:, 0] > 1, -np.inf, log_prob(x))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = evaluate(model, dataset())["log_prob"]
    assert figure["impossible"] == (X["test"][:, 0] > 1).sum() > 0
    assert figure["value"] == -math.inf and figure["bits_per_dimension"] == math.inf
    assert figure["standard_error"] is figure["bits_standard_error"] is None
