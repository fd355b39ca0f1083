"""Generator's draws against their distributions: fixed seeds, levels at which one test in 10^5 would fail."""

import collections
import itertools

import numpy as np
import pytest
from scipy import stats

from minigen.arrays import Generator

LEVEL = 1e-5
N = 200_000
DTYPES = (np.float32, np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("name", "law"),
    [
        ("random", stats.uniform()),
        ("standard_normal", stats.norm()),
        ("exponential", stats.expon()),
        ("gumbel", stats.gumbel_r()),
    ],
)
def test_draws_follow_their_law(name, law, dtype):
    generator = Generator(11)
    values = getattr(generator, name)(N, dtype).astype(np.float64)
    assert stats.kstest(values, law.cdf).pvalue > LEVEL
    # The tails, which the Kolmogorov-Smirnov statistic hardly sees: counts beyond far quantiles.
    for tail in (1e-2, 1e-3, 1e-4):
        for count in (np.sum(values < law.ppf(tail)), np.sum(values > law.isf(tail))):
            assert stats.binomtest(int(count), N, tail).pvalue > LEVEL


@pytest.mark.parametrize("dtype", DTYPES)
def test_parameters_shift_and_scale(dtype):
    generator = Generator(12)
    loc, scale = np.array([-3.0, 0.0, 5.0]), np.array([0.1, 1.0, 20.0])
    normals = generator.normal(loc, scale, (N // 3, 3), dtype)
    uniforms = generator.uniform(-3.0, loc + 4.0, (N // 3, 3), dtype)
    for i in range(3):
        assert stats.kstest(normals[:, i], stats.norm(loc[i], scale[i]).cdf).pvalue > LEVEL
        assert stats.kstest(uniforms[:, i], stats.uniform(-3.0, loc[i] + 7.0).cdf).pvalue > LEVEL


@pytest.mark.parametrize("dtype", DTYPES)
def test_normal_moments_and_pairs(dtype):
    z = Generator(13).standard_normal(N, dtype).astype(np.float64)
    # Variances of z, z^2, z^3 and z^4 are 1, 2, 15 and 96.
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(np.mean(z**power) - mean) < 4.5 * np.sqrt(variance / N)
    # The two numbers of one Box-Muller pair are independent, in their squares too.
    a, b = z[0::2], z[1::2]
    assert stats.pearsonr(a, b).pvalue > LEVEL
    assert stats.pearsonr(a**2, b**2).pvalue > LEVEL
    assert stats.kstest((a**2 + b**2) / 2, "expon").pvalue > LEVEL
    assert stats.kstest(np.arctan2(b, a) / (2 * np.pi) + 0.5, "uniform").pvalue > LEVEL


@pytest.mark.parametrize("span", [2, 3, 6, 7, 10, 100, 255, 1000])
def test_integers_are_uniform(span):
    values = Generator(14).integers(-5, span - 5, N)
    assert values.min() == -5 and values.max() == span - 6
    assert stats.chisquare(np.bincount(values + 5, minlength=span)).pvalue > LEVEL


@pytest.mark.parametrize("span", [3 * 2**30, 2**32 - 1, 2**32, 2**32 + 1, 3 * 2**61, 2**63 + 1, 2**64])
def test_wide_integers_are_uniform(span):
    # Without rejection, 3 * 2^30 would favour every third value; a plain modulo would favour the low ones.
    low = max(-(2**63), -span // 2)
    values = Generator(15).integers(low, low + span, N)
    bins = [((int(v) - low) * 24) // span for v in values]
    assert stats.chisquare(np.bincount(bins, minlength=24)).pvalue > LEVEL
    residues = [(int(v) - low) % 3 for v in values]
    assert stats.chisquare(np.bincount(residues, minlength=3)).pvalue > LEVEL


@pytest.mark.parametrize("p", [1e-3, 0.1, 0.5, 0.9, 0.999])
def test_bernoulli_rate(p):
    count = int(Generator(17).bernoulli(p, N).sum())
    assert stats.binomtest(count, N, p).pvalue > LEVEL


def test_bernoulli_takes_each_probability():
    p = np.linspace(0, 1, 11)
    counts = Generator(18).bernoulli(p, (20_000, 11)).sum(axis=0)
    for count, probability in zip(counts, p, strict=True):
        assert stats.binomtest(int(count), 20_000, probability).pvalue > LEVEL


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_permutations_are_uniform(n):
    generator = Generator(19)
    draws = collections.Counter(tuple(generator.permutation(n).tolist()) for _ in range(12_000))
    orders = list(itertools.permutations(range(n)))
    assert set(draws) == set(orders)
    assert stats.chisquare([draws[order] for order in orders]).pvalue > LEVEL


def test_long_permutations():
    order = Generator(20).permutation(100_000)
    assert np.array_equal(np.sort(order), np.arange(100_000))
    assert stats.pearsonr(order, np.arange(100_000)).pvalue > LEVEL
    assert stats.pearsonr(order[1:], order[:-1]).pvalue > LEVEL


def bits_agree(a, b):
    """The p-value of the count of equal bits in two arrays of words."""
    equal = 32 * len(a) - int(np.bitwise_count(a ^ b).sum())
    return stats.binomtest(equal, 32 * len(a), 0.5).pvalue


def test_each_bit_is_fair_and_neighbours_are_independent():
    words = Generator(21).words(N)
    for bit in range(32):
        assert stats.binomtest(int((words >> bit & 1).sum()), N, 0.5).pvalue > LEVEL
    for lag in (1, 2, 3, 4, 5, 8, 64):
        assert bits_agree(words[lag:], words[:-lag]) > LEVEL
        u = words.astype(np.float64)
        assert stats.pearsonr(u[lag:], u[:-lag]).pvalue > LEVEL


@pytest.mark.parametrize("dtype", DTYPES)
def test_adjacent_draws_are_uncorrelated(dtype):
    generator = Generator(22)
    for draw in (generator.random, generator.standard_normal, generator.gumbel):
        values = draw(N, dtype)
        for lag in (1, 2, 3, 4):
            assert stats.pearsonr(values[lag:], values[:-lag]).pvalue > LEVEL
    # Pairs of uniform numbers fill the square evenly.
    u = generator.random((N, 2))
    counts = np.histogram2d(u[:, 0], u[:, 1], bins=16, range=((0, 1), (0, 1)))[0]
    assert stats.chisquare(counts.ravel()).pvalue > LEVEL


def test_related_streams_are_independent():
    parent = Generator(23)
    family = [parent, Generator(24), Generator(23 + 2**32), Generator(23 + 2**64), Generator(23 + 2**96)]
    family += [*parent.split(3), *(parent.fold_in(i) for i in range(3))]
    family += [parent.split().split(), parent.fold_in(0).split(), parent.fold_in(0, 0), parent.fold_in(0, 1)]
    words = [generator.words(20_000) for generator in family]
    for a, b in itertools.combinations(words, 2):
        assert bits_agree(a, b) > LEVEL
        assert stats.pearsonr(a.astype(float), b.astype(float)).pvalue > LEVEL
        # The same words a few places on would be as bad.
        assert len(np.intersect1d(a.view(np.uint64), b.view(np.uint64))) == 0


def test_first_words_of_many_children_are_uniform():
    generator = Generator(25)
    for children in (generator.split(20_000), [generator.fold_in(i) for i in range(20_000)]):
        first = np.array([child.words(1)[0] for child in children])
        assert stats.kstest(first / 2**32, "uniform").pvalue > LEVEL
        assert stats.pearsonr(first[1:].astype(float), first[:-1].astype(float)).pvalue > LEVEL
