"""Two-dimensional sources: densities from their definitions, integrals, samples and entropies by other quadrature."""

import numpy as np
import pytest
from scipy import integrate, special, stats

from known.laws import cells, fit_p_value
from minigen import known
from minigen.known.arcs import Moons, Spirals, log_bessel_between
from minigen.known.gaussians import EightGaussians, Gaussians, TwentyFiveGaussians
from minigen.known.rings import Rings
from minigen.known.warped import Funnel, Pinwheel, WarpedGaussian

RANDOM = np.random.default_rng(0)
# A source, a box that all but 1e-9 of it is in, and cells in each direction, as small as its finest structure asks.
BOXES = {
    "eight_gaussians": (known.create("eight_gaussians"), (-3.4, -3.4), (3.4, 3.4), (17, 17)),
    "wide Gaussians": (Gaussians([(0, 0), (1, 0.5)], 0.6), (-4.2, -4.2), (5.2, 4.7), (12, 12)),
    "twenty_five_gaussians": (known.create("twenty_five_gaussians"), (-5, -5), (5, 5), (50, 50)),
    "rings": (known.create("rings"), (-3.7, -3.7), (3.7, 3.7), (37, 37)),
    "moons": (known.create("moons"), (-1.65, -1.15), (2.65, 1.65), (22, 15)),
    "wide moons": (Moons(0.4), (-3.6, -3.1), (4.6, 3.6), (12, 10)),
    "spirals": (known.create("spirals"), (-4.0, -3.6), (4.0, 3.6), (36, 32)),
    "wide spirals": (Spirals(halves=2, spacing=1.0, noise=0.3), (-4.0, -3.5), (4.0, 3.5), (16, 14)),
    "checkerboard": (known.create("checkerboard"), (-4, -4), (4, 4), (8, 8)),
    "pinwheel": (known.create("pinwheel"), (-6, -6), (6, 6), (60, 60)),
    "other pinwheel": (Pinwheel(3, radius=1.0, radial=0.4, tangential=0.25, twist=-1.0), (-4, -4), (4, 4), (20, 20)),
}


@pytest.mark.parametrize("key", BOXES)
def test_density_integrates_to_one_and_has_its_entropy_and_samples(key):
    source, low, high, counts = BOXES[key]
    mass, entropy = cells(source, low, high, counts)
    assert abs(mass.sum() - 1) < 1e-8
    assert abs(entropy - source.entropy()) < 1e-7
    n = 20_000
    x = source.sample(n, 4)
    edges = [np.linspace(low[i], high[i], counts[i] + 1) for i in range(2)]
    assert fit_p_value(np.histogram2d(*x.T, bins=edges)[0], mass) > 1e-4


def mixture(means, scale):
    return lambda x: np.mean([stats.multivariate_normal(m, scale**2).pdf(x) for m in means], axis=0)


def test_gaussians_against_scipy():
    x = RANDOM.uniform(-3, 3, (50, 2))
    circle = [(1.5 * np.cos(a), 1.5 * np.sin(a)) for a in np.arange(8) * np.pi / 4]
    np.testing.assert_allclose(EightGaussians(1.5, 0.7).log_prob(x), np.log(mixture(circle, 0.7)(x)), rtol=1e-10)
    grid = [(3 * i, 3 * j) for i in range(-2, 3) for j in range(-2, 3)]
    np.testing.assert_allclose(TwentyFiveGaussians(3, 0.9).log_prob(x), np.log(mixture(grid, 0.9)(x)), rtol=1e-10)


def test_entropy_of_a_product_mixture():
    # The grid's density is a product of two mixtures on the line.
    s = TwentyFiveGaussians(1.0, 0.35)
    q = lambda t: np.mean([stats.norm.pdf(t, m, 0.35) for m in range(-2, 3)])  # noqa: E731
    value, error = integrate.quad(lambda t: -q(t) * np.log(q(t)), -6, 6, epsabs=1e-12, epsrel=1e-12, limit=200)
    assert abs(s.entropy() - 2 * value) < 1e-9


def along_arc(x, arc, noise):
    """The mean of N(x; point, noise²) over the points of an arc, by adaptive quadrature."""
    cx, cy, radius, start, end = arc

    def f(t):
        distance = np.hypot(x[0] - cx - radius * np.cos(t), x[1] - cy - radius * np.sin(t))
        return np.exp(-0.5 * (distance / noise) ** 2)

    edges = np.linspace(start, end, 25)
    parts = zip(edges[:-1], edges[1:], strict=True)
    total = sum(integrate.quad(f, a, b, epsabs=1e-15, epsrel=1e-12)[0] for a, b in parts)
    return total / (end - start) / (2 * np.pi * noise**2)


def test_moons_and_rings_and_spirals_against_their_definition():
    x = RANDOM.uniform(-2, 2, (15, 2))
    moons = [(0, 0, 1, 0, np.pi), (1, 0.5, 1, np.pi, 2 * np.pi)]
    expected = [np.mean([along_arc(row, arc, 0.2) for arc in moons]) for row in x]
    np.testing.assert_allclose(np.exp(Moons(0.2).log_prob(x)), expected, rtol=1e-10, atol=1e-14)
    circles = [(0, 0, radius, 0, 2 * np.pi) for radius in (0.5, 1.5)]
    expected = [np.mean([along_arc(row, arc, 0.3) for arc in circles]) for row in x]
    np.testing.assert_allclose(np.exp(Rings((0.5, 1.5), 0.3).log_prob(x)), expected, rtol=1e-10, atol=1e-14)
    s = Spirals(halves=3, spacing=0.7, noise=0.25)
    share = s.arcs[:, 2] / s.arcs[:, 2].sum()
    expected = [sum(w * along_arc(row, arc, 0.25) for w, arc in zip(share, s.arcs, strict=True)) for row in x]
    np.testing.assert_allclose(np.exp(s.log_prob(x)), expected, rtol=1e-10, atol=1e-14)


def test_the_half_circles_of_a_spiral_make_a_smooth_line():
    s = Spirals(halves=5, spacing=0.6)
    end = lambda arc, t: arc[:2] + arc[2] * np.array([np.cos(t), np.sin(t)])  # noqa: E731
    for arm in (0, 1):
        arcs = s.arcs[s.arc_labels == arm]
        assert np.abs(end(arcs[0], arcs[0, 3])).max() < 1e-12  # from the origin
        for before, after in zip(arcs[:-1], arcs[1:], strict=True):
            np.testing.assert_allclose(end(before, before[4]), end(after, after[3]), atol=1e-12)
            assert np.isclose(np.exp(1j * before[4]), np.exp(1j * after[3]))  # the same direction
            assert after[2] > before[2]
    x = RANDOM.uniform(-2, 2, (20, 2))
    np.testing.assert_allclose(s.log_prob(-x), s.log_prob(x), rtol=1e-10)


def test_incomplete_bessel_integral():
    kappa = 10 ** RANDOM.uniform(-2, 5, 60)
    start, length = RANDOM.uniform(-7, 7, 60), RANDOM.uniform(0.02, np.pi, 60)
    got = log_bessel_between(kappa, start, length)
    for i in range(60):
        k, a, b = kappa[i], start[i], start[i] + length[i]
        # Pieces end where the cosine turns, and close around that and the ends, where the integrand may be a peak.
        turns = [a, b, *(j * np.pi for j in range(-3, 5) if a < j * np.pi < b)]
        widths = (3 / k**0.5, 8 / k**0.5, 5 / k, 30 / k, 100 / k)
        near = [t + side * width for t in turns for side in (-1, 1) for width in widths]
        places = sorted({*turns, *(t for t in near if a < t < b)})
        top = max(-k * (1 - np.cos(t)) for t in places)
        f = lambda s, k=k, top=top: np.exp(-k * (1 - np.cos(s)) - top)  # noqa: E731
        pieces = zip(places[:-1], places[1:], strict=True)
        expected = top + np.log(sum(integrate.quad(f, *piece, epsabs=0, epsrel=1e-13)[0] for piece in pieces))
        assert abs(got[i] - expected) < 1e-10 * max(1, abs(expected))
    half = np.full(60, np.pi)
    whole = np.logaddexp(log_bessel_between(kappa, start, half), log_bessel_between(kappa, start + np.pi, half))
    np.testing.assert_allclose(whole, np.log(2 * np.pi * special.i0e(kappa)), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(log_bessel_between(np.zeros(3), np.ones(3), np.arange(1, 4.0)), np.log(np.arange(1, 4)))


@pytest.mark.parametrize(("name", "edge"), [("moons", (2.0, 0.5)), ("spirals", (3.2, 0.0)), ("rings", (3.0, 0.0))])
def test_far_away_the_density_falls_with_the_squared_distance(name, edge):
    s = known.create(name)
    for distance in (30.0, 1e3, 1e6):
        log_p = s.log_prob(np.array([[edge[0] + distance, edge[1]]]))[0]
        assert abs(log_p / (-(distance**2) / (2 * 0.1**2)) - 1) < 1e-3


def numerical_log_det(f, x, step=1e-5):
    columns = [(f(x + step * e) - f(x - step * e)) / (2 * step) for e in np.eye(2)]
    return np.log(np.abs(np.linalg.det(np.stack(columns, axis=-1))))


def twist(x, rate):
    turned = (x[:, 0] + 1j * x[:, 1]) * np.exp(1j * rate * np.hypot(x[:, 0], x[:, 1]))
    return np.stack([turned.real, turned.imag], axis=1)


def test_change_of_variables():
    z = RANDOM.standard_normal((40, 2))
    log_normal = stats.norm.logpdf(z).sum(axis=1)
    banana = lambda z: np.stack([0.8 * z[:, 0], z[:, 1] + 0.3 * 0.64 * (z[:, 0] ** 2 - 1)], axis=1)  # noqa: E731
    funnel = lambda z: np.stack([2 * z[:, 0], z[:, 1] * np.exp(z[:, 0])], axis=1)  # noqa: E731
    for source, f in ((WarpedGaussian(0.8, 0.3), banana), (Funnel(2.0), funnel)):
        np.testing.assert_allclose(source.log_prob(f(z)), log_normal - numerical_log_det(f, z), rtol=1e-7, atol=1e-7)
    y = RANDOM.standard_normal((40, 2)) * 2
    parts = []
    for k in range(3):
        a = 2 * np.pi * k / 3
        turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        covariance = turn @ np.diag([0.25, 0.09]) @ turn.T
        parts.append(stats.multivariate_normal(turn @ [1.2, 0], covariance).logpdf(y))
    f = lambda y: twist(y, 0.9)  # noqa: E731
    expected = np.logaddexp.reduce(parts) - np.log(3) - numerical_log_det(f, y)
    np.testing.assert_allclose(Pinwheel(3, 1.2, 0.5, 0.3, 0.9).log_prob(f(y)), expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(("source", "standardize"), [
    (WarpedGaussian(1.5, 0.5), lambda x: (x[:, 0] / 1.5, x[:, 1] - 0.5 * (x[:, 0] ** 2 - 2.25))),
    (Funnel(1.5), lambda x: (x[:, 0] / 1.5, x[:, 1] / np.exp(x[:, 0] / 2))),
])
def test_samples_of_warped_gaussians(source, standardize):
    u, v = (stats.norm.cdf(z) for z in standardize(source.sample(20_000, 7)))
    assert min(stats.kstest(u, "uniform").pvalue, stats.kstest(v, "uniform").pvalue) > 1e-4
    counts = np.histogram2d(u, v, bins=10, range=[(0, 1), (0, 1)])[0]
    assert fit_p_value(counts, np.full(100, 0.01)) > 1e-4


@pytest.mark.parametrize("source", [WarpedGaussian(0.9, 0.4), Funnel(0.8)])
def test_warped_gaussians_integrate_to_one(source):
    def inner(a, function):
        middle = 0.4 * (a * a - 0.81) if isinstance(source, WarpedGaussian) else 0.0
        width = 9 if isinstance(source, WarpedGaussian) else 9 * np.exp(a / 2)
        t, w = np.polynomial.legendre.leggauss(60)
        log_p = source.log_prob(np.stack([np.full(60, a), middle + width * t], axis=1))
        return width * (w * function(log_p)).sum()

    one = integrate.quad(inner, -9, 9, args=(np.exp,), epsabs=1e-11)[0]
    entropy = integrate.quad(inner, -9, 9, args=(lambda v: -v * np.exp(v),), epsabs=1e-11)[0]
    assert abs(one - 1) < 1e-9 and abs(entropy - source.entropy()) < 1e-9


def test_checkerboard_is_uniform_on_its_squares():
    s = known.create("checkerboard", cells=3, side=0.5)
    x = RANDOM.uniform(-0.75, 0.75, (200, 2))
    on = np.floor(x / 0.5 + 1.5).sum(axis=1) % 2 == 0
    np.testing.assert_allclose(s.log_prob(x), np.where(on, -np.log(5 * 0.25), -np.inf))
    np.testing.assert_array_equal(s.log_prob(np.array([[0.8, 0.0], [0.0, -0.76]])), [-np.inf, -np.inf])
    # Corners where two squares meet count once, edges belong to their square.
    np.testing.assert_allclose(s.log_prob(np.array([[0.25, 0.25], [0.25, 0.0]])), -np.log(1.25))


@pytest.mark.parametrize(("name", "thrice"), [
    ("eight_gaussians", {"radius": 6.0, "scale": 0.6}), ("rings", {"radii": (3.0, 6.0, 9.0), "noise": 0.3}),
    ("pinwheel", {"radius": 6.0, "radial": 1.8, "tangential": 0.3, "twist": 0.2}),
])
def test_entropy_of_a_source_thrice_as_large(name, thrice):
    assert abs(known.create(name, **thrice).entropy() - known.create(name).entropy() - 2 * np.log(3)) < 1e-9


def test_entropy_of_thin_blades_that_cross():
    source = Pinwheel(arms=4, radius=0.8, radial=0.5, tangential=0.05, twist=0.0)
    mass, entropy = cells(source, (-4.2, -4.2), (4.2, 4.2), (84, 84), order=10)
    assert abs(mass.sum() - 1) < 1e-9 and abs(entropy - source.entropy()) < 1e-9


def test_thin_moons_are_a_line_with_a_gaussian_across():
    limit = np.log(2 * np.pi) + 0.5 * np.log(2 * np.pi * np.e * 0.04**2)
    assert abs(Moons(0.04).entropy() - limit) < 0.05
