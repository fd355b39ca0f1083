"""The variational autoencoder against quadrature: with one latent dimension every integral over z is a sum."""

import math

import numpy as np
import pytest
from scipy import special, stats

import minigen
from minigen import DataSpec, models
from minigen.autograd import grad
from minigen.autograd.tensor import raw
from minigen.data import Batch
from minigen.layers import Linear, Module
from minigen.models.latent import vae as vae_file

D = 4
POINTS = np.array([[i >> b & 1 for b in range(D)] for i in range(2**D)], np.uint8)  # every x
Z = np.linspace(-9, 9, 4001)
REPEATS = 100
WEIGHTS = stats.norm.pdf(Z) * (Z[1] - Z[0])


@pytest.fixture(scope="module")
def model():
    vae = models.create("vae", DataSpec((D,), "binary"), rng=3, hidden=(7,), latent_dim=1, activation="tanh")
    vae.to(dtype="float64")
    random = np.random.default_rng(0)
    for name, parameter in vae.named_parameters():
        if name.startswith("decoder"):  # away from the initial near-independence of x and z
            parameter.assign(parameter.data + 0.7 * random.standard_normal(parameter.shape))
        else:  # a posterior about as wide as the prior, so that the importance weights have light tails
            parameter.assign(0.3 * parameter.data + 0.1 * random.standard_normal(parameter.shape))
    return vae


def affine(x, layer):
    return x @ layer.weight.data + layer.bias.data


def log_likelihood(vae, x, z):
    """log p(x | z) for all pairs, written out with the model's weights."""
    first, last = vae.decoder.layers
    p = special.expit(affine(np.tanh(affine(z[:, None], first)), last))
    return np.log(p) @ x.T + np.log1p(-p) @ (1 - x).T


def posterior(vae, x):
    """Mean and standard deviation of q(z | x), written out."""
    first, last = vae.encoder.layers
    mean, log_scale = affine(np.tanh(affine(x.astype(float), first)), last).T
    return mean, np.exp(log_scale)


def exact_log_prob(vae):
    return special.logsumexp(log_likelihood(vae, POINTS, Z), axis=0, b=WEIGHTS[:, None])


def exact_elbo(vae):
    """E_q[log p(x | z) + log p(z) - log q(z | x)] by quadrature under each q."""
    mean, scale = posterior(vae, POINTS)
    u = np.linspace(-9, 9, 4001)
    values = []
    for i, x in enumerate(POINTS):
        z = mean[i] + scale[i] * u
        log_q = stats.norm.logpdf(z, mean[i], scale[i])
        integrand = log_likelihood(vae, x[None], z)[:, 0] + stats.norm.logpdf(z) - log_q
        values.append((stats.norm.pdf(u) * integrand).sum() * (u[1] - u[0]))
    return np.array(values)


def repeated(function, times):
    """Mean and standard error over independent draws, a hundred in a call, for each x."""
    rows = np.tile(POINTS, (REPEATS, 1))
    values = [raw(function(rows, seed)).reshape(REPEATS, -1) for seed in range(times // REPEATS)]
    values = np.concatenate(values)  # (times, points)
    return values.mean(0), values.std(0, ddof=1) / math.sqrt(times)


def test_probabilities_sum_to_one(model):
    assert np.exp(exact_log_prob(model)).sum() == pytest.approx(1, abs=1e-9)


def test_elbo_is_unbiased(model):
    mean, error = repeated(model.elbo, 3000)
    assert np.all(np.abs(mean - exact_elbo(model)) < 4.5 * error)


def test_bounds_rise_to_the_log_likelihood(model):
    exact, previous = exact_log_prob(model), exact_elbo(model)
    for k, times in ((2, 2000), (8, 2000), (64, 1000)):
        mean, error = repeated(lambda x, seed, k=k: model.iwae_bound(x, k, seed), times)
        assert np.all(mean < exact + 4.5 * error)
        assert np.all(mean > previous - 4.5 * error)
        assert (mean - previous).mean() > 0
        previous = mean
    assert (exact - mean).mean() < 0.1 * (exact - exact_elbo(model)).mean()  # most of the gap is closed


def test_one_importance_sample_is_the_elbo(model):
    mean, error = repeated(lambda x, seed: model.iwae_bound(x, 1, seed), 3000)
    assert np.all(np.abs(mean - exact_elbo(model)) < 4.5 * error)


def test_samples_follow_the_density(model):
    n = 20000
    x = model.sample(n, rng=5)
    assert x.dtype == np.uint8 and x.shape == (n, D)
    counts = np.bincount(x @ (1 << np.arange(D)), minlength=2**D)
    assert stats.chisquare(counts, n * np.exp(exact_log_prob(model))).pvalue > 1e-4


def test_loss_is_the_mean_bound_and_its_gradient_is_right(model):
    (objective,) = model.objectives()
    x = POINTS[[3, 9, 14]]
    loss, metrics = objective.loss(Batch(x), 11, 0)
    assert float(loss) == pytest.approx(-float(raw(model.elbo(x, 11)).mean()), rel=1e-12)
    parts = float(raw(metrics["reconstruction"])) - float(raw(metrics["kl"]))
    assert float(raw(metrics["elbo"])) == pytest.approx(parts, rel=1e-12)
    random = np.random.default_rng(1)
    for parameter, gradient in zip(objective.parameters, grad(loss, objective.parameters), strict=True):
        start, h = parameter.data.copy(), 1e-4
        direction = random.standard_normal(parameter.shape)
        values = []
        for step in (-2, -1, 1, 2):
            parameter.assign(start + step * h * direction)
            values.append(float(objective.loss(Batch(x), 11, 0)[0]))
        parameter.assign(start)
        numeric = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
        assert (gradient * direction).sum() == pytest.approx(numeric, rel=1e-6, abs=1e-8)


def test_kl_is_that_of_the_posterior(model):
    x = POINTS[[5]]
    _, metrics = model.objectives()[0].loss(Batch(x), 0, 0)
    mean, scale = posterior(model, x)
    z = mean[0] + scale[0] * np.linspace(-9, 9, 4001)
    q = stats.norm.pdf(z, mean[0], scale[0])
    expected = (q * (stats.norm.logpdf(z, mean[0], scale[0]) - stats.norm.logpdf(z))).sum() * (z[1] - z[0])
    assert float(raw(metrics["kl"])) == pytest.approx(expected, rel=1e-7)


KINDS = {  # (spec, three examples)
    "discrete": (DataSpec((2,), "discrete", 3), np.array([[0, 2], [1, 1], [2, 0]])),
    "two levels": (DataSpec((2,), "discrete", 2), np.array([[0, 1], [1, 1], [0, 0]])),
    "continuous": (DataSpec((1, 2), "continuous"), np.array([[[0.3, -1.0]], [[0.0, 2.0]], [[-0.7, 0.4]]])),
}


def log_likelihood_of_kind(vae, x, z):
    """log p(x | z) of one example at each z, written out with the model's weights."""
    first, last = vae.decoder.layers
    outputs, x = affine(np.tanh(affine(z[:, None], first)), last), x.reshape(-1)
    if vae.spec.kind == "continuous":
        return stats.norm.logpdf(x, outputs, np.exp(vae.output.log_scale.data[0])).sum(axis=1)
    if vae.spec.levels == 2:
        return np.log(np.where(x == 1, special.expit(outputs), special.expit(-outputs))).sum(axis=1)
    log_p = special.log_softmax(outputs.reshape(len(z), len(x), -1), axis=-1)
    return log_p[:, np.arange(len(x)), x].sum(axis=1)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_of_data_has_its_likelihood(name):
    spec, x = KINDS[name]
    vae = models.create("vae", spec, rng=3, hidden=(7,), latent_dim=1, activation="tanh").to(dtype="float64")
    random = np.random.default_rng(0)
    for key, parameter in vae.named_parameters():
        size = 0.1 if key.startswith("encoder") else 0.5
        parameter.assign(parameter.data * 2 * size + size * random.standard_normal(parameter.shape))
    for example in x:
        exact = special.logsumexp(log_likelihood_of_kind(vae, example, Z), b=WEIGHTS)
        bounds = np.array([raw(vae.iwae_bound(example[None], 500, seed))[0] for seed in range(60)])
        error = bounds.std(ddof=1) / math.sqrt(60)
        assert exact - 0.05 < bounds.mean() < exact + 4.5 * error
        decoded = vae.decode(Z[::400, None])
        assert decoded.event_shape == spec.shape
        np.testing.assert_allclose(raw(decoded.log_prob(example)), log_likelihood_of_kind(vae, example, Z[::400]),
                                   rtol=1e-9)
    samples = vae.sample(20_000, 1)
    if spec.kind == "continuous":  # E x = E_z f(z), Var x = σ² + Var_z f(z)
        first, last = vae.decoder.layers
        outputs = affine(np.tanh(affine(Z[:, None], first)), last)
        mean = (outputs * WEIGHTS[:, None]).sum(axis=0)
        spread = (np.square(outputs - mean) * WEIGHTS[:, None]).sum(axis=0) + np.exp(2 * vae.output.log_scale.data[0])
        rows = samples.reshape(-1, 2)
        assert np.all(np.abs(rows.mean(axis=0) - mean) < 4.5 * np.sqrt(spread / 20_000))
        np.testing.assert_allclose(rows.var(axis=0), spread, rtol=0.06)
    else:
        k = spec.levels
        states = np.array([[i // k, i % k] for i in range(k * k)])
        p = [np.exp(special.logsumexp(log_likelihood_of_kind(vae, state, Z), b=WEIGHTS)) for state in states]
        assert samples.dtype == np.uint8 and stats.chisquare(
            np.bincount(samples @ [k, 1], minlength=k * k), 20_000 * np.array(p) / np.sum(p)).pvalue > 1e-4


def test_temperature_sharpens_what_is_decoded():
    spec, _ = KINDS["continuous"]
    vae = models.create("vae", spec, rng=3, hidden=(7,), latent_dim=1, activation="tanh").to(dtype="float64")
    vae.decoder.layers[-1].weight.assign(np.zeros((7, 2)))  # no spread but that of p(x | z), σ = 1
    for temperature in (0.25, 1.0):
        x = vae.sample(20_000, 1, temperature=temperature)
        np.testing.assert_allclose(x.std(axis=0), temperature, rtol=4.5 / math.sqrt(2 * 20_000))
    for bad in (0, -1.0):
        with pytest.raises(ValueError, match="temperature: expected a number above 0"):
            vae.sample(2, 0, temperature=bad)


def test_data_it_cannot_model_are_refused():
    with pytest.raises(ValueError, match="got a table of binary and continuous columns"):
        models.create("vae", DataSpec((2,), ("binary", "continuous")))


@pytest.mark.parametrize(("settings", "said"), [
    ({"hiden": (3,)}, "did you mean 'hidden'"), ({"hidden": (0,)}, "hidden"), ({"hidden": "x"}, "hidden"),
    ({"latent_dim": 0}, "latent_dim"), ({"latent_dim": 2.5}, "latent_dim"), ({"activation": "rulu"}, "activation"),
    ({"dropout": 1.0}, "dropout"),
])
def test_bad_settings_are_refused(settings, said):
    with pytest.raises((ValueError, TypeError), match=said):
        models.create("vae", DataSpec((4,), "binary"), **settings)


def test_unknown_model_is_refused():
    with pytest.raises(ValueError, match="did you mean 'vae'"):
        models.create("vea", DataSpec((4,), "binary"))
    assert models.available()["latent"] == ["vae"]


@pytest.mark.parametrize(("call", "said"), [
    (lambda m: m.elbo(np.zeros((2, 3)), 0), r"\(batch, 4\)"),
    (lambda m: m.elbo(np.full((2, 4), 0.5), 0), "values 0 and 1"),
    (lambda m: m.iwae_bound(POINTS, 0, 0), "k: "),
    (lambda m: m.sample(0, 0), "n: "),
    (lambda m: m.sample(2, 0, condition=1), "condition"),
])
def test_bad_calls_are_refused(model, call, said):
    with pytest.raises((ValueError, TypeError), match=said):
        call(model)


CONDITIONS = {  # (spec of c, values of c for three examples, the features written out)
    "class": (DataSpec((), "discrete", 3), np.array([2, 0, 1]), np.eye(3)[[2, 0, 1]]),
    "vector": (DataSpec((2,), "continuous"), np.array([[0.5, -1.0], [2.0, 0.0], [-0.3, 0.7]]),
               np.array([[0.5, -1.0], [2.0, 0.0], [-0.3, 0.7]])),
    "image": (DataSpec((1, 2, 1), "binary"), np.array([0, 1, 1, 0, 1, 1], np.uint8).reshape(3, 1, 2, 1),
              np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])),
    "sequence": (DataSpec((2, 1), "discrete", 2), np.array([0, 1, 1, 1, 0, 0]).reshape(3, 2, 1),
                 np.array([[1.0, 0, 0, 1], [0, 1, 0, 1], [1, 0, 1, 0]])),
}


def conditional(spec):
    vae = models.create("vae", DataSpec((2, 2, 1), "binary", condition=spec), rng=3, hidden=(7,), latent_dim=1,
                        activation="tanh").to(dtype="float64")
    random = np.random.default_rng(0)
    for name, parameter in vae.named_parameters():  # biases too; posteriors about as wide as the prior
        size = 0.5 if name.startswith("decoder") else 0.1
        parameter.assign(parameter.data * 2 * size + size * random.standard_normal(parameter.shape))
    return vae


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_density_given_a_condition_is_the_integral_over_z(name):
    """iwae_bound → log ∫ p(x | z, c) p(z) dz, with the networks written out; the elbo is below it; decode agrees."""
    spec, c, features = CONDITIONS[name]
    vae, x = conditional(spec), POINTS[[3, 9, 14]].reshape(3, 2, 2, 1)
    first, last = vae.decoder.layers
    for row in range(3):
        z = np.concatenate([Z[:, None], np.broadcast_to(features[row], (len(Z), features.shape[1]))], axis=1)
        p = special.expit(affine(np.tanh(affine(z, first)), last))
        bits = POINTS[[3, 9, 14]][row]
        log_p_x = np.log((np.where(bits == 1, p, 1 - p).prod(axis=1) * WEIGHTS).sum())
        bounds = np.array([raw(vae.iwae_bound(x[row:row + 1], 400, seed, c[row:row + 1]))[0] for seed in range(40)])
        error = bounds.std(ddof=1) / math.sqrt(40)
        assert log_p_x - 0.05 < bounds.mean() < log_p_x + 4.5 * error
        elbo = np.array([raw(vae.elbo(x[row:row + 1], seed, c[row])) for seed in range(300)])
        assert elbo.mean() < log_p_x + 4.5 * elbo.std() / math.sqrt(300)
        decoded = vae.decode(Z[:5, None], c[row])
        assert decoded.batch_shape == (5,) and decoded.event_shape == (2, 2, 1)
        np.testing.assert_allclose(raw(decoded.mean).reshape(5, -1), p[:5], rtol=1e-9)
    with pytest.raises(ValueError, match="condition: vae is p\\(x"):
        vae.elbo(x, 0)


@pytest.mark.parametrize("name", CONDITIONS)
def test_conditions_pass_through_every_method_and_get_gradients(name):
    spec, c, _ = CONDITIONS[name]
    vae, x = conditional(spec), POINTS[[3, 9, 14]].reshape(3, 2, 2, 1)
    assert vae.sample(3, 0, c).shape == (3, 2, 2, 1) and vae.sample(5, 0, c[0]).shape == (5, 2, 2, 1)
    assert vae.encode(x, c).batch_shape == (3,)
    one_by_one = [raw(vae.encode(x[i:i + 1], c[i]).loc)[0] for i in range(3)]
    np.testing.assert_allclose(raw(vae.encode(x, c).loc), one_by_one, rtol=1e-12)
    loss, _ = vae.loss(Batch(x, c), 1, 0)
    assert float(loss) == pytest.approx(-float(raw(vae.elbo(x, 1, c)).mean()))
    if spec.kind == "continuous":
        c = minigen.Tensor(c)
        gradient = grad(vae.elbo(x, 1, c).sum(), c)
        h, direction = 1e-5, np.random.default_rng(0).standard_normal(c.shape)
        ends = [float(raw(vae.elbo(x, 1, c.data + sign * h * direction)).sum()) for sign in (1, -1)]
        assert (gradient * direction).sum() == pytest.approx((ends[0] - ends[1]) / (2 * h), rel=1e-6)


def test_dropout_acts_in_training_alone():
    vae = models.create("vae", DataSpec((D,), "binary"), rng=3, hidden=(300,), latent_dim=2, dropout=0.5)
    plain = models.create("vae", DataSpec((D,), "binary"), rng=3, hidden=(300,), latent_dim=2)
    plain.load_state_dict(vae.state_dict())
    np.testing.assert_array_equal(raw(vae.elbo(POINTS, 7)), raw(plain.elbo(POINTS, 7)))
    assert float(vae.loss(Batch(POINTS), 7, 0)[0]) != pytest.approx(float(plain.loss(Batch(POINTS), 7, 0)[0]), abs=1e-4)


def test_blocks_of_importance_samples_make_the_same_bound(model, monkeypatch):
    whole, error = repeated(lambda x, seed: model.iwae_bound(x, 12, seed), 1500)
    monkeypatch.setattr(vae_file, "BLOCK", 5 * D * REPEATS * len(POINTS))  # 12 samples as 5, 5 and 2
    blocks, other_error = repeated(lambda x, seed: model.iwae_bound(x, 12, seed + 10_000), 1500)
    assert np.all(np.abs(whole - blocks) < 4.5 * np.hypot(error, other_error))


class Rows(Module):
    """A network of one's own: one linear layer, and a note of how it was called."""

    def __init__(self, n, m):
        self.layer, self.trained = Linear(n, m, rng=0), []

    def __call__(self, x, *, train=False, rng=None):
        self.trained.append(train)
        return self.layer(x)


def test_networks_of_one_s_own():
    spec = DataSpec((2, 2, 1), "binary")
    vae = models.model_class("vae")(spec, vae_file.Config(latent_dim=3), rng=0, encoder=Rows(4, 6), decoder=Rows(3, 4))
    x = POINTS.reshape(-1, 2, 2, 1)
    assert raw(vae.elbo(x, 0)).shape == (16,) and vae.decode(np.zeros((2, 5, 3))).event_shape == (2, 2, 1)
    vae.loss(Batch(x), 0, 0)
    assert vae.encoder.trained == [False, True] and vae.decoder.trained == [False, False, True]
    assert {name.split(".")[0] for name, _ in vae.named_parameters()} == {"encoder", "decoder"}
