"""The pieces that identity checks are made of, against oracles."""

import math

import numpy as np
import pytest
from scipy import integrate as scipy_integrate
from scipy import stats

from minigen.arrays import Generator
from minigen.evaluation import importance
from minigen.evaluation.adaptive_quadrature import Chart, cell_of, equal_cells, integrate
from minigen.evaluation.identity_checks import chi_square, limit, random_masks
from minigen.evaluation.proposal import Proposal


def test_chi_square_is_scipys_where_no_cell_is_rare():
    counts, p = np.array([20, 31, 49]), np.array([0.25, 0.3, 0.45])
    oracle = stats.chisquare(counts, 100 * p)
    assert chi_square(counts, p) == pytest.approx((oracle.statistic, 2, oracle.pvalue), rel=1e-12)


def test_rare_cells_are_merged():
    counts = np.array([3, 1, 50, 46, 0])
    p = np.array([0.02, 0.03, 0.5, 0.44, 0.01])  # expected 1, 2, 3 together reach 5
    oracle = stats.chisquare([4, 46, 50], [6, 44, 50])
    assert chi_square(counts, p) == pytest.approx((oracle.statistic, 2, oracle.pvalue), rel=1e-12)
    assert chi_square(np.array([3, 1]), np.array([0.5, 0.5])) == (0.0, 0, 1.0)


def test_chi_square_p_values_are_uniform():
    random, p = np.random.default_rng(0), np.random.default_rng(1).dirichlet(np.full(200, 0.5))
    values = [chi_square(random.multinomial(3000, p), p)[2] for _ in range(300)]
    assert stats.kstest(values, "uniform").pvalue > 1e-3


def test_limits_are_normal_quantiles():
    assert limit() == pytest.approx(stats.norm.isf(0.5e-5), rel=1e-9)
    assert limit(100) == pytest.approx(stats.norm.isf(0.5e-7), rel=1e-9)


def test_masks_have_every_number_of_columns_as_often():
    masks = random_masks(6000, 4, Generator(0), 1)
    counts = np.bincount(masks.sum(axis=1), minlength=5)
    assert counts[0] == counts[4] == 0 and stats.chisquare(counts[1:4]).pvalue > 1e-3
    assert stats.chisquare(masks.sum(axis=0)).pvalue > 1e-3


@pytest.mark.parametrize("spread", [2.0, 6.0, 10.0])
def test_bridge_estimates_have_their_stated_error(spread):
    # log w normal under q with variance s and mean -s/2 has E w = 1, and mean +s/2 under p
    random, scores = np.random.default_rng(2), []
    for _ in range(100):
        log_w, of_samples = (random.normal(shift * spread / 2, math.sqrt(spread), 4000) for shift in (-1, 1))
        detail = importance._by_bridge(log_w, of_samples, 0.0)[1]
        scores.append(float(detail.split(" standard errors")[0].rsplit(", ")[-1]))
    assert abs(np.mean(scores)) < 4.5 / math.sqrt(100) + 0.05
    assert np.std(scores) == pytest.approx(1, abs=4.5 / math.sqrt(200) + 0.05)


def test_bridges_see_a_constant_factor_and_say_when_they_cannot():
    random = np.random.default_rng(3)
    log_w, of_samples = (random.normal(shift, 2.0, 4000) for shift in (-2.0, 2.0))
    passed, detail = importance._by_bridge(log_w + 30, of_samples + 30, 0.0)
    assert passed is False and "log Z = +30.0" in detail or "log Z = +29.9" in detail
    passed, detail = importance._by_bridge(random.normal(-500, 5, 4000), random.normal(500, 5, 4000), 0.0)
    assert passed is None and "too far" in detail


def test_weights_are_not_trusted_where_samples_contradict_them():
    # a mode with half of the mass where q has none to speak of: all weights that q shows are alike
    log_w = np.full(4000, math.log(0.5))
    of_samples = np.concatenate([np.full(2000, math.log(0.5)), np.full(2000, 20.0)])
    assert importance._by_mean(log_w, of_samples, 0.0) is None
    assert importance._by_mean(log_w, log_w[:2000], 0.0)[0] is False


@pytest.mark.parametrize("columns", [0, 1, 3])
def test_proposals_are_distributions(columns):
    random, levels = np.random.default_rng(4), (None,) * columns + (2, 3)
    bits = random.random(600) < 0.4
    rows = np.column_stack([*(random.normal(3 * bits, 1) for _ in range(columns)), bits, random.integers(0, 3, 600)])
    proposal = Proposal(rows, levels, Generator(0))
    drawn = proposal.sample(20_000, Generator(1))
    log_q = proposal.log_prob(drawn)
    # E_q[f/q] = 1 for any distribution f that q covers: a normal with the moments of the draws, uniform levels
    log_f = np.full(len(drawn), -math.log(6))
    if columns:
        real = drawn[:, :columns]
        log_f += stats.multivariate_normal.logpdf(real, rows[:, :columns].mean(axis=0), np.cov(rows[:, :columns].T))
    weights = np.exp(log_f - log_q)
    assert abs(weights.mean() - 1) < 4.5 * weights.std() / math.sqrt(len(weights))
    if not columns:
        states = np.array([[a, b] for a in range(2) for b in range(3)], float)
        assert np.exp(proposal.log_prob(states)).sum() == pytest.approx(1, rel=1e-12)
        counts = np.bincount((drawn @ [3, 1]).astype(int), minlength=6)
        assert stats.chisquare(counts, 20_000 * np.exp(proposal.log_prob(states))).pvalue > 1e-3


def test_charts_invert():
    points = np.random.default_rng(5).standard_cauchy((500, 2)) * [1e-6, 1e6] + [3, -5]
    chart = Chart(points)
    back, volume = chart.to_space(chart.from_space(points))
    np.testing.assert_allclose((back - points) / chart.spread, 0, atol=1e-6 * np.abs(points / chart.spread).max())
    t, step = np.array([[0.3, -0.7]]), 1e-6
    sides = [(chart.to_space(t + step * e)[0] - chart.to_space(t - step * e)[0])[0] / (2 * step) for e in np.eye(2)]
    assert chart.to_space(t)[1] == pytest.approx(abs(np.linalg.det(sides)), rel=1e-6)


@pytest.mark.parametrize("columns", [1, 2])
def test_cells_have_the_masses_that_scipy_finds(columns):
    random = np.random.default_rng(6)
    points = random.normal(size=(600, columns)) * 2 + 1
    chart = Chart(points)
    boxes = equal_cells(chart.from_space(points), 3, 2)
    masses = integrate(lambda x: stats.norm.logpdf(x, 1, 2).sum(axis=1), chart, boxes, 1e-7)
    assert masses.values.sum() == pytest.approx(1, abs=1e-6) and masses.error <= 1e-7
    assert len(masses.values) == 8 + 2 * columns and masses.values[:8].min() > 0.05
    counts = np.bincount(cell_of(chart.from_space(points), boxes), minlength=len(masses.values))
    assert counts[:8].tolist() == [75] * 8
    lower, upper, owner = boxes
    for cell in (0, 3, len(masses.values) - 1):  # by SciPy, in x: the boxes of a cell are products of intervals
        total = 0.0
        for low, high in zip(lower[owner == cell], upper[owner == cell], strict=True):
            with np.errstate(divide="ignore"):
                ends = [chart.to_space(end[None])[0][0] for end in (low, high)]
            total += np.prod([scipy_integrate.quad(stats.norm(1, 2).pdf, max(a, -60), min(b, 60))[0]
                              for a, b in zip(*ends, strict=True)])
        assert masses.values[cell] == pytest.approx(total, abs=1e-6)
