"""Generators of f-divergences against their conjugates, critics and integrands, each computed another way."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize

from minigen import Tensor, check_grads, grad
from minigen.distributions import F_DIVERGENCES, f_divergence

EVERY = [f_divergence(name) for name in F_DIVERGENCES] + [
    f_divergence("weighted_jensen_shannon", weight=0.2), f_divergence("alpha", alpha=2.5),
    f_divergence("alpha", alpha=-1.5), f_divergence("alpha", alpha=0.3), f_divergence("alpha", alpha=2)]
few = settings(max_examples=20)
every_divergence = pytest.mark.parametrize("f", EVERY, ids=repr)

# the table of generators, written once more from the literature
WRITTEN = {
    "total_variation": lambda u: 0.5 * abs(u - 1),
    "kl": lambda u: u * math.log(u),
    "reverse_kl": lambda u: -math.log(u),
    "pearson_chi2": lambda u: (u - 1) ** 2,
    "neyman_chi2": lambda u: (1 - u) ** 2 / u,
    "squared_hellinger": lambda u: (math.sqrt(u) - 1) ** 2,
    "jeffrey": lambda u: (u - 1) * math.log(u),
    "jensen_shannon": lambda u: 0.5 * (u * math.log(u) - (u + 1) * math.log((1 + u) / 2)),
    "gan": lambda u: u * math.log(u) - (u + 1) * math.log(u + 1),
}


def written(f):
    """f's generator from the table, as a function of a number."""
    if f.name == "weighted_jensen_shannon":
        w = f.weight
        return lambda u: w * u * math.log(u) - (1 - w + w * u) * math.log(1 - w + w * u)
    if f.name == "alpha":
        a = f.alpha
        return lambda u: (u**a - 1 - a * (u - 1)) / (a * (a - 1))
    return WRITTEN[f.name]


@every_divergence
def test_generators_are_those_of_the_literature(f):
    u = np.array([1e-3, 0.2, 0.9, 1, 1.1, 3, 40])
    np.testing.assert_allclose(f.generator(u), [written(f)(x) for x in u], rtol=1e-12, atol=1e-15)
    assert f.generator(np.array(1.0)) == pytest.approx(f.at_one, abs=1e-15)
    assert f.generator(np.array(0.0)) == pytest.approx(f.at_zero)
    if f.name != "total_variation":
        slope = optimize.approx_fprime([1.0], lambda u: written(f)(u[0]), 1e-7)
        assert slope == pytest.approx(f.slope, abs=1e-6)
    # f(u)/u rises to the upper end of the conjugate's domain
    huge = float(f.generator(np.array(1e14))) / 1e14
    assert huge == pytest.approx(f.upper, abs=1e-5) if f.upper < math.inf else huge > 25


@every_divergence
def test_conjugates_are_suprema(f):
    """f*(t) = sup_u u t - f(u), over a fine grid of u from 0 to large."""
    u = np.concatenate([[0, 1], np.exp(np.linspace(-30, 8, 100_001))])
    values = f.generator(u)
    ts = f.activation(np.linspace(-3, 1.0, 9)) if f.upper < math.inf else np.linspace(-3, 3, 13)
    for t in np.append(ts, f.critic(np.array([-0.5, 0.3]))):
        assert f.conjugate(np.array(t)) == pytest.approx((u * t - values).max(), rel=1e-6, abs=1e-6)


@every_divergence
def test_conjugates_end_with_their_domain(f):
    if f.upper < math.inf:
        assert f.conjugate(np.array(f.upper + 1e-6)) == math.inf
        assert f.conjugate(np.array([f.upper - 1e-9])).item() < math.inf
        v = np.linspace(-30, 30, 61)
        inside = f.activation(v)
        assert (inside <= f.upper).all() and (np.diff(inside) >= 0).all() and inside[-1] > f.upper - 1e-9


@every_divergence
@few
@given(u=st.floats(0.01, 50), t=st.floats(-4, 4))
def test_young_and_its_equality(f, u, t):
    """u t ≤ f(u) + f*(t), with equality at t = f'(u)."""
    best = f.critic(np.array(math.log(u)))
    assert u * best == pytest.approx(f.generator(np.array(u)) + f.conjugate(best), rel=1e-9, abs=1e-9)
    assert u * t <= f.generator(np.array(u)) + f.conjugate(np.array(t)) + 1e-9


@every_divergence
@few
@given(log_p=st.floats(-40, 3), log_q=st.floats(-40, 3))
def test_gap_is_the_integrand_less_its_tangent(f, log_p, log_q):
    p, q = math.exp(log_p), math.exp(log_q)
    value = q * written(f)(p / q)
    plain = value - q * f.at_one - (p - q) * f.slope
    terms = abs(value) + q + p
    gap = f.gap(log_p, log_q)
    assert gap == pytest.approx(plain, rel=1e-9, abs=1e-12 * terms)
    assert gap >= 0
    assert f.gap(log_p + 2, log_q + 2) == pytest.approx(math.exp(2) * gap, rel=1e-9, abs=1e-12 * terms)


@pytest.mark.parametrize("f", EVERY[1:], ids=repr)  # all but the total variation
def test_gap_near_equality_is_a_parabola(f):
    """½ f''(1) r² q to relative accuracy, where the plain formula has no digit left."""
    r = 1e-6
    curvature = (written(f)(1.001) - 2 * written(f)(1) + written(f)(0.999)) / 1e-6
    tolerance = 2e-3 if f.name != "weighted_jensen_shannon" else 1e-2
    assert f.gap(r, 0.0) == pytest.approx(0.5 * curvature * r * r, rel=tolerance)


@every_divergence
def test_gap_where_one_is_zero_and_far_out(f):
    none = -np.inf
    assert f.gap(none, none) == 0
    assert f.gap(none, 0.0) == pytest.approx(f.at_zero - f.at_one + f.slope)
    assert f.gap(0.0, none) == pytest.approx(f.upper - f.slope)
    far = f.gap([-800.0, -900.0, 300.0], [-900.0, -800.0, -3000.0])
    assert not np.isnan(far).any() and (far >= 0).all()
    assert np.isfinite(far[:2]).all() or f.name == "alpha"


@every_divergence
def test_gradients(f):
    u, v = np.array([0.3, 0.8, 2.5]), np.array([-0.7, 0.2, 1.1])
    functions = [f.generator, f.conjugate]
    check_grads(functions[0], (u,))
    if f.name != "total_variation":  # whose best critic is a step, and conjugate the identity
        check_grads(functions[1], (f.critic(v),))
        check_grads(f.critic, (v,))
    check_grads(lambda v: f.conjugate(f.activation(v)), (v * 0.5,))
    t = Tensor(np.asarray(f.critic(np.log(u)), np.float64))
    if f.name != "total_variation":
        np.testing.assert_allclose(grad(f.conjugate(t).sum(), t), u, rtol=1e-8)  # f*' inverts f'


def test_float32_stays():
    u = np.array([0.5, 2], np.float32)
    for f in EVERY:
        for value in (f.generator(u), f.conjugate(f.activation(u)), f.activation(u), f.critic(u)):
            assert value.dtype == np.float32, f


@pytest.mark.parametrize(("name", "given_settings", "error", "words"), [
    ("hellinger", {}, ValueError, "squared_hellinger"),
    ("jensen-shanon", {}, ValueError, "did you mean 'jensen_shannon'"),
    ("wasserstein", {}, ValueError, "valid: alpha"),
    ("kl", {"alpha": 2}, TypeError, "no settings"),
    ("alpha", {"weight": 0.5}, TypeError, "alpha"),
    ("alpha", {"alpha": 1}, ValueError, "kl"),
    ("alpha", {"alpha": 0}, ValueError, "reverse_kl"),
    ("alpha", {"alpha": math.nan}, ValueError, "finite"),
    ("weighted_jensen_shannon", {"weight": 1.0}, ValueError, "above 0 and below 1"),
    ("weighted_jensen_shannon", {"weight": True}, TypeError, "expected a number"),
])
def test_bad_names_and_settings(name, given_settings, error, words):
    with pytest.raises(error, match=words):
        f_divergence(name, **given_settings)
