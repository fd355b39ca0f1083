"""The identity checks pass on models that are right and fail, each for its own reason, on models that are wrong."""

import re

import numpy as np
import pytest
from scipy import special, stats

import minigen
from evaluation.toys import (
    Affine,
    Coins,
    Conditional,
    Digits,
    Gaussian,
    HoledCoins,
    Latent,
    Pair,
    Rectangle,
    Table,
    TwoModes,
)
from minigen import DataSpec, models
from minigen.arrays import as_generator
from minigen.distributions import Normal
from minigen.evaluation import Check, all_passed, identities
from minigen.evaluation.bounds import grid_log_prob
from minigen.models import Model, Takes

RIGHT = {
    "normal": lambda **k: Gaussian(1, **k),
    "normal in the plane": lambda **k: Gaussian(2, **k),
    "normal in 12 dimensions": lambda **k: Gaussian(12, **k),
    "rectangle": lambda **k: Rectangle(1, **k),
    "rectangle in the plane": lambda **k: Rectangle(2, **k),
    "modes on the line": lambda **k: TwoModes(1, **k),
    "modes in the plane": lambda **k: TwoModes(2, **k),
    "modes in 6 dimensions": lambda **k: TwoModes(6, **k),
    "few coins": lambda **k: Coins(6, **k),
    "many coins": lambda **k: Coins(24, **k),
    "very many coins": lambda **k: Coins(70, **k),
    "few digits": lambda **k: Digits(3, **k),
    "many digits": lambda **k: Digits(15, **k),
    "table": lambda **k: Table(**k),
    "conditional": lambda **k: Conditional(2, **k),
    "conditional in 4 dimensions": lambda **k: Conditional(4, **k),
    "latent": lambda **k: Latent(**k),
}
# of samples that are wrong, by as little as 4000 of them show
WRONG_SAMPLERS = {
    "scale": Gaussian(1, scale=1.15), "shift": Gaussian(1, shift=0.15), "scale in the plane": Gaussian(2, scale=0.85),
    "scale in 12 dimensions": Gaussian(12, scale=1.08), "shift in 12 dimensions": Gaussian(12, shift=0.15),
    "weights of the modes": TwoModes(1, first=0.78), "weights in 6 dimensions": TwoModes(6, first=0.78),
    "dependence of coins": Coins(6, agree=0.7), "dependence of many coins": Coins(24, agree=0.75),
    "digits": Digits(3, drawn=(0.4, 0.4, 0.2)), "many digits": Digits(15, drawn=(0.45, 0.35, 0.2)),
    "table": Table(shift=0.2), "conditional": Conditional(2, shift=0.15),
    "conditional in 4 dimensions": Conditional(4, shift=0.15),
    "outside the support": Rectangle(1, top=1.01), "not all of the support": Rectangle(2, top=0.9),
}


def report(model, **keywords):
    checks = list(identities(model, **{"rng": 1, **keywords}))
    assert all(isinstance(check, Check) and check.detail for check in checks)
    return {check.name: check for check in checks}


@pytest.mark.parametrize("name", RIGHT)
def test_right_models_pass(name):
    checks = report(RIGHT[name](), samples=10_000 if name == "very many coins" else 1000)
    assert all_passed(checks.values()), checks
    assert checks["normalisation"].passed and checks["sampler against density"].passed and checks["samples"].passed


@pytest.mark.parametrize("number, name", list(enumerate(RIGHT)))
def test_densities_that_are_not_normalised_fail_only_that(number, name):
    excess, samples = (0.08, 1000) if name != "very many coins" else (0.3, 10_000)
    checks = report(RIGHT[name](excess=excess if number % 2 else -excess), samples=samples)
    assert checks["normalisation"].passed is False, checks
    assert checks["sampler against density"].passed is True, checks


@pytest.mark.parametrize("name", WRONG_SAMPLERS)
def test_wrong_samplers_fail_only_that(name):
    checks = report(WRONG_SAMPLERS[name], samples=4000)
    assert checks["sampler against density"].passed is False, checks
    assert checks["normalisation"].passed, checks


@pytest.mark.parametrize("columns", [1, 2, 6])
def test_modes_that_samples_never_show_are_missed_as_mass_or_found(columns):
    checks = report(TwoModes(columns, first=1.0), samples=3000)
    failed = {name for name, check in checks.items() if check.passed is False}
    assert failed in ({"normalisation"}, {"sampler against density"})


def test_methods_are_chosen_by_the_spec():
    reports = {name: report(RIGHT[name](), samples=2000) for name in ("normal", "few coins", "many coins", "table")}
    assert "bridge sampling" in report(RIGHT["very many coins"](), samples=5000)["normalisation"].detail
    detail = {name: checks["normalisation"].detail for name, checks in reports.items()}
    assert "quadrature" in detail["normal"] and "by enumeration, the sum over 64 examples" in detail["few coins"]
    assert "importance sampling" in detail["many coins"] and "effective sample size" in detail["table"]
    detail = {name: checks["sampler against density"].detail for name, checks in reports.items()}
    assert "cells" in detail["normal"] and "counts of 64 examples" in detail["few coins"]
    assert "Metropolis" in detail["many coins"] and "accepted" in detail["table"]


def test_a_correct_model_is_seldom_accused():
    models = [Gaussian(1), Gaussian(3), Coins(6), Coins(20), Table()]
    wrong = [
        (type(model), seed) for model in models for seed in range(2, 5)
        if not all_passed(identities(model, rng=seed, samples=500))
    ]
    assert wrong == []


@pytest.mark.slow
@pytest.mark.parametrize("model, runs", [(Gaussian(4), 150), (Coins(70), 60)])
def test_scores_are_standard_normal(model, runs):
    scores = []
    for seed in range(runs):
        detail = report(model, rng=seed, samples=5000)["normalisation"].detail
        scores.append(float(re.search(r"([+-][\d.]+) standard errors from", detail)[1]))
    assert abs(np.mean(scores)) < 4.5 / runs**0.5 + 0.05  # scores are printed with one digit
    assert np.std(scores) == pytest.approx(1, abs=4.5 / (2 * runs) ** 0.5 + 0.05)


def test_samples_that_do_not_fit_the_spec_end_the_report():
    for change, words in ((lambda x: x + 1, "expected integers 0 to 1"), (lambda x: x[:, :4], "shape"),
                          (lambda x: np.where(x, np.nan, 0.0), "not finite")):
        model = Coins(6)
        draw = model.draw
        model.draw = lambda n, random, draw=draw, change=change: change(draw(n, random))
        model.sample = lambda n, rng, model=model: model.draw(n, np.random.default_rng(0))
        checks = report(model)
        assert list(checks) == ["samples"] and checks["samples"].passed is False and words in checks["samples"].detail


def test_densities_that_are_nan_or_zero():
    model = Gaussian(3)
    model.density = lambda x: np.where(x[:, 0] > 0, np.nan, 0.0)
    checks = report(model, samples=500)
    assert checks["normalisation"].passed is False and "NaN" in checks["normalisation"].detail
    assert checks["sampler against density"].passed is False and "NaN" in checks["sampler against density"].detail
    coins = Coins(4)
    coins.density = lambda x: np.full(len(x), np.nan)
    assert report(coins)["normalisation"].passed is False
    narrow = Rectangle(1)
    narrow.density = lambda x: np.where((x[:, 0] > 0.3) & (x[:, 0] < 0.31), np.log(100), -np.inf)
    assert "density 0" in report(narrow)["sampler against density"].detail


def test_float32_models_are_judged_by_float32():
    single = Coins(14)
    double = single.density
    single.density = lambda x: double(x).astype(np.float32)
    assert report(single)["normalisation"].passed
    assert all_passed(report(Gaussian(2, dtype=np.float32)).values())
    assert all_passed(report(Gaussian(5, dtype=np.float32)).values())


def test_far_and_narrow_densities():
    for centre, scale in ((1e6, 1e-3), (-1e-7, 1e-9), (0, 1e8)):
        for columns in (1, 2, 3):
            model = Gaussian(columns, scale=scale, shift=centre)
            model.density = lambda x, s=scale, c=centre: stats.norm.logpdf(x, c, s).sum(axis=1)
            assert all_passed(report(model, samples=1000).values()), (centre, scale, columns)


def test_models_without_a_likelihood_are_skipped_with_a_reason():
    class Sampler(Model):
        def sample(self, n, rng, condition=None, given=None):
            return as_generator(rng).standard_normal((n, 2))

    checks = report(Sampler(DataSpec((2,), "continuous")))
    assert checks["samples"].passed and checks["normalisation"].passed is None
    assert checks["sampler against density"].passed is None and "no log_prob" in checks["normalisation"].detail
    far = Digits(4)
    far.spec = DataSpec((40, 50), "discrete", 200)
    far.sample = lambda n, rng, condition=None: np.zeros((n, 40, 50), int)
    far.log_prob = lambda x, condition=None: np.zeros(len(x))
    checks = report(far, samples=200)
    assert checks["normalisation"].passed is None and "too many" in checks["normalisation"].detail


def test_bounds_of_a_model_whose_likelihood_is_known():
    right = report(Latent())
    assert [name for name in right if "bound" in name or "elbo" in name] == [
        "elbo below the bound with 64 samples", "elbo below the likelihood",
        "bound with 64 samples below the likelihood"]
    assert all_passed(right.values()), right
    above = report(Latent(above=1.0))
    assert above["elbo below the bound with 64 samples"].passed is False
    assert above["elbo below the likelihood"].passed is False
    assert above["bound with 64 samples below the likelihood"].passed
    loose = report(Latent(bound_above=0.1))
    assert loose["bound with 64 samples below the likelihood"].passed is False
    assert loose["elbo below the likelihood"].passed


def test_class_probabilities():
    spec, rng = DataSpec((3,), ("binary", "continuous", "discrete"), (None, None, 4)), np.random.default_rng(0)
    model = models.create("naive_bayes", spec, n_classes=3)
    x = np.stack([rng.random(90) < 0.4, rng.normal(size=90), rng.integers(0, 4, 90)], axis=1)
    model.fit(x, 0, labels=np.arange(90) % 3)
    check = report(model, samples=500)["class probabilities"]
    assert check.passed and "3 classes" in check.detail and "Bayes" in check.detail
    exact = model.predict_log_proba
    model.predict_log_proba = lambda *x: exact(*x) + 1e-6
    assert report(model, samples=500)["class probabilities"].passed is False
    model.predict_log_proba = lambda *x: exact(*x)[:, [1, 2, 0]]  # still a distribution, but not the model's
    assert report(model, samples=500)["class probabilities"].passed is False
    model.takes = Takes(mixed=True)  # without marginals, which need the probabilities too
    model.predict_log_proba = lambda *x: exact(*x)[:, 0]
    assert "expected shape" in report(model, samples=500)["class probabilities"].detail


def test_a_classifier_that_draws_labels_only():
    class Tosses(Model):
        wrong = 1.0

        def predict_log_proba(self, x, observed=None):
            return special.log_softmax(np.stack([x[:, 0], x[:, 1], 0 * x[:, 0]], axis=1), axis=1)

        def sample(self, n, rng, condition=None, given=None):
            if condition is None:
                raise NotImplementedError("it draws labels")
            p = np.exp(self.predict_log_proba(self.wrong * condition[:1]))[0]
            return np.random.default_rng(rng.words(2)).choice(3, size=n, p=p)

    model = Tosses(DataSpec((2,), "continuous"))
    checks = report(model)
    assert checks["samples"].passed is None and "it draws labels" in checks["samples"].detail
    assert checks["class probabilities"].passed and checks["labels drawn"].passed
    model.wrong = 0.8
    assert report(model)["labels drawn"].passed is False


def test_a_classifier_without_samples():
    class Coin(Model):
        def predict_log_proba(self, x, observed=None):
            return np.log(np.stack([special.expit(x[:, 0]), special.expit(-x[:, 0])], axis=1))

    checks = report(Coin(DataSpec((2,), "continuous")))
    assert checks["samples"].passed is None and checks["class probabilities"].passed and len(checks) == 2


@pytest.mark.parametrize("model", [Pair(), Pair(shy=True), HoledCoins(4), HoledCoins(20)])
def test_models_that_take_missing_values(model):
    checks = report(model, samples=4000)
    assert checks["marginals"].passed and checks["imputation against density"].passed, checks
    assert all_passed(checks.values())


@pytest.mark.parametrize("model, failing", [
    (Pair(lie=0.01), "marginals"), (Pair(nothing=1e-6), "marginals"), (Pair(deaf=True), "imputation against density"),
    (HoledCoins(4, lie=1.001), "marginals"), (HoledCoins(4, deaf=True), "imputation against density"),
    (HoledCoins(20, lie=1.001), "marginals"), (HoledCoins(20, deaf=True), "imputation against density"),
])
def test_wrong_marginals_and_imputations_fail_only_that(model, failing):
    checks = report(model, samples=4000)
    assert {name for name, check in checks.items() if check.passed is False} == {failing}, checks


class WithPrior(models.model_class("vae")):
    """The variational autoencoder, naming its prior; its bounds can be too high."""

    above = 0.0

    @property
    def prior(self):
        return Normal(np.zeros(self.config.latent_dim), np.ones(self.config.latent_dim), event_ndim=1)

    def iwae_bound(self, x, k, rng):
        return super().iwae_bound(x, k, rng) + self.above


def small_vae(latent_dim):
    model = WithPrior(DataSpec((5,), "binary"), models.model_class("vae").Config((6,), latent_dim, "tanh"), rng=3)
    for parameter in model.decoder.parameters():  # far from the flat model that initial parameters make
        parameter.assign(2 * parameter.data)
    return model


@pytest.mark.parametrize("latent_dim", [1, 2])
def test_bounds_of_a_variational_autoencoder_whose_latents_are_integrated(latent_dim):
    model = small_vae(latent_dim)
    checks = report(model, samples=1000)
    assert all_passed(checks.values()), checks
    assert checks["normalisation"].passed and "enumeration" in checks["normalisation"].detail
    assert checks["sampler against density"].passed and "counts of 32" in checks["sampler against density"].detail
    assert "grid" in checks["elbo below the likelihood"].detail
    model.above = 0.3
    checks = report(model, samples=1000)
    assert {name for name, check in checks.items() if check.passed is False} == {
        "bound with 64 samples below the likelihood", "exp of the bound with 64 samples adds up to at most 1"}
    draw = model.sample
    model.sample = lambda n, rng: draw(n, rng) * draw(n, 1)
    assert report(model, samples=1000)["sampler against density"].passed is False


def test_the_grid_is_quadrature():
    model = small_vae(1)
    states = np.array([[n >> b & 1 for b in range(5)] for n in range(32)], np.uint8)
    log_p, error = grid_log_prob(model, model.prior, states)
    nodes, weights = np.polynomial.hermite_e.hermegauss(120)
    with minigen.no_grad():
        decoded = model.decode(nodes[:, None].astype(np.float32))
        p_x = [(np.exp(decoded.log_prob(x).data) * weights).sum() / weights.sum() for x in states]
    np.testing.assert_allclose(log_p, np.log(p_x), atol=1e-4)
    assert np.exp(log_p).sum() == pytest.approx(1, abs=1e-5) and error.max() < 1e-5
    with pytest.raises(ValueError, match="one or two latent"):
        grid_log_prob(model, Normal(np.zeros(3), np.ones(3), event_ndim=1), states)


class Plain(models.model_class("vae")):
    """The variational autoencoder without its prior."""

    prior = models.Model.prior

    def iwae_bound(self, x, k, rng, condition=None):
        with_prior = models.model_class("vae")(self.spec, self.config, rng=0)
        with_prior.load_state_dict(self.state_dict())
        return with_prior.iwae_bound(x, k, rng)


def test_latents_without_prior_or_with_too_many_are_skipped():
    named = models.create("vae", DataSpec((5,), "binary"), rng=0, hidden=(4,), latent_dim=1)
    assert report(named, samples=200)["elbo below the likelihood"].passed
    plain = Plain(DataSpec((5,), "binary"), named.config, rng=0)
    checks = report(plain, samples=200)
    assert "prior is not known" in checks["bounds below the likelihood"].detail
    assert checks["normalisation"].passed is None
    assert checks["exp of the bound with 64 samples adds up to at most 1"].passed
    many = small_vae(3)
    assert "too large" in report(many, samples=200)["bounds below the likelihood"].detail
    given = report(plain, samples=200, prior=Normal(np.zeros(1), np.ones(1), event_ndim=1))
    assert given["elbo below the likelihood"].passed


def test_reports_are_reproducible():
    assert list(identities(Table(), rng=5, samples=500)) == list(identities(Table(), rng=5, samples=500))


@pytest.mark.parametrize("call, words", [
    (lambda: identities(object()), "model: expected a models.Model"),
    (lambda: identities(Affine(2)), "or a bijection with points"),
    (lambda: identities(Gaussian(2), samples=5), "samples: expected"),
    (lambda: identities(Gaussian(2), condition=np.zeros(2)), "condition: .* takes none"),
    (lambda: identities(Conditional(2), condition=np.zeros(3)), "condition: expected one example"),
    (lambda: identities(Gaussian(2), rng=None), "rng"),
])
def test_bad_input(call, words):
    with pytest.raises((ValueError, TypeError), match=words):
        list(call())


def test_a_density_of_the_wrong_shape_is_named():
    model = Gaussian(3)
    model.density = lambda x: np.zeros((len(x), 1))
    with pytest.raises(ValueError, match=r"Gaussian.log_prob: expected shape \(\d+,\)"):
        report(model)
