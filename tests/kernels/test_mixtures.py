"""The E-steps of mixtures: compiled versions and references beside SciPy's densities and plain sums over examples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import log_softmax, logsumexp
from scipy.stats import bernoulli, multivariate_normal

from kernels.agreement import check_kernel
from minigen import kernels

VERSIONS = pytest.mark.parametrize("version", ["reference", "fast"])


def normals(seed, n, k, d, form, dtype="f8"):
    """Examples, and whitening, offset and constant of components whose covariances and means come too."""
    random = np.random.default_rng(seed)
    x, loc = random.standard_normal((n, d)), random.standard_normal((k, d))
    scale = random.standard_normal((k, d, d)) + 2 * np.eye(d)
    log_weights = log_softmax(random.standard_normal(k))
    if form == "full":
        covariance = scale @ scale.transpose(0, 2, 1)
        whitening = np.linalg.inv(np.linalg.cholesky(covariance)).transpose(0, 2, 1)
        offset = np.einsum("ki,kij->kj", loc, whitening)
        log_det = np.linalg.slogdet(covariance)[1]
    else:
        variance = random.uniform(0.2, 3, (k, d))
        covariance, whitening = variance[:, :, None] * np.eye(d), variance**-0.5
        offset, log_det = loc * whitening, np.log(variance).sum(axis=1)
    constant = log_weights - 0.5 * log_det - 0.5 * d * np.log(2 * np.pi)
    return [a.astype(dtype) for a in (x, whitening, offset, constant)], (log_weights, loc, covariance)


@VERSIONS
@pytest.mark.parametrize("form", ["full", "diagonal"])
def test_normals_are_scipys(version, form):
    args, (log_weights, loc, covariance) = normals(1, 30, 3, 4, form)
    x = args[0]
    joint = np.stack([w + multivariate_normal(m, c).logpdf(x)
                      for w, m, c in zip(log_weights, loc, covariance, strict=True)], 1)
    np.testing.assert_allclose(getattr(kernels.normal_mixture_log_joint, version)(*args), joint, rtol=1e-9)
    total, counts, first, second = getattr(kernels.normal_mixture_moments, version)(*args)
    r = np.exp(log_softmax(joint, axis=1))
    assert total == pytest.approx(logsumexp(joint, axis=1).sum())
    np.testing.assert_allclose(counts, r.sum(axis=0), rtol=1e-7)
    for k in range(3):
        y = np.linalg.solve(np.linalg.cholesky(covariance[k]), (x - loc[k]).T).T
        np.testing.assert_allclose(first[k], r[:, k] @ y, rtol=1e-7, atol=1e-9)
        pairs = np.einsum("n,ni,nj->ij", r[:, k], y, y)
        np.testing.assert_allclose(second[k], pairs if form == "full" else np.diag(pairs), rtol=1e-7, atol=1e-9)


@given(st.integers(0, 10**6), st.integers(1, 700), st.integers(1, 5), st.integers(1, 7),
       st.sampled_from(["full", "diagonal"]), st.sampled_from(["f4", "f8"]))
@settings(max_examples=40)
def test_compiled_normals_are_the_reference(seed, n, k, d, form, dtype):
    args, _ = normals(seed, n, k, d, form, dtype)
    close = {"rtol": 2e-4, "atol": 2e-3} if dtype == "f4" else {"rtol": 1e-11, "atol": 1e-10}
    check_kernel("normal_mixture_log_joint", *args, **close)
    check_kernel("normal_mixture_moments", *args, **close)


def test_many_rows_and_components_without_weight():
    args, _ = normals(2, 9000, 6, 5, "full")
    args[-1][2] = -np.inf
    check_kernel("normal_mixture_moments", *args, rtol=1e-10, atol=1e-9)
    _, counts, first, second = kernels.normal_mixture_moments(*args)
    assert counts[2] == 0 and not first[2].any() and not second[2].any() and counts.sum() == pytest.approx(9000)
    strided = [np.repeat(args[0], 2, axis=0)[::2], *args[1:]]
    check_kernel("normal_mixture_moments", *strided, rtol=1e-10, atol=1e-9)


def bernoullis(seed, n, k, d, holes, dtype="f8"):
    """Examples with their mask, and the tables of components with these weights and means."""
    random = np.random.default_rng(seed)
    mask = random.random((n, d)) > 0.3 if holes else None
    x = (random.random((n, d)) < 0.4).astype(np.uint8)
    x = x * mask.astype(np.uint8) if holes else x
    means, weights = random.uniform(0.05, 0.95, (k, d)), random.dirichlet(np.ones(k))
    log_zero, constant = np.log1p(-means), np.log(weights)
    if not holes:
        constant = constant + log_zero.sum(axis=1)
    tables = [np.log(means) - log_zero, constant]
    return [x, *(a.astype(dtype) for a in tables), mask, log_zero.astype(dtype) if holes else None], (weights, means)


@VERSIONS
@pytest.mark.parametrize("holes", [False, True])
def test_bernoullis_are_scipys(version, holes):
    args, (weights, means) = bernoullis(1, 30, 3, 5, holes)
    x, seen = args[0], np.ones((30, 5)) if not holes else args[3]
    joint = np.stack([np.log(w) + (bernoulli(m).logpmf(x) * seen).sum(axis=1)
                      for w, m in zip(weights, means, strict=True)], 1)
    total, counts, ones, observed = getattr(kernels.bernoulli_mixture_moments, version)(*args)
    r = np.exp(log_softmax(joint, axis=1))
    assert total == pytest.approx(logsumexp(joint, axis=1).sum())
    np.testing.assert_allclose(counts, r.sum(axis=0), rtol=1e-12)
    np.testing.assert_allclose(ones, r.T @ x, rtol=1e-12)
    if holes:
        np.testing.assert_allclose(observed, r.T @ seen, rtol=1e-12)
    else:
        assert observed is None


@given(st.integers(0, 10**6), st.integers(1, 3000), st.integers(1, 5), st.integers(1, 7), st.sampled_from(["f4", "f8"]))
@settings(max_examples=30)
def test_compiled_bernoullis_are_the_reference(seed, n, k, d, dtype):
    args, _ = bernoullis(seed, n, k, d, True, dtype)
    check_kernel("bernoulli_mixture_moments", *args, rtol=1e-4 if dtype == "f4" else 1e-11)


def test_sums_of_whole_data_do_not_depend_on_threads():
    args, _ = bernoullis(3, 5000, 4, 6, True)
    check_kernel("bernoulli_mixture_moments", *args, rtol=1e-11)
    args, _ = bernoullis(3, 5000, 4, 6, False)
    fast, slow = kernels.bernoulli_mixture_moments.fast(*args), kernels.bernoulli_mixture_moments.reference(*args)
    assert fast[3] is None and slow[3] is None
    for a, b in zip(fast[:3], slow[:3], strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)
