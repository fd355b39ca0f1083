"""Held-out figures against the same quantities computed directly."""

import itertools
import math

import numpy as np
import pytest

import minigen
from minigen import models
from minigen.autograd import registry
from minigen.evaluation import evaluate, likelihood, per_example, validation_score
from minigen.evaluation.selfcheck import run_checks
from training.toys import Toy, ToyConfig, toy_data

DATA = toy_data(50, columns=4)


def test_exact_figures():
    model = Toy(DATA.spec, ToyConfig(start=0.7), np.float64)
    figure = evaluate(model, DATA)["log_prob"]
    ones = DATA.test.sum(axis=1)
    expected = 0.7 * ones - 4 * math.log1p(math.exp(0.7))
    n = len(ones)
    assert figure["n"] == n == 25 and figure["unit"] == "nats per example"
    np.testing.assert_allclose(figure["value"], expected.mean(), rtol=1e-12)
    error = math.sqrt(((expected - expected.mean()) ** 2).sum() / (n - 1) / n)
    np.testing.assert_allclose(figure["standard_error"], error, rtol=1e-12)
    np.testing.assert_allclose(figure["bits_per_dimension"], -expected.mean() / math.log(2) / 4, rtol=1e-12)
    np.testing.assert_allclose(figure["bits_standard_error"], error / math.log(2) / 4, rtol=1e-12)
    assert validation_score(model, DATA.test, 0)["log_prob"] == pytest.approx(figure["value"], rel=1e-12)


def test_a_fair_coin_costs_one_bit():
    figure = evaluate(Toy(DATA.spec, dtype=np.float64), DATA, "train")["log_prob"]
    assert figure["bits_per_dimension"] == pytest.approx(1.0, abs=1e-12) and figure["standard_error"] < 1e-12


def test_bounds_have_their_samples_and_come_in_order():
    model = models.create("vae", DATA.spec, rng=0, hidden=(6,), latent_dim=2)
    figures = evaluate(model, DATA, "train", rng=3, k=50)
    again = evaluate(model, DATA, "train", rng=3, k=50)
    assert figures == again and figures["iwae_bound"]["samples"] == 50 and "samples" not in figures["elbo"]
    one = evaluate(model, DATA, "train", rng=4, k=1)
    slack = 5 * (one["iwae_bound"]["standard_error"] + one["elbo"]["standard_error"])
    assert abs(one["iwae_bound"]["value"] - one["elbo"]["value"]) < slack  # one sample: the same expectation
    assert figures["iwae_bound"]["value"] > figures["elbo"]["value"]


def test_batches_do_not_change_what_is_exact(monkeypatch):
    model = Toy(DATA.spec, ToyConfig(start=0.3), np.float64)
    whole = evaluate(model, DATA)
    monkeypatch.setattr(likelihood, "ROW_BUDGET", 12)  # three rows at a time
    sizes = []

    def spy(batch, rng):
        sizes.append(len(batch))
        return model.log_prob(batch.x)

    values = per_example(spy, DATA.test, minigen.Generator(0))
    assert sizes == [3] * 8 + [1] and values.mean() == pytest.approx(whole["log_prob"]["value"], rel=1e-12)


def test_a_validation_bound_is_less_noisy_than_one_draw():
    model = models.create("vae", DATA.spec, rng=0, hidden=(6,), latent_dim=2)
    x, rng = DATA.validation, minigen.Generator(0)
    scores = [validation_score(model, x, rng.fold_in(i))["elbo"] for i in range(40)]
    draws = np.array([model.elbo(x, rng.fold_in(100 + i)).data.mean(dtype=np.float64) for i in range(400)])
    error = draws.std() / 20 + np.std(scores) / 40**0.5
    assert abs(np.mean(scores) - draws.mean()) < 5 * error
    assert np.std(scores) < 0.4 * draws.std()  # 25 examples: forty draws of each


@pytest.mark.parametrize("keywords, words", [
    ({"k": 0}, "k: expected"), ({"k": 2.5}, "k: expected"), ({"k": True}, "k: expected"),
    ({"split": "tset"}, "split: expected"), ({"rng": None}, "rng"),
])
def test_bad_arguments(keywords, words):
    with pytest.raises((ValueError, TypeError), match=words):
        evaluate(Toy(DATA.spec), DATA, **keywords)


def test_data_and_models_that_do_not_fit():
    with pytest.raises(ValueError, match="the model is for"):
        evaluate(Toy(DATA.spec), toy_data(columns=5))
    model = Toy(DATA.spec)
    plain = models.Model(DATA.spec)
    assert validation_score(plain, DATA.test, 0) == {}
    with pytest.raises(NotImplementedError, match="neither a likelihood nor samples"):
        evaluate(plain, DATA)
    assert "log_prob" in evaluate(model, DATA)


def test_the_self_check_passes_and_finds_planted_errors(monkeypatch):
    results = list(run_checks())
    assert all(passed for _, passed, _ in results), results
    with monkeypatch.context() as patch:
        names = [name for name, p in registry.items() if p.forward.__module__.startswith("minigen.ops.")]
        for name in names:
            def wrong(g, residuals, needed, rule=registry[name].vjp):
                return tuple(None if value is None else 1.01 * value for value in rule(g, residuals, needed))

            patch.setattr(registry[name], "vjp", wrong)
        failed = {title: detail for title, passed, detail in itertools.islice(run_checks(), 2) if not passed}
    told = failed["gradients of the primitives"]
    assert told.startswith(f"0 of {len(names)}") and all(f"; {name}: " in told for name in names)
    with monkeypatch.context() as patch:
        patch.setattr("minigen.evaluation.selfcheck.philox_block", lambda key, counter: (0, 0, 0, 0))
        assert not next(iter(run_checks()))[1]
