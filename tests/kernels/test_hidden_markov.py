"""The recursions of hidden Markov models: compiled versions and references beside sums over all state paths."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp
from scipy.stats import chi2

from kernels.agreement import check_kernel
from minigen import kernels
from minigen.kernels.machinery.dispatch import reference_kernels

VERSIONS = pytest.mark.parametrize("version", ["reference", "fast"])


def chain(seed, n, steps, states, spread=3.0, zeros=0.0):
    """Logarithms: emissions `(n, T, S)`, initial and transition probabilities, a share of which are 0."""
    random = np.random.default_rng(seed)
    tables = []
    for shape in ((states,), (states, states)):
        values = random.dirichlet(np.full(states, 0.5), shape[:-1])
        values[random.random(shape) < zeros] = 0
        values[..., 0] += 1e-3
        values /= values.sum(axis=-1, keepdims=True)
        tables.append(np.log(values, where=values > 0, out=np.full(shape, -np.inf)))
    return spread * random.standard_normal((n, steps, states)), *tables


def by_paths(emission, initial, transition):
    """All paths of one sequence and log p(x, path)."""
    steps, states = emission.shape
    paths = np.array(list(itertools.product(range(states), repeat=steps)))
    joint = initial[paths[:, 0]] + emission[np.arange(steps), paths].sum(axis=1)
    return paths, joint + transition[paths[:, :-1], paths[:, 1:]].sum(axis=1)


@VERSIONS
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 4), st.sampled_from([1.0, 30.0, 900.0]),
       st.sampled_from([0.0, 0.4]))
def test_sums_over_paths(version, seed, steps, states, spread, zeros):
    emission, initial, transition = chain(seed, 2, steps, states, spread, zeros)
    filtered, conditional = getattr(kernels.hmm_filter, version)(emission, initial, transition)
    posterior, transitions = getattr(kernels.hmm_smooth, version)(emission, filtered, transition)
    best, value = getattr(kernels.hmm_viterbi, version)(emission, initial, transition)
    expected = np.zeros((states, states))
    for n in range(2):
        paths, joint = by_paths(emission[n], initial, transition)
        total = logsumexp(joint)
        np.testing.assert_allclose(conditional[n].sum(), total, rtol=1e-12, atol=1e-12)
        weight = np.exp(joint - total)
        marginals = np.array([[weight[paths[:, t] == s].sum() for s in range(states)] for t in range(steps)])
        np.testing.assert_allclose(posterior[n], marginals, rtol=0, atol=1e-10)
        np.testing.assert_allclose(np.exp(filtered[n, -1]), marginals[-1], rtol=0, atol=1e-10)
        np.add.at(expected, (paths[:, :-1], paths[:, 1:]), weight[:, None])
        np.testing.assert_allclose(value[n], joint.max(), rtol=1e-13)
        assert joint[(paths == best[n]).all(axis=1)][0] == pytest.approx(joint.max(), rel=1e-13)
    np.testing.assert_allclose(transitions, expected, rtol=0, atol=1e-10)


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 70), st.integers(1, 6), st.integers(1, 9), st.sampled_from(["f4", "f8"]))
def test_compiled_is_reference(seed, n, steps, states, dtype):
    emission, initial, transition = (a.astype(dtype) for a in chain(seed, n, steps, states, zeros=0.2))
    close = {"rtol": 1e-5, "atol": 1e-5} if dtype == "f4" else {"rtol": 1e-12, "atol": 1e-12}
    check_kernel("hmm_filter", emission, initial, transition, **close)
    filtered = kernels.hmm_filter(emission, initial, transition)[0]
    check_kernel("hmm_smooth", emission, filtered, transition, **close)
    check_kernel("hmm_viterbi", emission, initial, transition, **close)
    check_kernel("hmm_draw", filtered, transition, np.random.default_rng(seed).random((n, steps)), **close)


def test_in_threads():
    emission, initial, transition = chain(1, 300, 40, 5)
    check_kernel("hmm_filter", emission, initial, transition, rtol=1e-12)
    filtered = kernels.hmm_filter(emission, initial, transition)[0]
    check_kernel("hmm_smooth", emission, filtered, transition, rtol=1e-11, atol=1e-12)
    check_kernel("hmm_draw", filtered, transition, np.random.default_rng(0).random((300, 40)), rtol=1e-15)
    check_kernel("hmm_viterbi", emission, initial, transition, rtol=1e-15)


@VERSIONS
def test_draws_are_distributed_as_paths(version):
    """60,000 paths of one sequence, by chi-square against the enumerated posterior."""
    emission, initial, transition = chain(6, 1, 4, 3, spread=1.0, zeros=0.3)
    filtered, _ = kernels.hmm_filter(emission, initial, transition)
    n = 60_000
    states = getattr(kernels.hmm_draw, version)(
        np.repeat(filtered, n, axis=0), transition, np.random.default_rng(1).random((n, 4)))
    paths, joint = by_paths(emission[0], initial, transition)
    expected = n * np.exp(joint - logsumexp(joint))
    counts = np.bincount(states @ 3 ** np.arange(3, -1, -1), minlength=81)
    assert (paths @ 3 ** np.arange(3, -1, -1) == np.arange(81)).all()
    assert (counts[expected == 0] == 0).all() and (expected == 0).any()
    often = expected > 5
    rest = ~often & (expected > 0)
    seen, due = np.append(counts[often], counts[rest].sum()), np.append(expected[often], expected[rest].sum())
    assert chi2.sf(((seen - due) ** 2 / due).sum(), len(due) - 1) > 1e-4


@VERSIONS
@np.errstate(invalid="ignore")
def test_impossible_sequences(version):
    emission, initial, transition = chain(2, 3, 4, 2)
    initial, transition = np.log([1.0, 1e-300]), np.array([[0.0, -np.inf], [-np.inf, 0.0]])
    initial[1] = -np.inf
    emission[1, 2, 0] = -np.inf  # where the chain always is
    filtered, conditional = getattr(kernels.hmm_filter, version)(emission, initial, transition)
    assert np.isfinite(conditional[[0, 2]]).all() and np.isfinite(conditional[1, :2]).all()
    assert (conditional[1, 2:] == -np.inf).all() and (filtered[1, 2:] == -np.inf).all()
    posterior, transitions = getattr(kernels.hmm_smooth, version)(emission, filtered, transition)
    assert np.isnan(posterior[1]).all() and np.isnan(transitions).any()
    np.testing.assert_array_equal(posterior[[0, 2]], np.broadcast_to([1.0, 0.0], (2, 4, 2)))


@VERSIONS
def test_evidence_that_turns_over_after_underflow(version):
    """What was less probable by e^-2000 turns out to be right: plain scaling has lost it by then."""
    transition = np.array([[0.0, -np.inf], [-np.inf, 0.0]])
    emission = np.array([[[0.0, -2000.0], [0.0, -2000.0], [-9000.0, 0.0]]])
    filtered, conditional = getattr(kernels.hmm_filter, version)(emission, np.log([0.5, 0.5]), transition)
    assert conditional.sum() == pytest.approx(np.log(0.5) - 4000)
    posterior, transitions = getattr(kernels.hmm_smooth, version)(emission, filtered, transition)
    np.testing.assert_allclose(posterior[0], [[0, 1]] * 3)
    np.testing.assert_allclose(transitions, [[0, 0], [0, 2]])


def test_long_sequences():
    """A chain that forgets at once is a product over time: 20,000 steps keep their digits."""
    random = np.random.default_rng(3)
    emission, weights = random.standard_normal((1, 20_000, 4)) - 1e6, np.log(random.dirichlet(np.ones(4)))
    transition = np.tile(weights, (4, 1))
    totals = logsumexp(emission[0] + weights, axis=1)
    for function in (kernels.hmm_filter.fast, kernels.hmm_filter.reference):
        filtered, conditional = function(emission, weights, transition)
        np.testing.assert_allclose(conditional[0], totals, rtol=1e-13)
    posterior, transitions = kernels.hmm_smooth(emission, filtered, transition)
    np.testing.assert_allclose(posterior[0], np.exp(emission[0] + weights - totals[:, None]), atol=1e-8)
    np.testing.assert_allclose(transitions, posterior[0, :-1].T @ posterior[0, 1:], rtol=1e-9)


@VERSIONS
def test_of_equal_paths_the_first(version):
    zeros = np.zeros((2, 5, 3))
    states, value = getattr(kernels.hmm_viterbi, version)(zeros, zeros[0, 0], zeros[0, :3])
    assert (states == 0).all() and (value == 0).all()


def test_other_dtypes_run_as_references():
    emission, initial, transition = chain(4, 2, 3, 2)
    with reference_kernels():
        expected = kernels.hmm_filter(emission, initial, transition)
    result = kernels.hmm_filter(emission, initial.astype("f4").astype("f8"), transition.astype(">f8"))
    np.testing.assert_allclose(result[1], expected[1], rtol=1e-5)
