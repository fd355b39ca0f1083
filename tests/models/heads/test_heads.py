"""Heads: densities against scipy's, draws against the densities, temperature, codes."""

import itertools

import numpy as np
import pytest
from scipy import special, stats

from minigen.autograd import Parameter, Tensor, check_grads, grad, raw
from minigen.models import heads

RANDOM = np.random.default_rng(7)


def shared(log_scale):
    head = heads.SharedNormalHead().to(dtype="float64")
    head.log_scale.assign(np.array([log_scale]))
    return head


CONTINUOUS = {  # name: (head, density of x given one row of parameters at a temperature, and its distribution function)
    "normal": (heads.NormalHead(), lambda p, t: stats.norm(p[0], t * np.exp(p[1]))),
    "normal floor": (heads.NormalHead(0.3), lambda p, t: stats.norm(p[0], t * (np.exp(p[1]) + 0.3))),
    "fixed normal": (heads.FixedNormalHead(0.7), lambda p, t: stats.norm(p[0], t * 0.7)),
    "shared normal": (shared(-0.4), lambda p, t: stats.norm(p[0], t * np.exp(-0.4))),
    "normal mixture": (heads.MixtureHead(3), lambda p, t: Mixture(p, t, stats.norm, 0.0)),
    "laplace mixture": (heads.MixtureHead(3, "laplace", 0.2), lambda p, t: Mixture(p, t, stats.laplace, 0.2)),
    "logistic mixture": (heads.MixtureHead(3, "logistic", 0.2), lambda p, t: Mixture(p, t, stats.logistic, 0.2)),
}
DISCRETE = {  # name: (head, probability of one value given one row of parameters at a temperature)
    "bernoulli": (heads.BernoulliHead(), lambda x, p, t: special.expit((2.0 * x - 1) * p[0] / t)),
    "categorical": (heads.CategoricalHead(5), lambda x, p, t: special.softmax(p / t)[x]),
    "grey pixel": (heads.PixelMixtureHead(3, 1, 4), lambda x, p, t: pixel(x, p, t, 3, 1, 4)),
    "coloured pixel": (heads.PixelMixtureHead(2, 3, 3), lambda x, p, t: pixel(x, p, t, 2, 3, 3)),
}
HEADS = {name: entry[0] for name, entry in (CONTINUOUS | DISCRETE).items()}


class Mixture:
    """Σ_k w_k times a density of scipy's, from logits, locations and log scales."""

    def __init__(self, p, temperature, family, floor):
        logits, self.loc, log_scale = np.split(p, 3)
        self.w = special.softmax(logits / temperature)
        self.family, self.scale = family, temperature * (np.exp(log_scale) + floor)

    def logpdf(self, x):
        return np.log((self.w * self.family.pdf(np.asarray(x)[..., None], self.loc, self.scale)).sum(axis=-1))

    def cdf(self, x):
        return (self.w * self.family.cdf(np.asarray(x)[..., None], self.loc, self.scale)).sum(axis=-1)


def pixel(x, p, temperature, components, colours, levels):
    """Σ_m w_m Π_c of the logistic distribution's mass in the bin of x_c, straight from the formula."""
    rows, total, half = p.reshape(-1, components), 0.0, 1 / (levels - 1)
    w, scaled = special.softmax(rows[0] / temperature), 2 * np.asarray(x) / (levels - 1) - 1
    for m in range(components):
        mass, row = w[m], 1
        for c in range(colours):
            loc = rows[row, m] + sum(np.tanh(rows[row + 2 + j, m]) * scaled[j] for j in range(c))
            scale = temperature * np.exp(max(rows[row + 1, m], -7.0))
            upper = 1.0 if x[c] == levels - 1 else special.expit((scaled[c] + half - loc) / scale)
            lower = 0.0 if x[c] == 0 else special.expit((scaled[c] - half - loc) / scale)
            mass, row = mass * (upper - lower), row + 2 + c
        total += mass
    return total


def values_of(head):
    """All values of a head of integers."""
    if not head.event_shape:
        return list(range(head.levels))
    return [np.array(x) for x in itertools.product(range(head.levels), repeat=head.event_shape[0])]


@pytest.mark.parametrize("temperature", [0.6, 1.0])
@pytest.mark.parametrize("name", CONTINUOUS)
def test_density_of_real_numbers(name, temperature):
    head, density = CONTINUOUS[name]
    parameters, x = RANDOM.standard_normal((6, head.width)), 2 * RANDOM.standard_normal(6)
    found = raw(head.distribution(parameters, temperature=temperature).log_prob(x))
    expected = [density(p, temperature).logpdf(value) for p, value in zip(parameters, x, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.parametrize("temperature", [0.6, 1.0])
@pytest.mark.parametrize("name", DISCRETE)
def test_probabilities_of_integers(name, temperature):
    head, probability = DISCRETE[name]
    p = RANDOM.standard_normal(head.width)
    values = values_of(head)
    found = raw(head.distribution(np.tile(p, (len(values), 1)), temperature=temperature).log_prob(np.array(values)))
    expected = np.array([probability(x, p, temperature) for x in values])
    np.testing.assert_allclose(np.exp(found), expected, rtol=1e-9)
    assert abs(expected.sum() - 1) < 1e-12


@pytest.mark.parametrize("temperature", [0.6, 1.0])
@pytest.mark.parametrize("name", HEADS)
def test_draws_follow_the_density(name, temperature):
    n, random = 20_000, np.random.default_rng(11)
    if name in CONTINUOUS:
        head, density = CONTINUOUS[name]
        p = random.standard_normal(head.width)
        x = head.sample(np.tile(p, (n, 1)), 3, temperature)
        assert stats.kstest(x, density(p, temperature).cdf).pvalue > 1e-4
    else:
        head, probability = DISCRETE[name]
        p = random.standard_normal(head.width)
        x = head.sample(np.tile(p, (n, 1)), 3, temperature)
        values = values_of(head)
        counts = [(x == value).reshape(n, -1).all(axis=1).sum() for value in values]
        expected = n * np.array([probability(value, p, temperature) for value in values])
        assert stats.chisquare(counts, expected).pvalue > 1e-4


@pytest.mark.parametrize("name", HEADS)
def test_the_distribution_draws_by_its_density_too(name):
    """`distribution(...).sample`, which decoders use, against the same densities."""
    n, random = 20_000, np.random.default_rng(12)
    head, density = (CONTINUOUS | DISCRETE)[name]
    p = random.standard_normal(head.width)
    x = np.asarray(head.distribution(p[None]).sample(n, 5)).reshape(n, *head.event_shape)
    if name in CONTINUOUS:
        assert stats.kstest(x, density(p, 1.0).cdf).pvalue > 1e-4
    else:
        values = values_of(head)
        counts = [(x == value).reshape(n, -1).all(axis=1).sum() for value in values]
        assert stats.chisquare(counts, n * np.array([density(value, p, 1.0) for value in values])).pvalue > 1e-4


@pytest.mark.parametrize("name", HEADS)
def test_at_temperature_0_the_likeliest_value_is_drawn(name):
    head, random = HEADS[name], np.random.default_rng(13)
    parameters = 2 * random.standard_normal((50, head.width))
    x, again = head.sample(parameters, 1, 0.0), head.sample(parameters, 2, 0.0)
    np.testing.assert_array_equal(x, again)
    np.testing.assert_allclose(head.sample(parameters, 3, 1e-12), x, atol=1e-9)
    if name == "bernoulli":
        expected = parameters[:, 0] > 0
    elif name == "categorical":
        expected = parameters.argmax(axis=1)
    elif "pixel" in name:
        return  # the component's locations, rounded; the limit above is what there is to say
    else:
        logits, loc, _ = np.split(parameters, 3, axis=1) if "mixture" in name else (None, parameters[:, :1], None)
        best = np.zeros(50, int) if logits is None else logits.argmax(axis=1)
        expected = loc[np.arange(50), best]
    np.testing.assert_allclose(x, expected, rtol=1e-12)


@pytest.mark.parametrize("name", HEADS)
def test_log_densities_are_differentiable(name):
    head, random = HEADS[name], np.random.default_rng(14)
    parameters = random.standard_normal((3, 2, head.width))
    x = head.sample(parameters, 1)
    event_ndim = 1 + len(head.event_shape)
    check_grads(lambda p: head.distribution(p, event_ndim).log_prob(x), [parameters], order=2)
    assert head.distribution(Tensor(parameters), event_ndim).log_prob(x).shape == (3,)


def test_the_shared_scale_is_learned():
    head, parameters, x = shared(0.3), RANDOM.standard_normal((4, 1)), RANDOM.standard_normal(4)
    assert [name for name, _ in head.named_parameters()] == ["log_scale"]
    (slope,) = grad(head.distribution(Parameter(parameters)).log_prob(x).sum(), head.parameters())
    # d/ds Σ log N(x; μ, exp(s)²) = Σ ((x - μ)/σ)² - 1
    expected = (((x - parameters[:, 0]) / np.exp(0.3)) ** 2 - 1).sum()
    np.testing.assert_allclose(raw(slope), [expected], rtol=1e-10)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", HEADS)
def test_dtypes_and_shapes(name, dtype):
    head = HEADS[name]
    parameters = RANDOM.standard_normal((2, 3, head.width)).astype(dtype)
    x = head.sample(parameters, 0)
    assert x.shape == (2, 3, *head.event_shape)
    assert x.dtype == (np.uint8 if head.levels else dtype)
    if name != "shared normal":  # whose own parameter is float64 here
        assert head.distribution(parameters).log_prob(x).dtype == dtype
    assert head.codes(dtype).dtype == dtype


def test_codes():
    x = np.array([[0, 2], [1, 2]])
    np.testing.assert_array_equal(heads.OneHot(3)(x, "float32"), np.eye(3)[x])
    np.testing.assert_array_equal(heads.Scaled(3)(x, "float64")[..., 0], x - 1.0)
    np.testing.assert_array_equal(heads.Number()(x, "float64")[..., 0], x)
    np.testing.assert_array_equal(heads.CategoricalHead(4).codes("float32"), np.eye(4))
    np.testing.assert_array_equal(heads.integer_head(5, heads.Scaled(5)).codes("float64"),
                                  [[-1], [-0.5], [0], [0.5], [1]])
    np.testing.assert_array_equal(heads.BernoulliHead().codes("float64"), [[0], [1]])
    assert heads.MixtureHead(2).codes("float64").shape == (0, 1)
    assert heads.CategoricalHead(300).sample(np.zeros((1, 300)), 0).dtype == np.int64


def test_refusals():
    head = heads.MixtureHead(2)
    with pytest.raises(ValueError, match=r"parameters: expected shape \(..., 6\), got \(3, 5\)"):
        head.distribution(np.zeros((3, 5)))
    with pytest.raises(ValueError, match="event_ndim: expected 0 … 1, got 2"):
        head.distribution(np.zeros((3, 6)), 2)
    with pytest.raises(ValueError, match="event_ndim: expected 1 … 2, got 0"):
        heads.PixelMixtureHead(1, 3, 4).distribution(np.zeros((3, 10)), 0)
    with pytest.raises(ValueError, match="temperature: expected a number above 0"):
        head.distribution(np.zeros((3, 6)), temperature=0.0)
    with pytest.raises(ValueError, match="family: expected one of normal, laplace, logistic"):
        heads.MixtureHead(2, "cauchy")
    with pytest.raises(ValueError, match="scale: expected a number above 0"):
        heads.FixedNormalHead(0)
