"""The normal distribution against SciPy, the sample's moments, Anderson's closed form and quadrature."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad
from scipy.stats import multivariate_normal

from minigen import DataSpec, Tensor, check_grads, models
from minigen.arrays import as_generator
from minigen.models.density.gaussian import Gaussian
from minigen.models.density.support.patterns import patterns

RNG = np.random.default_rng(0)
MIX = np.array([[1.0, 0.0, 0.0], [0.8, 0.5, 0.0], [-0.3, 0.4, 2.0]])
X = RNG.standard_normal((60, 3)) @ MIX.T + [1.0, -2.0, 0.5]


def gaussian(shape=(3,), **config):
    return models.create("gaussian", DataSpec(shape, "continuous"), **config)


def holes(x, fraction=0.3, seed=1):
    observed = np.random.default_rng(seed).random(x.shape) > fraction
    return np.where(observed, x, np.nan), observed


def test_full_is_the_sample_mean_and_covariance():
    model = gaussian().fit(X)
    np.testing.assert_allclose(model.loc.data, X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(model.covariance.data, np.cov(X.T, ddof=0), rtol=1e-12)
    expected = multivariate_normal(X.mean(axis=0), np.cov(X.T, ddof=0)).logpdf(X)
    np.testing.assert_allclose(model.log_prob(X), expected, rtol=1e-12)
    assert model.log_prob(X).dtype == np.float64 and model.score_samples(X.astype("f4")).dtype == np.float64
    value = pytest.approx(expected.mean())
    assert model.history == [{"iteration": 0, "log_likelihood": value, "converged": True, "at_floor": 0}]
    assert model.parameter_count == 9
    assert model.bic(X) == pytest.approx(9 * math.log(60) - 2 * expected.sum())
    assert model.entropy() == pytest.approx(multivariate_normal(cov=np.cov(X.T, ddof=0)).entropy())


def test_diagonal_and_spherical_are_products_of_normals():
    diagonal, spherical = gaussian(covariance="diagonal").fit(X), gaussian(covariance="spherical").fit(X)
    expected = stats.norm(X.mean(axis=0), X.std(axis=0)).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(diagonal.log_prob(X), expected, rtol=1e-12)
    scale = math.sqrt(X.var(axis=0).mean())
    expected = stats.norm(X.mean(axis=0), scale).logpdf(X).sum(axis=1)
    np.testing.assert_allclose(spherical.log_prob(X), expected, rtol=1e-12)
    assert spherical.entropy() == pytest.approx(3 * stats.norm(scale=scale).entropy())
    assert (diagonal.parameter_count, spherical.parameter_count) == (6, 4)


def test_iris_and_red_wine(data_folder):
    iris = pytest.importorskip("sklearn.datasets").load_iris().data
    assert gaussian((4,)).fit(iris).score_samples(iris).sum() == pytest.approx(-379.9146, abs=5e-5)
    path = data_folder / "red_wine.npz"
    if not path.exists():
        pytest.skip(f"no {path}")
    with np.load(path) as file:
        x, fold = file["x"].astype(np.float64), file["fold"]
    scores = []
    for number in range(10):
        train, test = x[fold != number], x[fold == number]
        loc, scale = train.mean(axis=0), train.std(axis=0)
        scores.append(gaussian((11,)).fit((train - loc) / scale).score((test - loc) / scale))
    assert np.mean(scores) == pytest.approx(-13.18, abs=0.005)


@pytest.mark.parametrize("covariance", ["full", "diagonal", "spherical"])
def test_no_other_parameters_are_more_likely(covariance):
    values, observed = holes(X)
    model = gaussian(covariance=covariance).fit(values, observed=observed)
    best, rng = model.score(values, observed), np.random.default_rng(5)
    loc, spread = model.loc.data, model.covariance.data
    for _ in range(30):
        model.loc.assign(loc + 0.03 * rng.standard_normal(3))
        assert model.score(values, observed) < best
        model.loc.assign(loc)
        a = np.eye(3) + 0.03 * rng.standard_normal((3, 3))
        factor = {"full": a, "diagonal": np.diag(a), "spherical": a[0, 0]}[covariance]
        model.covariance.assign(factor @ spread @ factor.T if covariance == "full" else spread * factor**2)
        assert model.score(values, observed) < best
        model.covariance.assign(spread)


def test_missing_second_column_has_a_closed_form():
    # Anderson (1957): the first column's moments from all rows, the regression of the second from the complete ones
    x, observed = X[:, :2], np.ones((60, 2), bool)
    observed[25:, 1] = False
    model = gaussian((2,), tolerance=1e-13).fit(np.where(observed, x, np.nan), observed=observed)
    u, v = x[:25].T
    slope = np.cov(u, v, ddof=0)[0, 1] / u.var()
    spread = (v - v.mean() - slope * (u - u.mean())).var()
    mean, variance = x[:, 0].mean(), x[:, 0].var()
    np.testing.assert_allclose(model.loc.data, [mean, v.mean() + slope * (mean - u.mean())], rtol=1e-5)
    expected = [[variance, slope * variance], [slope * variance, spread + slope**2 * variance]]
    np.testing.assert_allclose(model.covariance.data, expected, rtol=1e-5)
    values = [row["log_likelihood"] for row in model.history]
    assert len(values) > 3 and model.history[-1]["converged"] and np.diff(values).min() > -1e-12


def test_one_iteration_from_anywhere_completes_what_misses_nothing():
    model = gaussian()
    model.loc.assign([5.0, -3.0, 1.0])
    statistics, value = model.e_step((X, np.ones(X.shape, bool)))
    assert value == pytest.approx(multivariate_normal([5.0, -3.0, 1.0], np.eye(3)).logpdf(X).mean())
    model.m_step(statistics)
    np.testing.assert_allclose(model.loc.data, X.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(model.covariance.data, np.cov(X.T, ddof=0), rtol=1e-10)


@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.sampled_from(["full", "diagonal", "spherical"]))
@settings(max_examples=40)
def test_missing_values_are_marginalised(d, seed, covariance):
    rng = np.random.default_rng(seed)
    model = gaussian((d,), covariance=covariance)
    a = rng.standard_normal((d, d)) + 2 * np.eye(d)
    matrix = {"full": a @ a.T, "diagonal": np.diag(np.abs(np.diag(a)) + 0.1), "spherical": 0.7 * np.eye(d)}[covariance]
    model.loc.assign(rng.standard_normal(d))
    model.covariance.assign(matrix if covariance == "full" else np.diag(matrix))
    x, observed = rng.standard_normal((20, d)), rng.random((20, d)) > 0.4
    got = model.log_prob(np.where(observed, x, np.nan), observed=observed)
    filled = model.impute(np.where(observed, x, np.inf), observed)
    for row in range(20):
        o = observed[row]
        expected = multivariate_normal(model.loc.data[o], matrix[np.ix_(o, o)]).logpdf(x[row, o]) if o.any() else 0.0
        assert got[row] == pytest.approx(expected, rel=1e-9, abs=1e-9)
        b = matrix[np.ix_(~o, o)] @ np.linalg.pinv(matrix[np.ix_(o, o)])
        wanted = np.where(o, x[row], 0)
        wanted[~o] = model.loc.data[~o] + b @ (x[row, o] - model.loc.data[o])
        np.testing.assert_allclose(filled[row], wanted, rtol=1e-8, atol=1e-8)


def test_one_dimension_integrates_to_one_and_has_its_quantiles():
    x = X[:, :1]
    model = gaussian((1,)).fit(x)
    total, _ = quad(lambda t: float(np.exp(model.log_prob(np.array([[t]]))[0])), -20, 20, points=[1.0])
    assert total == pytest.approx(1, abs=1e-8)
    draws = model.sample(4000, rng=3)[:, 0]
    assert stats.kstest(draws, stats.norm(x.mean(), x.std()).cdf).pvalue > 1e-4


def test_samples_and_conditional_draws_have_the_moments():
    model = gaussian().fit(X)
    n = 40_000
    z = np.linalg.solve(np.linalg.cholesky(model.covariance.data), (model.sample(n, rng=1) - model.loc.data).T)
    assert np.abs(z.mean(axis=1)).max() < 4.5 / n**0.5
    assert np.abs(z @ z.T / n - np.eye(3)).max() < 4.5 * 2**0.5 / n**0.5
    observed = np.array([True, False, True])
    draws = model.sample(n, 2, given=(np.array([0.3, 99.0, -1.0]), observed))
    assert (draws[:, 0] == 0.3).all() and (draws[:, 2] == -1.0).all()
    o, s = np.ix_(observed, observed), model.covariance.data
    b = s[1, observed] @ np.linalg.inv(s[o])
    mean = model.loc.data[1] + b @ ([0.3, -1.0] - model.loc.data[observed])
    scale = math.sqrt(s[1, 1] - b @ s[observed, 1])
    assert stats.kstest(draws[:, 1], stats.norm(mean, scale).cdf).pvalue > 1e-4
    single = gaussian(covariance="diagonal").fit(X)
    assert stats.kstest(single.sample(4000, 2, given=(np.zeros(3), observed))[:, 1],
                        stats.norm(X[:, 1].mean(), X[:, 1].std()).cdf).pvalue > 1e-4


def test_divergence():
    p, q = gaussian().fit(X), gaussian(covariance="diagonal").fit(X[:30] * 1.5)
    assert p.kl(p) == pytest.approx(0, abs=1e-12)
    differences = p.log_prob(x := p.sample(40_000, rng=0)) - q.log_prob(x)
    assert abs(p.kl(q) - differences.mean()) < 4.5 * differences.std() / 200
    one, two = gaussian((1,)).fit(X[:, :1]), gaussian((1,)).fit(X[:, 1:2])
    a, b = one.covariance.data[0, 0], two.covariance.data[0, 0]
    shift = float(one.loc.data[0] - two.loc.data[0])
    assert one.kl(two) == pytest.approx(0.5 * (a / b + shift**2 / b - 1 + math.log(b / a)), rel=1e-12)
    with pytest.raises(ValueError, match="other: expected a Gaussian"):
        p.kl(one)


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_differentiable_in_x(covariance):
    model = gaussian(covariance=covariance).fit(X)
    _, observed = holes(X[:6])
    check_grads(lambda x: model.log_prob(x).sum(), (X[:5],))
    check_grads(lambda x: model.log_prob(x, observed=observed).sum(), (X[:6],))
    assert isinstance(model.log_prob(Tensor(X[:2])), Tensor)


def test_the_floor_raises_what_is_singular_and_nothing_else():
    x = np.column_stack([X, X[:, 0] + X[:, 1], np.full(60, 7.0)])
    model = gaussian((5,), floor=1e-4).fit(x)
    units = np.append(x[:, :-1].std(axis=0), 1.0)  # columns scaled to variance 1, the constant one as it is
    eigenvalues = np.linalg.eigvalsh(model.covariance.data / np.outer(units, units))
    expected = np.linalg.eigvalsh(np.cov((x / units).T, ddof=0))
    np.testing.assert_allclose(eigenvalues, np.maximum(expected, 1e-4), rtol=1e-6)
    assert np.isfinite(model.log_prob(x)).all() and model.history[-1]["at_floor"] == 2
    few, units = gaussian((3,), floor=1e-3).fit(X[:2]), X[:2].std(axis=0)
    assert np.linalg.eigvalsh(few.covariance.data / np.outer(units, units))[:2] == pytest.approx(1e-3)
    assert np.isfinite(gaussian().fit(np.zeros((1, 3))).log_prob(np.ones((4, 3)))).all()
    huge = gaussian().fit(x[:, :3] @ np.diag([1e9, 1.0, 1.0]) + np.outer(x[:, 0], [0, 1e9, 0]))
    assert np.isfinite(huge.score(x[:, :3]))
    for covariance in ("full", "diagonal"):
        with pytest.raises(ValueError, match=r"singular \(column 4 \(from 0\) is constant.*a floor above 0"):
            gaussian((5,), floor=0, covariance=covariance).fit(x)
    with pytest.raises(ValueError, match="depend linearly"):
        gaussian((4,), floor=0).fit(x[:, :4])
    # the constrained maximum: no admissible covariance is more likely
    best, rng, fitted = model.score(x), np.random.default_rng(0), model.covariance.data
    for _ in range(20):
        a = np.eye(5) + 0.05 * rng.standard_normal((5, 5))
        values, vectors = np.linalg.eigh(a @ fitted @ a.T)
        model.covariance.assign((vectors * np.maximum(values, 1e-4)) @ vectors.T)
        assert model.score(x) < best


def test_rows_and_columns_without_anything():
    values, observed = holes(X)
    emptied, mask = np.vstack([values, np.full((3, 3), np.nan)]), np.vstack([observed, np.zeros((3, 3), bool)])
    full, plain = gaussian().fit(emptied, observed=mask), gaussian().fit(values, observed=observed)
    np.testing.assert_allclose(full.covariance.data, plain.covariance.data, rtol=1e-3)
    np.testing.assert_array_equal(full.log_prob(emptied, observed=mask)[-3:], 0)
    np.testing.assert_allclose(full.impute(emptied, mask)[-3:], np.tile(full.loc.data, (3, 1)))
    mask = mask.copy()
    mask[:, 1] = False
    with pytest.raises(ValueError, match=r"column 1 \(from 0\) is observed in no example"):
        gaussian().fit(emptied, observed=mask)
    assert gaussian().log_prob(np.zeros((0, 3))).shape == (0,)
    assert gaussian().log_prob(np.zeros((0, 3)), observed=np.zeros((0, 3), bool)).shape == (0,)


def test_a_seed_draws_what_is_missing():
    values, observed = holes(X)
    for covariance in ("full", "diagonal"):
        model = gaussian(covariance=covariance).fit(values, observed=observed)
        drawn = model.impute(values, observed, 5)
        np.testing.assert_array_equal(drawn, model.impute(values, observed, as_generator(5)))
        assert np.isfinite(drawn).all() and (drawn[observed] == values[observed]).all()
        assert (drawn != model.impute(values, observed, 6))[~observed].all()


def test_what_is_given_must_be_values_and_a_mask_that_fit():
    model, seen = gaussian().fit(X), np.array([True, False, True])
    assert (model.sample(4, 0, given=(np.arange(3.0), seen))[:, seen] == [0, 2]).all()
    with pytest.raises(ValueError, match=r"given: expected values of shape \(3,\) or \(4, 3\), got \(2,\)"):
        model.sample(4, 0, given=(np.zeros(2), seen))
    with pytest.raises(ValueError, match=r"given: expected observed of shape \(3,\) or \(4, 3\), got \(4,\)"):
        model.sample(4, 0, given=(np.zeros(3), np.ones(4, bool)))
    for wrong in (np.zeros(3), (np.zeros(3), seen, seen), 3):
        with pytest.raises(TypeError, match=r"given: expected a pair \(values, observed\)"):
            model.sample(4, 0, given=wrong)


def test_patterns_are_each_row_once():
    mask = np.random.default_rng(0).random((50, 3)) > 0.5
    found = patterns(mask)
    assert sorted(np.concatenate([rows for rows, _ in found])) == list(range(50))
    assert len(found) == len(np.unique(mask, axis=0))
    assert all((mask[rows] == kind).all() for rows, kind in found)


def test_images_and_state():
    x = X.reshape(20, 3, 3, 1)
    model = gaussian((3, 3, 1)).fit(x)
    assert model.sample(4, rng=0).shape == (4, 3, 3, 1) and model.impute(x, np.ones(x.shape, bool)).shape == x.shape
    other = gaussian((3, 3, 1))
    other.load_state_dict(model.state_dict())
    np.testing.assert_array_equal(other.log_prob(x), model.log_prob(x))


@pytest.mark.parametrize("spec, config, words", [
    (DataSpec((3,), "binary"), {}, "gaussian: it takes continuous data of any shape, got"),
    (DataSpec((3,), "discrete", 4), {}, "gaussian: it takes continuous data of any shape, got"),
    (DataSpec((2,), ("continuous", "binary")), {}, "gaussian: it takes continuous data of any shape, got"),
    (DataSpec((3,), "continuous", condition=DataSpec((1,), "binary")), {}, "it takes no condition"),
    (DataSpec((3,), "continuous"), {"covariance": "tied"}, "covariance: expected one of full"),
    (DataSpec((3,), "continuous"), {"floor": -1.0}, "floor: expected"),
    (DataSpec((3,), "continuous"), {"tolerance": math.nan}, "tolerance: expected"),
    (DataSpec((3,), "continuous"), {"max_iterations": 0}, "max_iterations: expected"),
])
def test_settings_and_specs_that_do_not_fit(spec, config, words):
    with pytest.raises(ValueError, match=words):
        models.create("gaussian", spec, **config)


@pytest.mark.parametrize("x, words", [
    (np.zeros((4, 2)), "expected shape"), (np.full((4, 3), np.nan), "finite"), (np.zeros((0, 3)), "at least one"),
    (np.full((4, 3), 1e200) * [[1], [-1], [1], [-1]], "too large"),
])
def test_data_that_do_not_fit(x, words):
    with pytest.raises(ValueError, match=words), np.errstate(over="ignore"):
        gaussian().fit(x)


def test_a_gaussian_of_several_kinds_of_columns_that_are_all_continuous():
    spec = DataSpec((3,), ("continuous",) * 3)
    assert Gaussian(spec).fit(X).score(X) == gaussian().fit(X).score(X)


@pytest.mark.parametrize("seed", [2, 10, 27])
def test_likelihood_never_falls_where_columns_have_very_different_units(seed):
    random = np.random.default_rng(seed)
    d, n = random.integers(2, 7), random.integers(8, 60)
    x = random.normal(size=(n, d)) @ random.normal(size=(d, d))
    units, offset = 10.0 ** random.uniform(-6, 6, d), random.normal(size=d) * 10.0 ** random.uniform(-3, 3, d)
    observed = random.random((n, d)) < random.uniform(0.4, 0.95)
    observed[0] = True
    plain = gaussian((int(d),), max_iterations=30).fit(x, observed=observed)
    scaled = gaussian((int(d),), max_iterations=30).fit(x * units + offset, observed=observed)
    # the fit is that of the same data in their own units
    np.testing.assert_allclose((scaled.loc.data - offset) / units, plain.loc.data, rtol=0, atol=1e-4)
    shift = (observed @ np.log(units)).mean()
    assert abs(scaled.score(x * units + offset, observed) + shift - plain.score(x, observed)) < 1e-6
