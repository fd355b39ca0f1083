"""Kernel density estimates against scikit-learn, scipy, quadrature, closed distribution functions and hand sums."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

import minigen
from minigen import DataSpec, models, training
from minigen.models.density.kde import MULTIPLES
from minigen.models.density.support.radial_kernels import SHAPES, deviation, log_normaliser

K = {
    "gaussian": lambda r: np.exp(-r * r / 2),
    "exponential": lambda r: np.exp(-r),
    "tophat": lambda r: np.ones_like(r),
    "epanechnikov": lambda r: 1 - r * r,
    "linear": lambda r: 1 - r,
    "cosine": lambda r: np.cos(np.pi / 2 * r),
}
CDF = {  # of one coordinate, in one dimension
    "gaussian": stats.norm.cdf,
    "exponential": stats.laplace.cdf,
    "tophat": lambda u: (np.clip(u, -1, 1) + 1) / 2,
    "epanechnikov": lambda u: (2 + 3 * np.clip(u, -1, 1) - np.clip(u, -1, 1) ** 3) / 4,
    "linear": lambda u: 0.5 + np.clip(u, -1, 1) - np.clip(u, -1, 1) * np.abs(np.clip(u, -1, 1)) / 2,
    "cosine": lambda u: (1 + np.sin(np.pi / 2 * np.clip(u, -1, 1))) / 2,
}


def kde(d, **config):
    return models.create("kde", DataSpec((d,), "continuous"), **config)


def normal(n, d, seed=0):
    return np.random.default_rng(seed).standard_normal((n, d))


def end(shape):
    return {"gaussian": 40.0, "exponential": 800.0}.get(shape, 1.0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("d", "bandwidth"), [(1, 0.1), (2, 0.5), (5, 1.3), (10, 4.0)])
def test_equals_scikit_learn(shape, d, bandwidth):
    neighbors = pytest.importorskip("sklearn.neighbors")
    points, x = normal(300, d) * 1.7 + 3, normal(100, d, seed=1) * 2 + 3
    peer = neighbors.KernelDensity(kernel=shape, bandwidth=bandwidth, rtol=0, atol=0).fit(points)
    found = kde(d, kernel=shape, bandwidth=bandwidth).fit(points).score_samples(x)
    assert found.dtype == np.float64
    expected = peer.score_samples(x)
    if shape == "cosine" and d % 2 == 0:
        # integrating r^(d-1) cos(πr/2) by parts, scikit-learn leaves out the last term, which is at r = 0
        terms = [(-1) ** k * (2 / np.pi) ** (2 * k + 1) * math.factorial(d - 1) / math.factorial(d - 1 - 2 * k)
                 for k in range((d + 1) // 2)]
        last = (-1) ** (d // 2) * (2 / np.pi) ** d * math.factorial(d - 1)
        expected += math.log(sum(terms) / (sum(terms) + last))
    reached = np.isfinite(found)
    np.testing.assert_allclose(found[reached], expected[reached], rtol=1e-10, atol=1e-13)
    # where no kernel reaches scikit-learn may have the logarithm of a number below its precision instead of -inf
    assert (expected[~reached] < -30).all() and reached.mean() > 0.3


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("d", [1, 2, 3, 10, 100, 784])
def test_normalisation_and_spread_by_quadrature(shape, d):
    peak = {"gaussian": math.sqrt(d), "exponential": d}.get(shape, 1.0)
    edges = np.linspace(0, 1 if end(shape) == 1 else 3 * peak + 60, 60)
    nodes, weights = np.polynomial.legendre.leggauss(200)
    r = (edges[:-1, None] + np.diff(edges)[:, None] * (nodes + 1) / 2).ravel()
    w = (np.diff(edges)[:, None] * weights / 2).ravel()
    log_k = {"gaussian": -r * r / 2, "exponential": -r}.get(shape)
    log_k = np.log(K[shape](r)) if log_k is None else log_k

    def moment(q):
        values = (q - 1) * np.log(r) + log_k
        return math.log((w * np.exp(values - values.max())).sum()) + values.max()

    sphere = math.log(2) + d / 2 * math.log(math.pi) - math.lgamma(d / 2)  # the unit sphere's surface
    assert log_normaliser(shape, d) == pytest.approx(sphere + moment(d), rel=1e-10)
    assert deviation(shape, d) == pytest.approx(math.exp((moment(d + 2) - moment(d)) / 2) / math.sqrt(d), rel=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
def test_integrates_to_one(shape):
    points = normal(7, 1)
    model = kde(1, kernel=shape, bandwidth=0.4).fit(points)
    reach = 0.4 * min(end(shape), 60)
    edges = np.unique(np.concatenate([points[:, 0], points[:, 0] - reach, points[:, 0] + reach]))
    total = sum(quad(lambda t: math.exp(model.log_prob(np.array([[t]]))[0]), a, b, epsabs=1e-10)[0]
                for a, b in itertools.pairwise(edges))
    assert total == pytest.approx(1, abs=1e-8)
    points, h = normal(5, 2), np.array([0.5, 1.0])
    model = kde(2, kernel=shape).fit(points)
    model.bandwidth.assign(h)
    side = np.linspace(-1, 1, 1201) * (12 if shape == "exponential" else 8)
    x, y = np.meshgrid(side * 0.75, side, indexing="ij")
    density = np.exp(model.log_prob(np.stack([x, y], axis=-1).reshape(-1, 2)))
    total = density.sum() * (side[1] - side[0]) ** 2 * 0.75
    assert total == pytest.approx(1, abs=4e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_integrates_to_one_in_five_dimensions(shape):
    model = kde(5, kernel=shape, bandwidth=1.5).fit(normal(20, 5))
    proposal = stats.multivariate_t(np.zeros(5), 2.0 * np.eye(5), df=4, seed=3)
    x = proposal.rvs(40_000)
    weights = np.exp(model.log_prob(x) - proposal.logpdf(x))
    assert abs(weights.mean() - 1) < 4.5 * weights.std() / 200
    assert weights.std() / 200 < 0.05


@pytest.mark.parametrize("shape", SHAPES)
def test_samples_have_the_mixture_distribution_function(shape):
    points = np.array([[-1.0], [0.3], [0.5], [4.0]])
    model = kde(1, kernel=shape, bandwidth=0.7).fit(points)
    x = model.sample(20_000, 5)
    assert x.shape == (20_000, 1) and x.dtype == np.float64
    found = stats.kstest(x[:, 0], lambda t: np.mean([CDF[shape]((t - p) / 0.7) for p in points[:, 0]], axis=0))
    assert found.pvalue > 1e-4


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("d", [2, 3, 10])
def test_draws_in_several_dimensions(shape, d):
    model = kde(d, kernel=shape).fit(np.full((1, d), 2.0))
    model.bandwidth.assign(h := np.linspace(0.5, 2, d))
    u = (model.sample(20_000, 7) - 2.0) / h
    r = np.sqrt((u * u).sum(axis=1))
    grid = np.linspace(0, min(end(shape), 8 * d), 20_001)
    mass = np.concatenate([[0], np.cumsum(np.diff(grid) * (K[shape](g := (grid[1:] + grid[:-1]) / 2) * g ** (d - 1)))])
    assert stats.kstest(r, lambda t: np.interp(t, grid, mass / mass[-1])).pvalue > 1e-4
    for axis in (0, d - 1):
        direction = u[:, axis] / r
        assert stats.kstest(direction**2, stats.beta(0.5, (d - 1) / 2).cdf).pvalue > 1e-4
        assert abs(np.sign(direction).mean()) < 4.5 / math.sqrt(20_000)


@given(st.integers(1, 12), st.integers(2, 200), st.integers(0, 2**32 - 1))
@settings(max_examples=25)
def test_rules(d, n, seed):
    x = normal(n, d, seed) * np.arange(1, d + 1) + 5
    scott, silverman = kde(d).fit(x), kde(d, bandwidth="silverman").fit(x)
    sigma = x.std(axis=0, ddof=1)
    np.testing.assert_allclose(scott.bandwidth.data, sigma * n ** (-1 / (d + 4)), rtol=1e-12)
    np.testing.assert_allclose(silverman.bandwidth.data, sigma * (4 / (n * (d + 2))) ** (1 / (d + 4)), rtol=1e-12)
    assert scott.points.shape == (n, d)
    for shape in SHAPES:  # other kernels as wide as the normal one
        width = kde(d, kernel=shape).fit(x).bandwidth.data * deviation(shape, d)
        np.testing.assert_allclose(width, scott.bandwidth.data, rtol=1e-12)


def test_one_dimension_equals_scipy():
    x, t = normal(80, 1) * 3, np.linspace(-8, 8, 50)
    for rule in ("scott", "silverman"):
        expected = stats.gaussian_kde(x[:, 0], rule).logpdf(t)
        np.testing.assert_allclose(kde(1, bandwidth=rule).fit(x).log_prob(t[:, None]), expected, rtol=1e-10)


def test_leave_one_out_by_hand():
    x = normal(30, 2)
    model = kde(2, bandwidth="cross_validation", candidates=(0.1, 0.4, 3.0)).fit(x)
    expected = []
    for h in (0.1, 0.4, 3.0):
        others = [kde(2, bandwidth=h).fit(np.delete(x, i, 0)).log_prob(x[i : i + 1])[0] for i in range(30)]
        expected.append(np.mean(others))
    rows = model.history
    assert [row["held_out"] for row in rows[:-1]] == pytest.approx(expected, rel=1e-12)
    assert [row["bandwidth"] for row in rows[:-1]] == pytest.approx([0.1, 0.4, 3.0])
    assert np.argmax(expected) == 1 and rows[-1] == {"iteration": 0, "bandwidth": pytest.approx(0.4), "converged": True}
    np.testing.assert_array_equal(model.bandwidth.data, [0.4, 0.4])
    each = kde(2, bandwidth="cross_validation", candidates=(0.1, 0.4, 3.0), folds=30).fit(x)
    assert [row["held_out"] for row in each.history[:-1]] == pytest.approx(expected, rel=1e-12)


def test_two_folds_are_one_of_the_partitions():
    x = normal(4, 1)

    def score(part, h=0.5):
        other = [i for i in range(4) if i not in part]
        parts = [(part, other), (other, part)]
        return sum(kde(1, bandwidth=h).fit(x[list(a)]).log_prob(x[list(b)]).sum() for a, b in parts) / 4

    possible = [score((0, i)) for i in (1, 2, 3)]
    seen = set()
    for seed in range(30):
        rows = kde(1, bandwidth="cross_validation", candidates=(0.5, 0.5), folds=2).fit(x, seed).history
        assert rows[0]["held_out"] == rows[1]["held_out"]  # every candidate has the same folds
        (which,) = [i for i, value in enumerate(possible) if rows[0]["held_out"] == pytest.approx(value, rel=1e-12)]
        seen.add(which)
    assert seen == {0, 1, 2}


def test_cross_validation_finds_the_scale_of_clusters():
    rng = np.random.default_rng(4)
    x = rng.integers(0, 5, (500, 2)) * 10.0 + 0.1 * rng.standard_normal((500, 2))
    test = rng.integers(0, 5, (500, 2)) * 10.0 + 0.1 * rng.standard_normal((500, 2))
    model = kde(2, bandwidth="cross_validation").fit(x)
    assert len(model.history) == len(MULTIPLES) + 1
    assert model.score(test) > kde(2).fit(x).score(test) + 1
    # no other multiple of the rule's bandwidths does much better on examples that it has not seen
    others = []
    for multiple in MULTIPLES:
        other = kde(2).fit(x)
        other.bandwidth.assign(multiple * other.bandwidth.data)
        others.append(other.score(test))
    assert max(others) < model.score(test) + 0.1


def test_degrades_with_dimension():
    """KL(truth ‖ estimate) of 1000 examples of a standard normal, by 2000 others: it grows until little is left."""
    gaps = []
    for d in (1, 2, 4, 8, 16):
        model, x = kde(d).fit(normal(1000, d)), normal(2000, d, seed=1)
        gap = stats.norm.logpdf(x).sum(axis=1) - model.log_prob(x)
        gaps.append(gap.mean())
        assert gap.mean() > -4.5 * gap.std() / math.sqrt(2000)
    assert all(b > 2 * a for a, b in itertools.pairwise(gaps)) and gaps[0] < 0.02 and gaps[-1] > 1


def test_memory_is_that_of_rows(fresh_python):
    model, x = kde(3).fit(normal(3000, 3)), normal(3000, 3, seed=1)
    model.log_prob(x)
    tracemalloc.start()
    model.log_prob(x)
    assert tracemalloc.get_traced_memory()[1] < 2**20  # all pairs would be 72 MB
    tracemalloc.stop()
    grown = fresh_python("""if True:
        import resource, numpy as np
        from minigen import DataSpec, models
        x = np.random.default_rng(0).standard_normal((8000, 3))
        model = models.create("kde", DataSpec((3,), "continuous")).fit(x)
        model.log_prob(x[:10])
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        model.log_prob(x)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """)
    assert int(grown) < 20_000  # kB; all pairs would be 512 MB


def test_state_goes_from_model_to_model():
    x = normal(50, 2)
    model = kde(2).fit(x)
    other = kde(2)
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other.log_prob(x), model.log_prob(x))
    x[:] = 0  # the model has its own copy
    np.testing.assert_array_equal(other.log_prob(x), model.log_prob(x))
    for change in ({"points": np.zeros((3, 1))}, {"points": np.zeros((0, 2))}, {"bandwidth": np.ones(3)}):
        with pytest.raises(ValueError, match="does not fit"):
            other.load_state_dict({**model.state_dict(), **change})
    np.testing.assert_array_equal(other.points.data, model.points.data)


def test_a_run_that_python_made_is_loaded(tmp_path):
    x = normal(50, 2)
    model = training.fit(models.create("kde", DataSpec((2,), "continuous")), x, tmp_path / "run").model
    again = minigen.load(tmp_path / "run")
    np.testing.assert_array_equal(again.log_prob(x), model.log_prob(x))


def test_before_the_fit_and_shapes():
    spec = DataSpec((2, 3), "continuous")
    model = models.create("kde", spec)
    x = normal(5, 6).reshape(5, 2, 3)
    np.testing.assert_allclose(model.log_prob(x), stats.norm.logpdf(x).sum(axis=(1, 2)), rtol=1e-12)
    model.fit(x.astype(np.float32))
    assert model.sample(3, 0).shape == (3, 2, 3) and model.log_prob(x.astype(np.float32)).dtype == np.float64
    table = models.create("kde", DataSpec((2,), ("continuous", "continuous"))).fit(normal(9, 2))
    assert np.isfinite(table.log_prob(normal(3, 2))).all()
    assert table.log_prob(np.zeros((0, 2))).shape == (0,)


@pytest.mark.parametrize("rule", ["scott", "silverman", "cross_validation"])
def test_rules_follow_the_columns_units(rule):
    x, units = normal(30, 2), np.array([1e-9, 1e6])
    small = kde(2, bandwidth=rule).fit(x * units).log_prob(x * units)
    np.testing.assert_allclose(small, kde(2, bandwidth=rule).fit(x).log_prob(x) - np.log(units).sum(), rtol=1e-9)


def test_constant_columns():
    x = normal(20, 2)
    x[:, 1] = 0.1
    model = kde(2).fit(x)
    assert model.bandwidth.data[1] == 1e-3 and np.isfinite(model.log_prob(x)).all()
    with pytest.raises(ValueError, match=r"column 1 \(from 0\) is constant"):
        kde(2, floor=0).fit(x)
    assert kde(2).fit(x[:1]).bandwidth.data.tolist() == [1e-3, 1e-3]
    np.testing.assert_array_equal(kde(2, bandwidth=0.3, floor=0).fit(x).bandwidth.data, 0.3)


@pytest.mark.parametrize(("config", "words"), [
    ({"kernel": "normal"}, "kernel: expected one of gaussian"),
    ({"bandwidth": "scot"}, "bandwidth: expected a number or one of scott"),
    ({"bandwidth": 0.0}, "bandwidth: expected a number above 0"),
    ({"bandwidth": math.nan}, "bandwidth: expected a finite number"),
    ({"candidates": (0.1, -1)}, "candidates: expected a number above 0"),
    ({"candidates": 0.1}, "candidates: expected a tuple of numbers"),
    ({"folds": 1}, "folds: expected 0"),
    ({"folds": -2}, "folds: expected an integer"),
    ({"floor": -1}, "floor: expected"),
])
def test_wrong_settings(config, words):
    with pytest.raises((TypeError, ValueError), match=words):
        kde(2, **config)


def test_wrong_data():
    with pytest.raises(ValueError, match="kde: it takes continuous data of any shape, got"):
        models.create("kde", DataSpec((2,), "binary"))
    x, model = normal(6, 2), kde(2)
    state = model.state_dict()
    for values, words, config in [
        (x[:0], "at least one example", {}),
        (x[:, :1], r"x: expected shape \(n, 2\)", {}),
        (np.where(x > 0, np.nan, x), "finite numbers", {}),
        (x * 1e308, "too large", {}),
        (x[:1], "at least 2 examples, got 1", {"bandwidth": "cross_validation"}),
        (x, "at least 7 examples, got 6", {"bandwidth": "cross_validation", "folds": 7}),
        (x, "larger ones", {"bandwidth": "cross_validation", "kernel": "linear", "candidates": (1e-5,)}),
    ]:
        model = kde(2, **config)
        with pytest.raises(ValueError, match=words):
            model.fit(values)
        assert all((array == state[name]).all() for name, array in model.state_dict().items())
    with pytest.raises(ValueError, match="values are missing"):
        model.fit(x, observed=x > 0)
    with pytest.raises(ValueError, match="got a condition"):
        model.log_prob(x, condition=x)
    with pytest.raises(ValueError, match="got a condition"):
        model.sample(1, 0, condition=x)
    with pytest.raises(ValueError, match="cannot draw some values given others"):
        model.sample(1, 0, given=(x[0], np.array([True, False])))
