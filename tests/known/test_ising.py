"""Ising lattices by transfer matrix against enumeration, and against the closed form of the torus."""

import itertools

import numpy as np
import pytest

from known.laws import all_strings, entropy, fit_p_value
from minigen.known.ising import Ising

SMALL = [
    (1, 1, 0.5, 0.3, False), (1, 4, 0.7, -0.2, False), (4, 1, 0.7, -0.2, False), (2, 3, -0.8, 0.4, False),
    (3, 2, 1.3, 0.0, False), (3, 4, 0.4, 0.1, False), (4, 4, 0.44, 0.0, False), (4, 4, -0.6, 0.3, False),
    (3, 3, 0.5, 0.2, True), (3, 3, -0.9, 0.0, True), (3, 4, 0.6, -0.3, True), (4, 3, 0.6, -0.3, True),
    (4, 4, 0.44, 0.0, True), (4, 4, 0.0, 0.5, True),
]


def bonds(rows, columns, periodic):
    """Pairs of neighbouring sites, every pair once."""
    pairs = []
    for i, j in itertools.product(range(rows), range(columns)):
        for k, m in ((i + 1, j), (i, j + 1)):
            if periodic or (k < rows and m < columns):
                pairs.append((i * columns + j, k % rows * columns + m % columns))
    return pairs


def enumerated(rows, columns, beta, field, periodic):
    """All lattices and the exponent of each."""
    x = all_strings(2, rows * columns)
    s = 2 * x - 1
    exponent = field * s.sum(axis=1).astype(float)
    for a, b in bonds(rows, columns, periodic):
        exponent += beta * s[:, a] * s[:, b]
    return x.reshape(-1, rows, columns, 1), exponent


@pytest.mark.parametrize("parameters", SMALL)
def test_all_lattices(parameters):
    source = Ising(*parameters[:4], periodic=parameters[4])
    x, exponent = enumerated(*parameters)
    log_z = np.logaddexp.reduce(exponent)
    p = np.exp(exponent - log_z)
    assert abs(source.log_partition() - log_z) < 1e-11
    np.testing.assert_allclose(source.log_prob(x), exponent - log_z, rtol=1e-11, atol=1e-11)
    assert abs(source.mean_exponent() - p @ exponent) < 1e-10
    assert abs(source.entropy() - entropy(p)) < 1e-10


@pytest.mark.parametrize("parameters", [SMALL[3], SMALL[5], SMALL[8], SMALL[10], (1, 5, 0.6, 0.2, False)])
def test_samples_of_small_lattices(parameters):
    source, (x, exponent) = Ising(*parameters[:4], periodic=parameters[4]), enumerated(*parameters)
    samples = source.sample(30_000, 11).reshape(30_000, -1).astype(int)
    counts = np.bincount(samples @ 2 ** np.arange(samples.shape[1])[::-1], minlength=len(x))
    assert fit_p_value(counts, np.exp(exponent - np.logaddexp.reduce(exponent))) > 1e-4


def kaufman(n, m, k):
    """log Z of an n × m torus without field. Source: Kaufman, Physical Review 76 (1949), equation 39 and after."""
    l = np.arange(2 * n)  # noqa: E741
    gamma = np.arccosh(np.cosh(2 * k) / np.tanh(2 * k) - np.cos(np.pi * l / n))
    gamma[0] = 2 * k + np.log(np.tanh(k))
    odd, even = gamma[1::2] * m / 2, gamma[0::2] * m / 2
    total = sum(np.prod(2 * f(g)) for g in (odd, even) for f in (np.cosh, np.sinh))
    return np.log(0.5 * total) + n * m / 2 * np.log(2 * np.sinh(2 * k))


@pytest.mark.parametrize(("rows", "columns"), [(8, 8), (8, 5), (6, 7), (3, 8)])
@pytest.mark.parametrize("beta", [0.1, 0.4, 0.4406867935, 0.9])
def test_the_torus_has_a_closed_form(rows, columns, beta):
    source, step = Ising(rows, columns, beta), 1e-4
    assert abs(source.log_partition() - kaufman(rows, columns, beta)) < 1e-9
    slope = (kaufman(rows, columns, beta + step) - kaufman(rows, columns, beta - step)) / (2 * step)
    assert abs(source.mean_exponent() - beta * slope) < 1e-4
    assert abs(source.entropy() - kaufman(rows, columns, beta) + beta * slope) < 1e-4


def test_limits():
    assert abs(Ising(8, 8, 0.0).entropy() - 64 * np.log(2)) < 1e-10
    for periodic in (False, True):
        single = np.log(2 * np.cosh(0.7)) - 0.7 * np.tanh(0.7)
        assert abs(Ising(8, 8, 0.0, 0.7, periodic).entropy() - 64 * single) < 1e-10
        # Frozen: all up or all down. Neighbours that must differ do so in two ways on a lattice of even sides.
        assert abs(Ising(8, 8, 9.9, 0.0, periodic).entropy() - np.log(2)) < 1e-9
        assert abs(Ising(8, 8, -9.9, 0.0, periodic).entropy() - np.log(2)) < 1e-9
        assert abs(Ising(8, 8, 9.9, 9.9, periodic).entropy()) < 1e-9
    assert np.isfinite(Ising(7, 7, -9.9, 9.0).entropy())  # neighbours cannot all differ on odd sides


@pytest.mark.parametrize("periodic", [False, True])
def test_free_lattices_of_size_eight(periodic):
    """The exponent's mean over samples of the largest lattice, and the mean of each spin in a field."""
    source, n = Ising(8, 8, 0.3, 0.1, periodic), 5000
    x = source.sample(n, 3)
    exponent = source.exponent(x)
    assert abs(exponent.mean() - source.mean_exponent()) < 4.5 * exponent.std() / np.sqrt(n)
    s = 2.0 * x.reshape(n, -1) - 1
    step = 1e-4  # the mean of the sum of spins is the derivative by the field
    up, down = (Ising(8, 8, 0.3, 0.1 + d, periodic).log_partition() for d in (step, -step))
    magnetization = s.sum(axis=1)
    assert abs(magnetization.mean() - (up - down) / (2 * step)) < 4.5 * magnetization.std() / np.sqrt(n)
    if periodic:
        spread = np.sqrt((1 - s.mean() ** 2) / n)
        assert np.abs(s.mean(axis=0) - s.mean()).max() < 5 * spread  # all places are alike
