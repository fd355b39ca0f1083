"""Models of families to come, written in a script: sequences with lengths, few labels, missing values, energies."""

import math

import numpy as np
import pytest

from minigen import DataSpec, layers, ops
from minigen.arrays import as_generator
from minigen.autograd import Parameter, no_grad
from minigen.data import Batch, Dataset, from_arrays
from minigen.evaluation import evaluate, identities, validation_score
from minigen.models import Model, Objective, Takes
from minigen.training import fit


class Chain(Model):
    """p(x) = Π_t p(x_t), each step with the same chances, of sequences that end after `length` steps."""

    takes = Takes(kinds=("discrete",), rank=(1,), length=True)

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        self.logits = Parameter(np.zeros(spec.levels, np.float32))

    def log_prob(self, x, condition=None, length=None):
        terms = ops.take(ops.log_softmax(self.logits), x, 0)
        if length is not None:
            terms = terms * (np.arange(x.shape[1]) < length[:, None])
        return terms.sum(axis=1)

    def objectives(self):
        return [Objective("log_prob", self.loss, self.parameters())]

    def loss(self, batch, rng, step):
        log_prob = self.log_prob(batch.x, length=batch.length).mean()
        return -log_prob, {"log_prob": log_prob}


class Unending(Chain):
    """A model that reads every step."""

    takes = Takes(kinds=("discrete",), rank=(1,))


@pytest.fixture(scope="module")
def sequences():
    rng = np.random.default_rng(0)
    x, length = rng.choice(3, (500, 6), p=[0.2, 0.3, 0.5]), rng.integers(1, 7, 500)
    x[np.arange(6) >= length[:, None]] = 0  # what is after the end
    spec = DataSpec((6,), "discrete", 3)
    rows = {"train": slice(0, 300), "validation": slice(0, 300), "test": slice(400, 500)}
    return Dataset("words", spec, *(x[part] for part in rows.values()),
                   length={split: length[part] for split, part in rows.items()})


def test_steps_after_the_end_of_a_sequence_count_for_nothing(sequences):
    model = Chain(sequences.spec)
    fitted = fit(model, sequences, epochs=60, batch_size=300, learning_rate=0.1)
    counts = np.zeros(3)
    for row, length in zip(sequences.train, sequences.length["train"], strict=True):
        counts += np.bincount(row[:length], minlength=3)
    log_p = np.log(counts / counts.sum())
    np.testing.assert_allclose(np.exp(log_p), np.exp(ops.log_softmax(model.logits).data), atol=0.01)
    model.logits.assign(log_p.astype(np.float32))
    expected = [log_p[row[:length]].sum() for row, length in zip(sequences.test, sequences.length["test"], strict=True)]
    figure = evaluate(model, sequences, "test")["log_prob"]
    assert figure["value"] == pytest.approx(np.mean(expected), rel=1e-5)
    bits = -np.mean(expected) / (math.log(2) * sequences.length["test"].mean())
    assert figure["bits_per_dimension"] == pytest.approx(bits, rel=1e-5)
    held_out = [log_p[row[:length]].sum()
                for row, length in zip(sequences.validation, sequences.length["validation"], strict=True)]
    batch = sequences.batch("validation")
    assert validation_score(model, batch, 0)["log_prob"] == pytest.approx(np.mean(held_out), rel=1e-5)
    assert fitted.best["value"] == pytest.approx(np.mean(held_out), abs=0.05)
    scores = model.score_samples(sequences.test, length=sequences.length["test"])
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_a_model_of_whole_sequences_refuses_lengths(sequences):
    model, words = Unending(sequences.spec), "'words': sequences have lengths of their own, and Unending does not"
    with pytest.raises(ValueError, match=words):
        fit(model, sequences, epochs=1)
    with pytest.raises(ValueError, match=words):
        evaluate(model, sequences)


class FewLabels(Model):
    """A classifier that learns from the examples that have a label."""

    takes = Takes(kinds=("continuous",), rank=(1,), labels="optional")

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        self.network = layers.MLP((spec.dimensions, 16, 3), ops.relu, rng=rng)

    def predict_log_proba(self, x, observed=None):
        with no_grad():
            return ops.log_softmax(self.network(x.astype(self.dtype)), axis=-1).data

    def objectives(self):
        return [Objective("classes", self.loss, self.parameters())]

    def loss(self, batch, rng, step):
        known = batch[batch.labels >= 0]
        if not len(known):
            return 0 * self.network.layers[0].weight.sum(), {}
        log_p = ops.log_softmax(self.network(known.x.astype(self.dtype), train=True, rng=rng), axis=-1)
        log_p = log_p[np.arange(len(known)), known.labels].mean()
        return -log_p, {"class_log_prob": log_p}


def test_a_classifier_with_few_labels():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 600)
    x = rng.normal(size=(600, 2)) + 5 * np.stack([labels, labels == 1], axis=1)
    told = np.where(rng.random(600) < 0.3, labels, -1)
    model = FewLabels(DataSpec((2,), "continuous"))
    fit(model, Batch(x, labels=told), epochs=60, batch_size=60, learning_rate=0.02)
    data = from_arrays("points", {"x": x}, "continuous", labels={"x": told})
    figures = evaluate(model, data)
    known = data.labels["test"] >= 0
    log_p = model.predict_log_proba(data.test[known])
    assert figures["class_log_prob"]["n"] == known.sum() < len(data.test)
    assert figures["class_log_prob"]["value"] == pytest.approx(
        np.mean([row[label] for row, label in zip(log_p, data.labels["test"][known], strict=True)]), rel=1e-5)
    assert figures["accuracy"]["value"] > 0.9
    checks = {check.name: check.passed for check in identities(model)}
    assert checks["class probabilities"] is True  # in float32
    bare = from_arrays("points", {"x": x}, "continuous")
    with pytest.raises(ValueError, match="'points': FewLabels is judged by labels, and the test split has none"):
        evaluate(model, bare)


class Gaps(Model):
    """A bound that says which values it was told are observed."""

    takes = Takes(kinds=("continuous",), missing=True)

    def elbo(self, x, rng, condition=None, observed=None):
        return np.where(observed, x, np.nan).reshape(len(x), -1)[:, 0]

    def iwae_bound(self, x, k, rng, condition=None, observed=None):
        return observed.sum(axis=-1).astype(float)


def test_bounds_are_told_what_is_observed():
    x = np.arange(60.0).reshape(20, 3)
    x[::2, 1] = np.nan
    data = from_arrays("holes", {"train": x, "validation": x, "test": x}, "continuous", missing=True)
    figures = evaluate(Gaps(data.spec), data, k=2)
    assert figures["elbo"]["value"] == pytest.approx(x[:, 0].mean())
    assert figures["iwae_bound"]["value"] == 2.5
    assert validation_score(Gaps(data.spec), data.batch("test"), 0) == {"elbo": pytest.approx(x[:, 0].mean())}


class Ising(Model):
    """p(x) ∝ exp(Σ_d b·x_d + w·x_d·x_{d+1}), learned by contrastive divergence with one sweep."""

    takes = Takes(kinds=("binary",), rank=(1,))

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        self.bias, self.weight = Parameter(np.zeros(1, np.float32)), Parameter(np.zeros(1, np.float32))

    def energy(self, x):
        x = x.astype(self.dtype)
        return -(x * self.bias).sum(axis=1) - (x[:, :-1] * x[:, 1:] * self.weight).sum(axis=1)

    def objectives(self):
        return [Objective("contrast", self.loss, self.parameters())]

    def loss(self, batch, rng, step):
        x = batch.x.copy()
        for d in range(x.shape[1]):
            with no_grad():
                x[:, d] = 0
                low = self.energy(x).data
                x[:, d] = 1
                x[:, d] = rng.random(len(x)) < 1 / (1 + np.exp(self.energy(x).data - low))
        return self.energy(batch.x).mean() - self.energy(x).mean(), {}


class SampledIsing(Ising):
    """The same with a sampler."""

    def sample(self, n, rng, condition=None, given=None):
        return as_generator(rng).integers(0, 2, (n, *self.spec.shape)).astype(np.uint8)


def test_an_energy_trains_without_samples_and_says_what_it_lacks():
    rng = np.random.default_rng(2)
    x = np.repeat(rng.integers(0, 2, (400, 2)), 2, axis=1).astype(np.uint8)
    model = Ising(DataSpec((4,), "binary"))
    fitted = fit(model, x, epochs=30, batch_size=100, learning_rate=0.05)
    assert fitted.best is None and "validation" not in fitted.metrics[0]
    assert model.weight.data[0] > 0.5 and model.bias.data[0] < 0
    data = from_arrays("spins", {"x": x})
    with pytest.raises(NotImplementedError, match="Ising has neither a likelihood nor samples"):
        evaluate(model, data)


def test_samples_are_judged_only_beside_enough_examples():
    x = np.eye(4, dtype=np.uint8)[np.arange(40) % 4]
    data = Dataset("spins", DataSpec((4,), "binary"), x, x, x[:9])
    with pytest.raises(ValueError, match="'spins': SampledIsing has no likelihood .* at least 10 .* test split has 9"):
        evaluate(SampledIsing(data.spec), data)
    assert set(evaluate(SampledIsing(data.spec), data, "validation")) == {
        "energy_distance", "sliced_wasserstein", "coverage"}
