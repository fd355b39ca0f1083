"""Hidden Markov models against sums over all paths of states, which short sequences allow."""

import itertools

import numpy as np
import pytest
from scipy.special import logsumexp
from scipy.stats import chi2

from minigen import DataSpec, models
from minigen.inference import em_steps
from models.density.hmm_toys import EACH_KIND, by_paths, draw, model_of, normal_of, prepared


@EACH_KIND
@pytest.mark.parametrize("share", [0.0, 0.4])
def test_sums_over_paths(kind, share):
    for seed in range(3):
        model = model_of(kind, 1 + 2 * seed, 2 + seed % 2, seed)
        x, observed = draw(model, 4, share)
        garbage = 2 if model.spec.kind == "discrete" else 1e6
        values = np.where(observed, x, garbage)
        mask = {} if share == 0 else {"observed": observed}
        scores = model.score_samples(values, **mask)
        posteriors = model.state_posteriors(values, **mask)
        path, value = model.viterbi(values, **mask)
        for n in range(4):
            paths, joint = by_paths(model, x[n], observed[n])
            weight = np.exp(joint - logsumexp(joint))
            assert scores[n] == pytest.approx(logsumexp(joint), rel=1e-10, abs=1e-10)
            expected = [[weight[paths[:, t] == s].sum() for s in range(posteriors.shape[2])] for t in range(len(x[n]))]
            np.testing.assert_allclose(posteriors[n], expected, atol=1e-10)
            assert value[n] == pytest.approx(joint.max(), rel=1e-10)
            assert joint[(paths == path[n]).all(axis=1)][0] == pytest.approx(joint.max(), rel=1e-10)
        assert scores.dtype == np.float64 and path.shape == x.shape[:2] == posteriors.shape[:2]


@pytest.mark.parametrize("kind", ["categorical", "channels"])
def test_probabilities_of_all_sequences_sum_to_one(kind):
    model = model_of(kind, 3 if kind == "channels" else 6)
    x = np.array(list(itertools.product(range(3), repeat=model.spec.dimensions))).reshape(-1, *model.spec.shape)
    assert logsumexp(model.log_prob(x)) == pytest.approx(0, abs=1e-12)


def chi_square(counts, expected):
    """The chance of a worse fit, rare outcomes put together."""
    rare = expected < 5
    seen, due = np.append(counts[~rare], counts[rare].sum()), np.append(expected[~rare], expected[rare].sum() + 1e-300)
    if due[-1] < 1e-200:
        seen, due = seen[:-1], due[:-1]
    return chi2.sf(((seen - due) ** 2 / due).sum(), len(due) - 1)


@pytest.mark.parametrize("kind", ["categorical", "channels"])
def test_samples_follow_the_density(kind):
    model, n = model_of(kind, 4 if kind == "categorical" else 2), 100_000
    d = model.spec.dimensions
    x = np.array(list(itertools.product(range(3), repeat=d)))
    drawn = model.sample(n, 2)
    assert drawn.dtype == np.uint8 and drawn.shape == (n, *model.spec.shape)
    counts = np.bincount(drawn.reshape(n, d) @ 3 ** np.arange(d - 1, -1, -1), minlength=len(x))
    assert chi_square(counts, n * np.exp(model.log_prob(x.reshape(-1, *model.spec.shape)))) > 1e-4


@EACH_KIND
def test_drawn_states_follow_their_posterior(kind):
    model, n = model_of(kind), 60_000
    x, observed = draw(model, 1, 0.3)
    states = model.sample_states(np.repeat(x, n, axis=0), 3, np.repeat(observed, n, axis=0))
    _, joint = by_paths(model, x[0], observed[0])
    counts = np.bincount(states @ 3 ** np.arange(3, -1, -1), minlength=81)
    assert chi_square(counts, n * np.exp(joint - logsumexp(joint))) > 1e-4


@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_samples_of_normal_emissions_have_the_exact_moments(kind):
    """E[x_t] and E[x_t x_t+1ᵀ] by the chain's marginals."""
    model, n = model_of(kind, 3), 60_000
    x = model.sample(n, 4)
    assert x.dtype == np.float64
    loc, marginal = model.emission.loc.data, model.initial.data @ model.transition.data
    spread = np.sum([w * (normal_of(model, s)[1] + np.outer(loc[s], loc[s])) for s, w in enumerate(marginal)], axis=0)
    pairs = loc.T @ (marginal[:, None] * model.transition.data) @ loc
    for values, expected in ((x[:, 1], marginal @ loc), (x[:, 1, :, None] * x[:, 1, None, :], spread),
                             (x[:, 1, :, None] * x[:, 2, None, :], pairs)):
        assert (np.abs(values.mean(axis=0) - expected) < 4.5 * values.std(axis=0) / np.sqrt(n)).all()


@EACH_KIND
def test_imputed_values_are_expectations_over_paths(kind):
    model = model_of(kind)
    x, observed = draw(model, 5, 0.5)
    observed[0] = False
    found = model.impute(x, observed)
    assert found.dtype == x.dtype
    np.testing.assert_array_equal(found[observed], x[observed])
    for n in range(5):
        paths, joint = by_paths(model, x[n], observed[n])
        weight = np.exp(joint - logsumexp(joint))
        for t, d in np.argwhere(~observed[n]):
            chances = np.array([weight[paths[:, t] == s].sum() for s in range(3)])
            if model.spec.kind == "discrete":
                assert found[n, t, d] == (chances @ model.emission.probabilities.data[:, d]).argmax()
                continue
            means = []
            for s in range(3):
                (loc, covariance), o = normal_of(model, s), observed[n, t]
                gain = covariance[d, o] @ np.linalg.inv(covariance[np.ix_(o, o)])
                means.append(loc[d] + gain @ (x[n, t, o] - loc[o]))
            assert found[n, t, d] == pytest.approx(chances @ means, rel=1e-9)


@pytest.mark.parametrize("kind", ["categorical", "channels"])
def test_imputed_draws_follow_the_conditional_density(kind):
    model, n = model_of(kind, 3), 60_000
    x, observed = draw(model, 1, 0.5, seed=3)
    gaps = np.flatnonzero(~observed.reshape(-1))
    every = np.repeat(x.reshape(1, -1), 3 ** len(gaps), axis=0).astype(np.int64)
    every[:, gaps] = list(itertools.product(range(3), repeat=len(gaps)))
    density = model.log_prob(every.reshape(-1, *model.spec.shape))
    drawn = model.sample(n, 5, given=(x[0], observed[0])).reshape(n, -1)
    assert (np.delete(drawn, gaps, axis=1) == np.delete(x.reshape(-1), gaps)).all()
    counts = np.bincount(drawn[:, gaps] @ 3 ** np.arange(len(gaps) - 1, -1, -1), minlength=len(every))
    assert chi_square(counts, n * np.exp(density - logsumexp(density))) > 1e-4


@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_imputed_draws_have_the_conditional_moments(kind):
    """The mean is the imputed mean; of one coordinate, the variance by its mixture over states."""
    model, n = model_of(kind, 3), 60_000
    x, observed = draw(model, 1, seed=3)
    observed[0, 1, 0] = observed[0, 2] = False
    drawn = model.impute(np.repeat(x, n, axis=0), np.repeat(observed, n, axis=0), 6)
    mean, error = model.impute(x, observed)[0], drawn.std(axis=0) / np.sqrt(n)
    assert (np.abs(drawn.mean(axis=0) - mean) <= 4.5 * error + 1e-9).all()
    chances, second = model.state_posteriors(x, observed)[0, 1], 0.0
    for s in range(3):
        loc, covariance = normal_of(model, s)
        slope = covariance[0, 1] / covariance[1, 1]
        mean = loc[0] + slope * (x[0, 1, 1] - loc[1])
        second += chances[s] * (mean**2 + covariance[0, 0] - slope * covariance[0, 1])
    squares = drawn[:, 1, 0] ** 2
    assert abs(squares.mean() - second) < 4.5 * squares.std() / np.sqrt(n)


@EACH_KIND
def test_shorter_sequences_end_in_missing_values(kind):
    model, short = model_of(kind, 6), model_of(kind, 4)
    x, observed = draw(model, 5)
    observed[:, 4:] = False
    np.testing.assert_allclose(model.log_prob(x, observed=observed), short.log_prob(x[:, :4]), rtol=1e-12)
    # and EM learns the same from them
    for one, data in ((model, prepared(model, x, observed)), (short, prepared(short, x[:, :4], observed[:, :4]))):
        list(em_steps(one, data, 5, 0.0))
    for name, value in model.state_dict().items():
        np.testing.assert_allclose(value, short.state_dict()[name], rtol=1e-7, atol=1e-12)


def test_ten_thousand_steps():
    """Letters that show the state: log p is a product of transition probabilities, and EM counts transitions."""
    model = model_of("categorical", 10_000, pseudo_count=0.0)
    model.emission.probabilities.assign(np.eye(3)[:, None])
    x = model.sample(3, 0)
    states = x[..., 0].astype(np.int64)
    expected = np.log(model.initial.data[states[:, 0]])
    expected += np.log(model.transition.data[states[:, :-1], states[:, 1:]]).sum(axis=1)
    np.testing.assert_allclose(model.log_prob(x), expected, rtol=1e-12)
    np.testing.assert_array_equal(model.viterbi(x)[0], states)
    np.testing.assert_array_equal(model.sample_states(x, 0), states)
    history = list(em_steps(model, (x.astype(np.int64), None), 3, -1.0))
    assert history[-1]["log_likelihood"] > history[0]["log_likelihood"] == pytest.approx(expected.mean())
    pairs = np.zeros((3, 3))
    np.add.at(pairs, (states[:, :-1], states[:, 1:]), 1)
    np.testing.assert_allclose(model.transition.data, pairs / pairs.sum(axis=1, keepdims=True), rtol=1e-9)


@EACH_KIND
def test_blocks_of_sequences(kind, monkeypatch):
    model = model_of(kind)
    x, observed = draw(model, 9, 0.3)
    data = prepared(model, x, observed)
    before = model.log_prob(x, observed=observed), model.state_posteriors(x, observed), *model.viterbi(x, observed)
    (initial, transitions, moments), value, prior = model.e_step(data)
    monkeypatch.setattr("minigen.models.density.hmm.BLOCK", 24)
    after = model.log_prob(x, observed=observed), model.state_posteriors(x, observed), *model.viterbi(x, observed)
    for one, other in zip(before, after, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
    (*again, others), value_again, prior_again = model.e_step(data)
    for one, other in zip((initial, transitions, *moments), (*again, *others), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-11, atol=1e-12)
    assert (value, prior) == (pytest.approx(value_again), prior_again)


def test_impossible_sequences():
    model = model_of("categorical", pseudo_count=0.0)
    model.emission.probabilities.assign(np.tile([[0.5, 0.5, 0.0]], (3, 1, 1)))
    x = np.array([[0, 1, 0, 1], [0, 2, 0, 1]])[..., None]
    found = model.log_prob(x)
    assert found[0] == pytest.approx(4 * np.log(0.5)) and found[1] == -np.inf
    posterior = model.state_posteriors(x)
    assert np.isfinite(posterior[0]).all() and np.isnan(posterior[1]).all()
    assert model.viterbi(x)[1][1] == -np.inf
    last = np.ones(x.shape, bool)
    last[:, -1] = False
    for use in (lambda: model.sample_states(x, 0), lambda: model.impute(x, last), lambda: model.impute(x, last, 0)):
        with pytest.raises(ValueError, match="probability 0"):
            use()


def test_binary_images_row_by_row():
    x = (np.random.default_rng(0).random((40, 5, 4, 1)) < 0.3).astype(np.uint8)
    model = models.create("hmm", DataSpec((5, 4, 1), "binary"), n_components=2, restarts=2, max_iterations=20).fit(x)
    assert model.sample(3, 0).shape == (3, 5, 4, 1) and set(np.unique(model.sample(9, 0))) == {0, 1}
    assert model.log_prob(x).shape == (40,) and model.impute(x, np.zeros(x.shape, bool)).dtype == np.uint8
    # S - 1 + S (S - 1), and a probability for each of 4 channels in each state
    assert model.parameter_count == 1 + 2 + 8
    assert model.bic(x) == pytest.approx(11 * np.log(40) - 80 * model.score(x))
    assert model_of("full").parameter_count == 8 + 3 * 5 and model_of("diagonal").parameter_count == 8 + 3 * 4
    assert model_of("channels").parameter_count == 8 + 3 * 2 * 2
    x = np.random.default_rng(1).random((20, 5))
    flat = models.create("hmm", DataSpec((5,), "continuous"), n_components=2, restarts=1).fit(x)
    assert flat.sample(2, 0).shape == (2, 5) and flat.emission.loc.shape == (2, 1)


@EACH_KIND
def test_sequences_of_different_lengths(kind):
    """What follows an end counts for nothing: log p(x) is that of the first steps, by all paths of so many states."""
    model = model_of(kind, 4)
    x, observed = draw(model, 6, 0.2)
    length = np.array([4, 3, 2, 1, 0, 2])
    garbage = np.where(np.arange(4)[:, None] < length[:, None, None], np.where(observed, x, 1), 2)
    for n, log_prob in enumerate(model.log_prob(garbage, observed=observed, length=length)):
        joint = by_paths(model, x[n, : length[n]], observed[n, : length[n]])[1] if length[n] else 0.0
        assert log_prob == pytest.approx(logsumexp(joint), abs=1e-10)
    np.testing.assert_allclose(model.log_prob(x, length=np.full(6, 4)), model.log_prob(x), rtol=1e-13)
    fits = [models.create("hmm", model.spec, n_components=2, restarts=1, max_iterations=5).fit(
        np.where(np.arange(4)[:, None] < length[:, None, None], x, end), length=length) for end in (0, 1)]
    np.testing.assert_array_equal(fits[0].transition.data, fits[1].transition.data)
    short = fits[0].log_prob(x, length=length)
    assert fits[0].history[-1]["log_likelihood"] == pytest.approx(short.mean(), rel=1e-9)
    for wrong, words in ((np.full(6, 5), "0 to 4"), (np.full(5, 1), "6 integers"), (np.full(6, 1.0), "6 integers")):
        with pytest.raises(ValueError, match=words):
            model.log_prob(x, length=wrong)
