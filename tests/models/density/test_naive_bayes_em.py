"""Naive Bayes whose labels are missing: what expectation-maximisation must keep and find."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigen import DataSpec
from models.density.mixed_tables import BITS, MIXED, bit_rows, by_hand, holes, mixed_rows, nb


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.5, 2.0]), st.sampled_from([0.0, 1.0]), st.booleans())
@settings(max_examples=25)
def test_em_never_falls_and_states_its_objective(seed, smoothing, class_smoothing, some_labels):
    x, y = mixed_rows(60, seed)
    values, observed = holes(x, seed)
    labels = np.where(np.random.default_rng(seed).random(60) < 0.2, y, -1) if some_labels else None
    model = nb(MIXED, n_classes=3, smoothing=smoothing, class_smoothing=class_smoothing, restarts=2, max_iterations=30)
    model.fit(values, seed, observed=observed, labels=labels)
    rows, last = model.history, model.history[-1]
    for restart in {row["restart"] for row in rows}:
        own = [row["log_likelihood"] + row["log_prior"] for row in rows
               if row["restart"] == restart and not row.get("kept")]
        assert np.diff(own).min(initial=0) > -1e-9
    joint = np.array([by_hand(model, *pair) for pair in zip(values, observed, strict=True)])
    terms = np.logaddexp.reduce(joint, axis=1)
    if labels is not None:
        terms = np.where(labels >= 0, joint[np.arange(60), labels], terms)
    assert last["log_likelihood"] == pytest.approx(terms.mean(), rel=1e-9)
    prior = 0.0
    if smoothing:
        prior += smoothing * model.categorical.log_probability.data.sum()
    if class_smoothing:
        prior += class_smoothing * model.class_log_prior.data.sum()
    assert last["log_prior"] == pytest.approx(prior / 60)


def test_no_other_parameters_near_by_are_better():
    x, _ = mixed_rows(150)
    values, observed = holes(x)
    model = nb(MIXED, n_classes=2, tolerance=1e-12, max_iterations=5000).fit(values, 3, observed=observed)
    rng, state = np.random.default_rng(0), model.state_dict()

    def objective():
        prior = model.categorical.log_probability.data.sum() / 150
        return model.log_prob(values, observed=observed).mean() + prior

    best = objective()
    for scale in np.repeat([1e-2, 1e-1], 30):
        model.load_state_dict(state)
        for name, array in state.items():
            moved = array + scale * rng.standard_normal(array.shape) * (rng.random() < 0.5)
            if name == "class_log_prior":
                moved -= np.logaddexp.reduce(moved)
            elif name == "categorical.log_probability":
                moved[:, :2] -= np.logaddexp.reduce(moved[:, :2], axis=1, keepdims=True)
                moved[:, 2:] -= np.logaddexp.reduce(moved[:, 2:], axis=1, keepdims=True)
            elif name == "normal.variance":
                moved = array * np.exp(moved - array)
            dict(model.named_buffers())[name].assign(moved)
        assert objective() < best + 1e-9


def test_latent_classes_are_found():
    x, y = bit_rows(2000, d=12, k=2, seed=3)
    model = nb(DataSpec((12,), "binary")).fit(x, 1)
    right = (model.predict(x) == y).mean()
    supervised = nb(DataSpec((12,), "binary")).fit(x, labels=y)
    assert max(right, 1 - right) > (supervised.predict(x) == y).mean() - 0.02
    assert model.history[-1]["kept"] and {row["restart"] for row in model.history} == set(range(5))
    again = nb(DataSpec((12,), "binary")).fit(x, 1)
    np.testing.assert_array_equal(again.log_prob(x), model.log_prob(x))


def test_a_few_labels_name_the_classes():
    x, y = bit_rows(1000, d=12, k=2, seed=3)
    labels = np.full(1000, -1)
    labels[:10] = y[:10]
    few = nb(DataSpec((12,), "binary")).fit(x[:10], labels=y[:10])
    semi = nb(DataSpec((12,), "binary")).fit(x, labels=labels)
    assert {row["restart"] for row in semi.history} == {0}
    assert (semi.predict(x) == y).mean() > (few.predict(x) == y).mean()


def test_a_labelled_example_is_certain():
    x, y = bit_rows(40)
    labels = np.where(np.arange(40) < 39, y, -1)
    model = nb(BITS, max_iterations=1).fit(x, labels=labels)
    (counts, _), _, _ = model.e_step((x, None, labels))
    r = model.predict_proba(x[39:])[0]
    np.testing.assert_allclose(counts, np.bincount(y[:39], minlength=2) + r, rtol=1e-12)
