"""Shapes, dtypes and mistakes of continuous distributions."""

import numpy as np
import pytest

from distributions.families import FAMILIES
from minigen import Tensor, ops
from minigen import distributions as D

EVERY = pytest.mark.parametrize("name", sorted(FAMILIES))
INF = np.inf


def inside(d, u=0.4):
    """Values within the support, of the distribution's shape."""
    x = d.sample((), 0) * 0 + u if isinstance(d, D.VonMises) else d.icdf(np.full(d.batch_shape + d.event_shape, u))
    return np.asarray(x, d.dtype)


@EVERY
@pytest.mark.parametrize("event_ndim", [0, 1, 2])
def test_events_are_summed(name, event_ndim):
    parameters = FAMILIES[name].parameters((3, 4), seed=1)
    one, d = FAMILIES[name].make(*parameters), FAMILIES[name].make(*parameters, event_ndim=event_ndim)
    x, axes = np.stack([inside(one), inside(one, 0.7)]), tuple(range(-event_ndim, 0))
    assert d.batch_shape + d.event_shape == (3, 4) and d.event_ndim == event_ndim
    np.testing.assert_allclose(d.log_prob(x), one.log_prob(x).sum(axis=axes))
    np.testing.assert_allclose(d.entropy(), one.entropy().sum(axis=axes))
    assert d.log_prob(x).shape == (2, *d.batch_shape) and d.entropy().shape == d.batch_shape
    assert d.mean.shape == d.variance.shape == d.cdf(x[0]).shape == d.cdf(0.5).shape == (3, 4)
    assert d.sample((5, 2), 0).shape == d.rsample((5, 2), 0).shape == (5, 2, 3, 4)
    assert d.sample(0, 0).shape == (0, 3, 4) and d.rsample((), 0).shape == (3, 4)


@EVERY
def test_parameters_broadcast(name):
    """Any one parameter may have fewer axes than the others."""
    family = FAMILIES[name]
    full = [np.broadcast_to(p[:, None], (3, 4)).copy() for p in family.parameters((3,), seed=2)]
    for i in range(len(full)):
        thin = [p[:, :1] if j == i else p for j, p in enumerate(full)]
        d, expected = family.make(*thin, event_ndim=1), family.make(*full, event_ndim=1)
        x = inside(expected)
        np.testing.assert_allclose(d.log_prob(x), expected.log_prob(x))
        for result, wanted in ((d.entropy(), expected.entropy()), (d.mean, expected.mean),
                              (d.variance, expected.variance), (d.sample((), 1), expected.sample((), 1))):
            assert result.shape == wanted.shape
            np.testing.assert_allclose(result, wanted)
    one = family.make(*[p[0, 0] for p in full])
    assert one.batch_shape == () and np.shape(one.sample((), 0)) == np.shape(one.mean) == np.shape(one.entropy()) == ()
    assert family.make(*[p[:0] for p in full]).log_prob(np.zeros((0, 4))).shape == (0, 4)


@EVERY
def test_float32_stays_float32(name):
    family, f = FAMILIES[name], np.float32
    values = family.parameters((3,), seed=4)
    numbers = [float(p[0]) for p in values]
    kinds = [[p.astype(f) for p in values], [values[0].astype(f), *numbers[1:]], [*numbers[:-1], values[-1].astype(f)],
             [Tensor(p.astype(f)) for p in values]]
    for parameters in kinds:
        d = family.make(*parameters)
        results = [d.log_prob(0.5), d.log_prob(np.ones(3, f)), d.log_prob(np.ones(3, int)), d.sample((), 0),
                   d.rsample((), 0), d.entropy(), d.mean, d.variance, d.cdf(0.5), d.cdf(np.ones(3, f)), d.cdf(1)]
        if name != "VonMises":
            results += [d.icdf(0.5), d.icdf(np.full(3, 0.5, f))]
        assert [r.dtype for r in results] == [np.dtype(f)] * len(results)
    d = family.make(*numbers)
    assert d.log_prob(np.ones(2, f)).dtype == d.cdf(np.ones(2, f)).dtype == f
    assert d.log_prob(np.ones(2)).dtype == np.asarray(d.log_prob(0.5)).dtype == d.sample((), 0).dtype == np.float64


@EVERY
def test_float32_densities_are_those_of_float64(name):
    """Where terms are large and cancel, a few units in the last place are all that float32 costs."""
    parameters = [p.astype(np.float32) for p in FAMILIES[name].parameters((50,), seed=5)]
    single = FAMILIES[name].make(*parameters)
    double = FAMILIES[name].make(*[p.astype(np.float64) for p in parameters])
    x = np.float32(inside(double))
    np.testing.assert_allclose(single.log_prob(x), double.log_prob(x.astype(np.float64)), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(single.cdf(x), double.cdf(x.astype(np.float64)), rtol=1e-5, atol=1e-35)
    np.testing.assert_allclose(single.entropy(), double.entropy(), rtol=1e-5, atol=1e-5)
    large = D.Gamma(np.float32(1e5), np.float32(1.0))
    assert large.log_prob(np.float32(1e5)) == pytest.approx(D.Gamma(1e5, 1.0).log_prob(1e5), rel=1e-6)


@EVERY
def test_plain_arrays_give_plain_arrays_and_tensors_tensors(name):
    values = FAMILIES[name].parameters((3,), seed=6)
    d = FAMILIES[name].make(*values)
    methods = ["log_prob", "cdf"] + ["icdf"] * (name != "VonMises")
    for method in methods:
        assert isinstance(getattr(d, method)(np.full(3, 0.5)), np.ndarray)
        assert isinstance(getattr(d, method)(Tensor(np.full(3, 0.5))), Tensor)
    assert isinstance(d.rsample((), 0), np.ndarray)
    d = FAMILIES[name].make(*[Tensor(p) for p in values])
    assert isinstance(d.sample((), 0), np.ndarray)
    for result in (d.log_prob(0.5), d.rsample((), 0), d.entropy(), d.mean, d.variance, d.cdf(0.5)):
        assert isinstance(result, Tensor)


@EVERY
def test_nan_parameters_are_let_through(name):
    d = FAMILIES[name].make(*[p * np.nan for p in FAMILIES[name].parameters((2,))])
    assert np.isnan(d.entropy()).all() and np.isnan(d.sample((), 0)).all() and np.isnan(d.rsample((), 0)).all()
    assert np.isnan(d.log_prob(0.5)).all() and np.isnan(d.cdf(0.5)).all()


MISTAKES = [
    (lambda: D.Uniform(1.0, 1.0), ValueError, "high.*above low.*1.0"),
    (lambda: D.Uniform(np.zeros(2), np.array([1.0, -1.0])), ValueError, "high.*-1.0"),
    (lambda: D.Beta(0.0, 1.0), ValueError, "concentration1.*above 0.*0.0"),
    (lambda: D.Beta(1.0, np.array([1.0, -2.0])), ValueError, "concentration0.*-2.0"),
    (lambda: D.Gamma(-1.0, 1.0), ValueError, "concentration"),
    (lambda: D.Gamma(1.0, 0.0), ValueError, "rate"),
    (lambda: D.Dirichlet(1.0), ValueError, r"concentration.*\(\.\.\., K\)"),
    (lambda: D.Dirichlet(np.ones((2, 0))), ValueError, "K at least 1"),
    (lambda: D.Dirichlet(np.array([1.0, 0.0])), ValueError, "above 0"),
    (lambda: D.Dirichlet(np.ones(3), event_ndim=0), ValueError, "event_ndim.*1 or more"),
    (lambda: D.Dirichlet(np.ones(3), event_ndim=2), ValueError, "event_ndim"),
    (lambda: D.Dirichlet(np.ones(3)).log_prob(np.ones(2) / 2), ValueError, "log_prob x"),
    (lambda: D.Dirichlet(np.ones(3)).cdf(0.5), NotImplementedError, "Dirichlet"),
    (lambda: D.Laplace(0.0, -1.0), ValueError, "scale"),
    (lambda: D.Logistic(0.0, 0.0), ValueError, "scale"),
    (lambda: D.LogNormal(0.0, 0.0), ValueError, "scale"),
    (lambda: D.StudentT(0.0, 0.0, 1.0), ValueError, "df"),
    (lambda: D.StudentT(1.0, 0.0, -1.0), ValueError, "scale"),
    (lambda: D.VonMises(0.0, -1e-9), ValueError, "concentration.*at least 0"),
    (lambda: D.VonMises(0.0, 1.0).icdf(0.5), NotImplementedError, "VonMises"),
    (lambda: D.TruncatedNormal(0.0, 0.0, 0.0, 1.0), ValueError, "scale"),
    (lambda: D.TruncatedNormal(0.0, 1.0, 1.0, 0.0), ValueError, "high.*low 1.0.*high 0.0"),
    (lambda: D.TruncatedNormal(0.0, 1.0, INF, INF), ValueError, "high"),
    (lambda: D.Gamma(np.ones(3), np.ones(4)), ValueError, r"concentration \(3,\).*rate \(4,\)"),
    (lambda: D.Gamma(np.ones(3), 1.0, event_ndim=2), ValueError, "event_ndim"),
    (lambda: D.Gamma("a", 1.0), TypeError, "concentration"),
    (lambda: D.Laplace(True, 1.0), TypeError, "loc"),
    (lambda: D.Laplace(np.zeros(3, complex), 1.0), TypeError, "loc.*complex"),
    (lambda: D.Laplace(np.zeros(3), 1.0).log_prob(np.zeros(2)), ValueError, "log_prob x"),
    (lambda: D.Laplace(np.zeros(3), 1.0).cdf(np.zeros(2)), ValueError, r"cdf x.*\(3,\).*\(2,\)"),
    (lambda: D.Laplace(np.zeros(3), 1.0).icdf("a"), TypeError, "icdf p.*real"),
    (lambda: D.Normal(np.zeros(3), 1.0).cdf(np.zeros(2)), ValueError, "cdf x"),
    (lambda: D.Gamma(1.0, 1.0).sample((), None), TypeError, "rng"),
    (lambda: D.Gamma(1.0, 1.0).rsample(-1, 0), ValueError, "n:"),
]


@pytest.mark.parametrize("make, error, words", MISTAKES)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_dirichlet_shapes():
    a = np.random.default_rng(0).uniform(0.5, 2, (4, 5, 3))
    d, whole = D.Dirichlet(a), D.Dirichlet(a, event_ndim=2)
    assert (d.batch_shape, d.event_shape, d.levels) == ((4, 5), (3,), 3)
    assert (whole.batch_shape, whole.event_shape) == ((4,), (5, 3))
    x = d.sample(2, 0)
    assert x.shape == (2, 4, 5, 3) and d.log_prob(x).shape == (2, 4, 5) and d.entropy().shape == (4, 5)
    np.testing.assert_allclose(whole.log_prob(x), d.log_prob(x).sum(axis=-1))
    np.testing.assert_allclose(whole.entropy(), d.entropy().sum(axis=-1))
    np.testing.assert_allclose(D.kl_divergence(whole, D.Dirichlet(a + 1, event_ndim=2)),
                               D.kl_divergence(d, D.Dirichlet(a + 1)).sum(axis=-1))
    np.testing.assert_array_equal(d.sample((), 3), d.rsample((), 3))
    single = D.Dirichlet(Tensor(a.astype("f")))
    for result in (single.log_prob(x.astype("f")), single.rsample((), 0), single.entropy(), single.mean,
                   single.variance):
        assert isinstance(result, Tensor) and result.dtype == np.float32
    assert d.mean.shape == d.variance.shape == (4, 5, 3)


def test_mixtures_and_independent_batches_of_them():
    parts = D.Gamma(np.array([[1.0, 2.0], [3.0, 0.5], [2.0, 2.0]]), np.array([1.0, 3.0]))
    mixture = D.Mixture(np.zeros(2), parts)
    x = np.array([0.3, 1.0, 2.0])
    np.testing.assert_allclose(mixture.log_prob(x), np.log(0.5 * np.exp(parts.log_prob(x[:, None])).sum(axis=1)))
    np.testing.assert_allclose(mixture.cdf(x), 0.5 * parts.cdf(x[:, None]).sum(axis=1))
    rows = D.Independent(D.Laplace(np.zeros((4, 3)), 1.0), 1)
    assert rows.log_prob(np.zeros(3)).shape == (4,) and rows.icdf(np.full(3, 0.2)).shape == (4, 3)
    np.testing.assert_allclose(ops.exp(D.Uniform(0.0, 2.0).log_prob(x[:2])), 0.5)
