"""Figures of samples against closed forms, and their standard errors against how the figures vary."""

import importlib
import itertools
import math

import numpy as np
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from minigen.evaluation import sample_figures, sample_score

NAMES = {"energy_distance", "sliced_wasserstein", "coverage"}


def mean_distance(shift, scale):
    """E|Z| of Z ~ N(shift, scale²): the folded normal."""
    return stats.foldnorm.mean(abs(shift) / scale, scale=scale)


def energy_of_normals(shift, a, b):
    """The energy distance of N(0, a²) and N(shift, b²)."""
    between = mean_distance(shift, math.hypot(a, b))
    return 2 * between - mean_distance(0, a * math.sqrt(2)) - mean_distance(0, b * math.sqrt(2))


@pytest.mark.parametrize("shift, scale", [(0.0, 2.0), (0.7, 1.0), (-1.5, 0.4)])
def test_two_normals_in_one_dimension(shift, scale):
    """Both distances are what theory says: of W₂ that is √(shift² + (1 - scale)²)."""
    random = np.random.default_rng(3)
    figures = sample_figures(random.normal(shift, scale, (2000, 1)), random.standard_normal((2000, 1)), 0)
    assert set(figures) == NAMES
    expected = {"energy_distance": energy_of_normals(shift, 1, scale),
                "sliced_wasserstein": math.hypot(shift, 1 - scale)}
    for name, exact in expected.items():
        figure = figures[name]
        assert abs(figure["value"] - exact) < 4 * figure["standard_error"]
        assert figure["standard_error"] < 0.15 * exact
        assert figure["n"] == 2000


def test_sliced_distance_of_shifted_points_is_the_shift_over_the_root_of_the_dimension():
    """W₂ of a set and the same set moved by v is |θ·v| in direction θ, and E (θ·v)² = |v|² / D."""
    y = np.random.default_rng(0).standard_normal((400, 6))
    v = np.array([3.0, 0, -1, 0.5, 0, 2])
    figure = sample_figures(y + v, y, 1, n_projections=2000)["sliced_wasserstein"]
    assert abs(figure["value"] - np.linalg.norm(v) / math.sqrt(6)) < 4 * figure["standard_error"]
    assert figure["standard_error"] > 0.01 * figure["value"]  # the directions alone make so much of it


def naive_figures(x, y, k):
    """Energy distance and coverage as they are defined."""
    n, between = len(x), cdist(y, x)
    within = cdist(y, y) + np.diag(np.full(n, np.inf))
    reach = np.sort(within, axis=1)[:, k - 1]
    return {"energy_distance": 2 * between.mean() - (cdist(x, x).sum() + cdist(y, y).sum()) / (n * (n - 1)),
            "coverage": (between.min(axis=1) <= reach * (1 + 1e-9)).mean()}


@pytest.mark.parametrize("n, k", [(25, 1), (67, 3), (12, 2)])
def test_values_and_jackknife_are_the_definitions(n, k):
    """Computed again from the rows themselves, without each group in turn."""
    random = np.random.default_rng(n)
    x, y = random.standard_normal((n, 2)), random.standard_normal((n, 2)) * 1.5
    energies, coverages = importlib.import_module("minigen.evaluation.sample_figures")._of_distances(x, y, k)
    ends = np.linspace(0, n, min(20, n) + 1).astype(int)
    kept = [np.ones(n, bool)]
    for start, stop in itertools.pairwise(ends):
        kept.append(np.ones(n, bool))
        kept[-1][start:stop] = False
    exact = [naive_figures(x[rows], y[rows], k) for rows in kept]
    np.testing.assert_allclose(energies, [values["energy_distance"] for values in exact], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(coverages, [values["coverage"] for values in exact], rtol=1e-12)


@pytest.mark.parametrize("equal", [True, False])
def test_standard_errors_are_how_much_figures_vary(equal):
    """Over 80 pairs of samples; the jackknife's error is on average not too small, and at most twice too large."""
    random, values, errors = np.random.default_rng(7), [], []
    for seed in range(80):
        x = random.standard_normal((150, 3)) * (1 if equal else 1.3) + (0 if equal else 0.4)
        figures = sample_figures(x, random.standard_normal((150, 3)), seed, n_projections=64)
        values.append([figures[name]["value"] for name in sorted(NAMES)])
        errors.append([figures[name]["standard_error"] for name in sorted(NAMES)])
    deviation = np.std(values, axis=0, ddof=1)
    ratio = np.sqrt(np.square(errors).mean(axis=0)) / deviation
    noise = 1 / math.sqrt(2 * 80)  # the relative error of a standard deviation of 80 values
    assert (ratio > 1 - 3 * noise).all()
    assert (ratio < [3, 2, 2]).all()  # coverage, energy distance, sliced Wasserstein


@pytest.mark.parametrize("draw", [
    lambda random: random.standard_normal((600, 4)),
    lambda random: random.integers(0, 2, (600, 5)).astype(np.uint8),
    lambda random: random.integers(0, 256, (600, 3, 3, 1)),
    lambda random: random.random((600, 2)) < 0.3,
], ids=["normal", "binary", "images", "booleans"])
def test_samples_of_the_data_s_own_distribution_show_no_gap(draw):
    """Discrete data have ties, which a formula for coverage by chance does not allow for; what is measured does."""
    random = np.random.default_rng(11)
    figures = sample_figures(draw(random), draw(random), 0)
    for figure in figures.values():
        assert abs(figure["value"] - figure["by_chance"]) <= 4 * figure["standard_error"]
    assert figures["energy_distance"]["by_chance"] == 0


def test_binary_data_with_another_share_of_ones():
    """Of one bit |X - Y| is 0 or 1: the energy distance is 2(p - q)²."""
    random, p, q = np.random.default_rng(5), 0.7, 0.4
    figure = sample_figures(random.random((4000, 1)) < p, random.random((4000, 1)) < q, 0)["energy_distance"]
    assert abs(figure["value"] - 2 * (p - q) ** 2) < 4 * figure["standard_error"]
    assert figure["standard_error"] < 0.02


def test_coverage_sees_a_mode_that_is_left_out():
    random = np.random.default_rng(2)
    y = random.standard_normal((1000, 2)) + np.where(random.random((1000, 1)) < 0.5, 20, -20)
    figure = sample_figures(random.standard_normal((1000, 2)) + 20, y, 0)["coverage"]
    assert abs(figure["value"] - 0.5) < 0.05 and figure["by_chance"] > 0.9


def test_score_is_larger_for_better_samples():
    random = np.random.default_rng(9)
    y = random.standard_normal((3000, 2))
    scores = [sample_score(random.standard_normal((3000, 2)) + shift, y, 4) for shift in (0, 0.2, 0.5, 2.0)]
    assert scores == sorted(scores, reverse=True) and abs(scores[0]) < 0.01
    assert isinstance(scores[0], float)
    shift = sample_score(random.normal(1.0, 1.0, (1000, 1)), random.standard_normal((1000, 1)), 0)
    assert shift == pytest.approx(-energy_of_normals(1.0, 1, 1), abs=0.15)


def test_the_seed_says_all_and_no_more_than_rows_are_used():
    random = np.random.default_rng(1)
    x, y = random.standard_normal((900, 2)), random.standard_normal((500, 2))
    assert sample_figures(x, y, 3, rows=100) == sample_figures(x, y, 3, rows=100)
    assert sample_figures(x, y, 3, rows=100) != sample_figures(x, y, 4, rows=100)
    assert {figure["n"] for figure in sample_figures(x, y, 3, rows=100).values()} == {100}
    assert {figure["n"] for figure in sample_figures(x, y, 3).values()} == {500}


def test_which_held_out_rows_are_scored_does_not_depend_on_the_samples():
    y = np.linspace(0, 1, 300)[:, None] ** 3
    a, b = (sample_score(np.full((count, 1), 5.0), y, 2, rows=20) for count in (100, 250))
    assert a == pytest.approx(b, rel=1e-12)


@pytest.mark.parametrize("x, y, settings, error, words", [
    (np.zeros((20, 2)), np.zeros((20, 3)), {}, ValueError, "y: expected 2 numbers"),
    (np.zeros((5, 2)), np.zeros((20, 2)), {}, ValueError, "x: expected at least 10"),
    (np.zeros((15, 2)), np.zeros((15, 2)), {"k": 8}, ValueError, "at least 16"),
    (np.full((20, 2), np.nan), np.zeros((20, 2)), {}, ValueError, "x: expected finite"),
    (np.array(["a"] * 20), np.zeros(20), {}, TypeError, "x: expected an array of numbers"),
    (np.zeros((20, 2)), np.float32(3), {}, ValueError, "y: expected an array of examples"),
    (np.zeros((20, 2)), np.zeros((20, 2)), {"rows": 3}, ValueError, "rows"),
    (np.zeros((20, 2)), np.zeros((20, 2)), {"k": 0}, ValueError, "k"),
    (np.zeros((20, 2)), np.zeros((20, 2)), {"n_projections": 1}, ValueError, "n_projections"),
])
def test_wrong_arguments_are_named(x, y, settings, error, words):
    with pytest.raises(error, match=words):
        sample_figures(x, y, 0, **settings)


def test_constant_samples_and_data_have_no_error():
    figures = sample_figures(np.zeros((20, 2)), np.zeros((20, 2)), 0)
    assert figures["energy_distance"]["value"] == figures["sliced_wasserstein"]["value"] == 0
    assert figures["coverage"]["value"] == 1
    assert all(figure["standard_error"] == 0 for figure in figures.values())
