"""The multivariate normal against scipy, direct formulas and its own conditionals."""

import numpy as np
import pytest
from scipy import stats

from minigen import Tensor, check_grads, grad, ops
from minigen.distributions import MultivariateNormal, Normal, kl_divergence

RANDOM = np.random.default_rng(11)
LOC = RANDOM.standard_normal((3, 4))
ROOT = RANDOM.standard_normal((3, 4, 4))
COVARIANCE = ROOT @ ROOT.swapaxes(-1, -2) + 0.3 * np.eye(4)
LOWER = np.linalg.cholesky(COVARIANCE)
ORACLES = [stats.multivariate_normal(LOC[k], COVARIANCE[k]) for k in range(3)]
MAKERS = {
    "covariance": lambda: MultivariateNormal(LOC, COVARIANCE),
    "scale_tril": lambda: MultivariateNormal(LOC, scale_tril=LOWER),
    "precision": lambda: MultivariateNormal(LOC, precision=np.linalg.inv(COVARIANCE)),
}
pytestmark = pytest.mark.filterwarnings("error")


@pytest.mark.parametrize("name", MAKERS)
def test_values_against_scipy(name):
    d, x = MAKERS[name](), 3 * RANDOM.standard_normal((5, 3, 4))
    expected = np.array([[oracle.logpdf(x[i, k]) for k, oracle in enumerate(ORACLES)] for i in range(5)])
    np.testing.assert_allclose(d.log_prob(x), expected, rtol=1e-9)
    np.testing.assert_allclose(d.entropy(), [oracle.entropy() for oracle in ORACLES], rtol=1e-10)
    np.testing.assert_array_equal(d.mean, LOC)
    np.testing.assert_allclose(d.variance, np.diagonal(COVARIANCE, axis1=1, axis2=2), rtol=1e-9)
    np.testing.assert_allclose(d.covariance, COVARIANCE, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(d.precision @ COVARIANCE, np.broadcast_to(np.eye(4), (3, 4, 4)), atol=1e-9)
    assert d.batch_shape == (3,) and d.event_shape == (4,) and d.event_ndim == 1


@pytest.mark.parametrize("d", [1, 2, 40])
def test_sizes_of_the_vector(d):
    root = RANDOM.standard_normal((d, d))
    covariance, loc, x = root @ root.T + np.eye(d), RANDOM.standard_normal(d), RANDOM.standard_normal((7, 2, d))
    p, oracle = MultivariateNormal(loc, covariance), stats.multivariate_normal(loc, covariance)
    np.testing.assert_allclose(p.log_prob(x), oracle.logpdf(x), rtol=1e-9)
    np.testing.assert_allclose(p.log_prob(x[0, 0]), oracle.logpdf(x[0, 0]), rtol=1e-9)


@pytest.mark.parametrize("loc, matrix", [((4,), (3, 4, 4)), ((3, 4), (4, 4)), ((2, 1, 4), (3, 4, 4)), ((4,), (4, 4)),
                                         ((2, 3, 4), (2, 1, 4, 4))])
def test_loc_and_covariance_broadcast(loc, matrix):
    loc, covariance = np.resize(LOC, loc), np.resize(COVARIANCE, matrix)
    p = MultivariateNormal(loc, covariance)
    batch = np.broadcast_shapes(loc.shape[:-1], matrix[:-2])
    full_loc, full_cov = np.broadcast_to(loc, (*batch, 4)), np.broadcast_to(covariance, (*batch, 4, 4))
    assert p.batch_shape == batch and p.sample((5, 2), 0).shape == (5, 2, *batch, 4)
    assert p.mean.shape == p.variance.shape == (*batch, 4) and p.entropy().shape == batch
    for x in (RANDOM.standard_normal((6, 5, *batch, 4)), RANDOM.standard_normal((6, *(1 for _ in batch), 4)), LOC[0]):
        full_x = np.broadcast_to(x, (*np.broadcast_shapes(x.shape[:-1], batch), 4))
        expected = np.empty(full_x.shape[:-1])
        for i in np.ndindex(expected.shape):
            j = i[len(i) - len(batch):]
            expected[i] = stats.multivariate_normal(full_loc[j], full_cov[j]).logpdf(full_x[i])
        np.testing.assert_allclose(p.log_prob(x), expected, rtol=1e-9)


def test_density_integrates_to_one():
    p = MultivariateNormal(LOC[0, :2], COVARIANCE[0, :2, :2])
    radius = 9 * np.sqrt(p.variance)
    grid = [np.linspace(m - r, m + r, 400) for m, r in zip(p.mean, radius, strict=True)]
    x = np.stack(np.meshgrid(*grid, indexing="ij"), -1)
    area = np.prod([g[1] - g[0] for g in grid])
    np.testing.assert_allclose(np.exp(p.log_prob(x)).sum() * area, 1, rtol=1e-8)


@pytest.mark.parametrize("name", MAKERS)
def test_samples_have_the_moments_and_the_shape(name):
    d, n = MAKERS[name](), 40_000
    for samples in (d.sample(n, 5), d.rsample(n, 6)):
        z = np.einsum("kij,nkj->nki", np.linalg.inv(LOWER), samples - LOC)  # standard normal, if the samples are right
        assert np.abs(z.mean(0)).max() * np.sqrt(n) < 4.5
        for k in range(3):
            second = z[:, k].T @ z[:, k] / n
            assert np.abs((second - np.eye(4)) / np.sqrt((1 + np.eye(4)) / n)).max() < 4.5
        assert stats.kstest((z**2).sum(-1).ravel(), stats.chi2(4).cdf).pvalue > 1e-4


def test_marginal_and_conditional_multiply_to_the_joint():
    p, x = MAKERS["covariance"](), RANDOM.standard_normal((5, 3, 4))
    for observed in ([2], [3, 0], [1, 2, 3], np.array([True, False, True, False])):
        o = np.flatnonzero(observed) if np.asarray(observed).dtype == bool else np.array(observed)
        h = np.setdiff1d(np.arange(4), o)
        joint = p.marginal(observed).log_prob(x[..., o]) + p.conditional(observed, x[..., o]).log_prob(x[..., h])
        np.testing.assert_allclose(joint, p.log_prob(x), rtol=1e-9)


def test_conditional_against_the_textbook_formula():
    values = RANDOM.standard_normal((7, 1, 2))
    c = MAKERS["precision"]().conditional([3, 1], values)
    o, h = [3, 1], [0, 2]
    for k in range(3):
        gain = COVARIANCE[k][np.ix_(h, o)] @ np.linalg.inv(COVARIANCE[k][np.ix_(o, o)])
        np.testing.assert_allclose(c.mean[:, k], LOC[k, h] + (values[:, 0] - LOC[k, o]) @ gain.T, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(c.covariance[k], COVARIANCE[k][np.ix_(h, h)] - gain @ COVARIANCE[k][np.ix_(o, h)],
                                   rtol=1e-7, atol=1e-9)
    assert c.batch_shape == (7, 3)


def test_nothing_and_everything_observed():
    p, x = MAKERS["covariance"](), RANDOM.standard_normal((5, 3, 4))
    nothing, everything = p.conditional([], x[..., :0]), p.conditional(np.ones(4, bool), x)
    np.testing.assert_allclose(nothing.log_prob(x), p.log_prob(x))
    assert everything.event_shape == (0,)
    np.testing.assert_array_equal(everything.log_prob(np.zeros((5, 3, 0))), np.zeros((5, 3)))
    np.testing.assert_array_equal(p.marginal([]).log_prob(np.zeros((3, 0))), np.zeros(3))


def test_divergences_against_the_direct_formula():
    p, q = MAKERS["covariance"](), MultivariateNormal(LOC[::-1] + 0.5, scale_tril=LOWER[::-1])
    scale = np.exp(0.3 * LOC)
    diagonal = Normal(LOC + 1, scale, event_ndim=1)

    def direct(m, a, n, b):
        inverse = np.linalg.inv(b)
        shift = m - n
        return 0.5 * (np.trace(inverse @ a) - len(m) + shift @ inverse @ shift
                      + np.linalg.slogdet(b)[1] - np.linalg.slogdet(a)[1])

    squares = [np.diag(s**2) for s in scale]
    for k in range(3):
        np.testing.assert_allclose(kl_divergence(p, q)[k], direct(LOC[k], COVARIANCE[k], q.loc[k], q.covariance[k]))
        np.testing.assert_allclose(kl_divergence(p, diagonal)[k], direct(LOC[k], COVARIANCE[k], LOC[k] + 1, squares[k]))
        np.testing.assert_allclose(kl_divergence(diagonal, p)[k], direct(LOC[k] + 1, squares[k], LOC[k], COVARIANCE[k]))
    np.testing.assert_allclose(kl_divergence(p, p), 0, atol=1e-14)
    shared = MultivariateNormal(LOC[0], COVARIANCE[0])
    np.testing.assert_allclose(kl_divergence(shared, q), [direct(LOC[0], COVARIANCE[0], q.loc[k], q.covariance[k])
                                                          for k in range(3)])


def test_small_divergences_keep_their_digits():
    t = 1e-6  # KL(N(0, (1 + t)² I) ‖ N(0, I)) = ½ d (2t + t² - 2 log(1 + t)) = d (t² - t³/3 …)
    p, q = MultivariateNormal(np.zeros(4), scale_tril=(1 + t) * np.eye(4)), MultivariateNormal(np.zeros(4), np.eye(4))
    np.testing.assert_allclose(kl_divergence(p, q), 4 * t**2, rtol=1e-4)


def test_gradients_to_second_order():
    x, y = RANDOM.standard_normal((2, 2, 4)), RANDOM.standard_normal(4)
    loc, root = LOC[:2], 0.5 * ROOT[:2]

    def symmetric(a):
        return a @ ops.transpose(a, (0, 2, 1)) + np.eye(4)

    def by_covariance(loc, a, x):
        p, q = MultivariateNormal(loc, symmetric(a)), MultivariateNormal(loc[0], scale_tril=np.eye(4) + 0.1 * LOWER[0])
        diagonal = Normal(y, ops.exp(loc), event_ndim=1)
        return (p.log_prob(x), p.entropy(), p.rsample(2, 3), p.variance, p.precision, kl_divergence(p, q),
                kl_divergence(q, p), kl_divergence(p, diagonal), kl_divergence(diagonal, p),
                p.conditional([2, 0], x[..., :2]).log_prob(x[..., 2:]), p.marginal([3, 1]).log_prob(x[..., :2]))

    def by_precision(loc, a):
        p = MultivariateNormal(loc, precision=symmetric(a))
        return p.log_prob(x), p.rsample((), 2), p.covariance

    def by_factor(loc, a):
        p = MultivariateNormal(loc, scale_tril=a * np.tril(np.ones((4, 4)), -1) + ops.exp(a) * np.eye(4))
        return p.log_prob(x), p.rsample(2, 2), p.entropy()

    check_grads(by_covariance, (loc, root, x))
    check_grads(by_precision, (loc, root))
    check_grads(by_factor, (loc, root))


def test_reparameterised_gradient_of_an_expectation():
    # E xᵀ A x = locᵀ A loc + tr(A L Lᵀ): gradients (A + Aᵀ) loc and the lower triangle of (A + Aᵀ) L
    a, n = RANDOM.standard_normal((4, 4)), 100_000
    loc, lower = Tensor(LOC[0]), Tensor(LOWER[0])
    x = MultivariateNormal(loc, scale_tril=lower).rsample(n, 7)
    quadratic = ((x @ a) * x).sum(axis=-1)
    by_loc, by_lower = grad(ops.mean(quadratic), (loc, lower))
    noise = np.linalg.solve(LOWER[0], (x.data - LOC[0]).T).T
    terms = x.data @ (a + a.T)
    exact_loc, exact_lower = (a + a.T) @ LOC[0], np.tril((a + a.T) @ LOWER[0])
    error_loc = terms.std(0) / np.sqrt(n)
    error_lower = (terms[:, :, None] * noise[:, None]).std(0) / np.sqrt(n)
    assert (np.abs(by_loc - exact_loc) < 4.5 * error_loc).all()
    assert (np.abs(np.tril(by_lower) - exact_lower) < 4.5 * error_lower).all()


def test_float32_stays_float32():
    f = np.float32
    for p in (MultivariateNormal(LOC.astype(f), COVARIANCE.astype(f)),
              MultivariateNormal(LOC.astype(f), precision=COVARIANCE.astype(f)),
              MultivariateNormal(Tensor(LOC.astype(f)), scale_tril=LOWER.astype(f))):
        x = np.ones((3, 4), f)
        results = [p.log_prob(x), p.log_prob(x.astype(int)), p.entropy(), p.mean, p.variance, p.stddev, p.sample((), 0),
                   p.rsample((), 0), p.covariance, p.precision, kl_divergence(p, p), p.marginal([0]).log_prob(x[:, :1]),
                   p.conditional([0], x[:, :1]).mean,
                   kl_divergence(p, Normal(np.zeros(4, f), np.ones(4, f), event_ndim=1))]
        assert {r.dtype for r in results} == {np.dtype(f)}


def test_nan_in_nan_out():
    p = MAKERS["covariance"]()
    assert np.isnan(p.log_prob(np.full((3, 4), np.nan))).all()


def test_scales_of_any_size_are_not_singular():
    for size in (1e-150, 1e-8, 1e8, 1e140):
        scales = np.array([size, 1.0, 3.0])
        covariance = np.outer(scales, scales) * np.array([[1, 0.5, 0], [0.5, 1, 0.2], [0, 0.2, 1]])
        p = MultivariateNormal(np.zeros(3), covariance)
        np.testing.assert_allclose(p.entropy(), MultivariateNormal(np.zeros(3), covariance / np.outer(scales, scales))
                                   .entropy() + np.log(scales).sum(), rtol=1e-12)


@pytest.mark.parametrize(
    "make, error, words",
    [
        (lambda: MultivariateNormal(LOC), TypeError, "exactly one of covariance"),
        (lambda: MultivariateNormal(LOC, COVARIANCE, precision=COVARIANCE), TypeError, "covariance and precision"),
        (lambda: MultivariateNormal(0.0, COVARIANCE), ValueError, "loc: expected vectors"),
        (lambda: MultivariateNormal(LOC, COVARIANCE[..., :3]), ValueError, r"covariance: expected shape \(..., 4, 4\)"),
        (lambda: MultivariateNormal(LOC[:2], COVARIANCE), ValueError, "broadcast"),
        (lambda: MultivariateNormal(LOC, 1.0), ValueError, "covariance: expected shape"),
        (lambda: MultivariateNormal(LOC, ROOT), ValueError, "covariance: expected symmetric"),
        (lambda: MultivariateNormal(LOC, COVARIANCE - 5 * np.eye(4)), ValueError, "positive definite.*eigenvalue -"),
        (lambda: MultivariateNormal(np.zeros(2), np.ones((2, 2))), ValueError, "covariance: .*singular"),
        (lambda: MultivariateNormal(np.zeros(2), np.zeros((2, 2))), ValueError, "singular"),
        (lambda: MultivariateNormal(np.zeros(3), np.cov(RANDOM.standard_normal((3, 3)))), ValueError, "singular"),
        (lambda: MultivariateNormal(np.zeros(2), precision=np.ones((2, 2))), ValueError, "precision: .*singular"),
        (lambda: MultivariateNormal(np.zeros(2), np.full((2, 2), np.nan)), ValueError, "nan"),
        (lambda: MultivariateNormal(np.zeros(4), scale_tril=COVARIANCE[0]), ValueError, "lower-triangular"),
        (lambda: MultivariateNormal(np.zeros(4), scale_tril=-LOWER[0]), ValueError, "scale_tril: .*above 0"),
        (lambda: MAKERS["covariance"]().log_prob(np.zeros((3, 3))), ValueError, "shape"),
        (lambda: MAKERS["covariance"]().conditional([4], np.zeros(1)), ValueError, "observed: expected integers"),
        (lambda: MAKERS["covariance"]().conditional([1, -3], np.zeros(2)), ValueError, "observed: expected each"),
        (lambda: MAKERS["covariance"]().conditional([1], np.zeros(2)), ValueError, "values: expected shape"),
        (lambda: MAKERS["covariance"]().marginal([0.5]), ValueError, "indices: expected a row of integers"),
        (lambda: MAKERS["covariance"]().marginal(np.ones(3, bool)), ValueError, "boolean mask of shape"),
        (lambda: kl_divergence(MAKERS["covariance"](), Normal(LOC, 1.0)), ValueError, r"\(4,\) and \(\)"),
    ],
)
def test_wrong_arguments_are_named(make, error, words):
    with pytest.raises(error, match=words):
        make()
