"""Baum and Welch's algorithm: likelihoods that rise to where their gradient is zero, known chains, and bad data."""


import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import logsumexp

from minigen import DataSpec, models
from minigen.inference import em_steps
from models.density.hmm_toys import EACH_KIND, KINDS, by_paths, draw, model_of, normal_of, prepared

RANDOM = np.random.default_rng(8)


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.sampled_from(KINDS), st.sampled_from([0.0, 0.4]), st.sampled_from([0.0, 0.3]))
def test_likelihood_never_falls(seed, kind, share, pseudo_count):
    """From anywhere, with the prior where there is one."""
    model = model_of(kind, 4, 2, seed, pseudo_count=pseudo_count)
    x, observed = draw(model, 12, share, seed)
    history = list(em_steps(model_of(kind, 4, 2, seed + 1, pseudo_count=pseudo_count), prepared(model, x, observed),
                            max_iterations=5, tolerance=-1.0))
    objective = [metrics["log_likelihood"] + metrics.get("log_prior", 0.0) for metrics in history]
    assert (np.diff(objective) >= -1e-10).all() and objective[-1] > objective[0]


@EACH_KIND
def test_one_iteration_by_sums_over_paths(kind):
    """Expected counts and weighted moments, by the posterior of whole paths, from parameters far from the data's."""
    model, a = model_of(kind, seed=1, pseudo_count=0.3), 0.3
    x = draw(model_of(kind, seed=2), 6)[0]
    first, pairs, weights = np.full(3, a), np.full((3, 3), a), np.zeros((6, 4, 3))
    for n in range(6):
        paths, joint = by_paths(model, x[n], np.ones(x[n].shape, bool))
        chances = np.exp(joint - logsumexp(joint))
        np.add.at(first, paths[:, 0], chances)
        for t in range(4):
            np.add.at(weights[n, t], paths[:, t], chances)
        for t in range(3):
            np.add.at(pairs, (paths[:, t], paths[:, t + 1]), chances)
    list(em_steps(model, prepared(model, x, np.ones(x.shape, bool)), 1, -1.0))
    np.testing.assert_allclose(model.initial.data, first / first.sum(), rtol=1e-10)
    np.testing.assert_allclose(model.transition.data, pairs / pairs.sum(axis=1, keepdims=True), rtol=1e-10)
    frames, weights = x.reshape(24, -1), weights.reshape(24, 3)
    for s in range(3):
        if model.spec.kind == "discrete":
            counts = a + np.array([[weights[frames[:, d] == k, s].sum() for k in range(3)] for d in range(x.shape[2])])
            expected = counts / counts.sum(axis=1, keepdims=True)
            np.testing.assert_allclose(model.emission.probabilities.data[s], expected, rtol=1e-10)
        else:
            covariance = np.cov(frames.T, aweights=weights[:, s], ddof=0) * (np.eye(2) if kind == "diagonal" else 1)
            np.testing.assert_allclose(normal_of(model, s)[0], np.average(frames, axis=0, weights=weights[:, s]))
            np.testing.assert_allclose(normal_of(model, s)[1], covariance, rtol=1e-8, atol=1e-10)


def prior_of(model):
    """Nats of the Dirichlet priors, up to a constant."""
    found = [model.initial, model.transition]
    found += [model.emission.probabilities] if model.spec.kind == "discrete" else []
    return model.config.pseudo_count * sum(np.log(table.data).sum() for table in found)


@EACH_KIND
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_gradient_is_zero_where_em_ends(kind, share):
    """Finite differences of log-likelihood + log-prior in random directions: logits of probabilities, moments."""
    model = model_of(kind, 6, 2, 3, pseudo_count=0.5)
    x, observed = draw(model, 60, share)
    for _ in em_steps(model, prepared(model, x, observed), 600, 1e-10):
        pass
    state, step = model.state_dict(), 1e-4

    def objective(direction, size):
        moved = {}
        for name, value in state.items():
            if "units" in name:
                moved[name] = value
            elif "loc" in name:
                moved[name] = value + size * direction[name]
            elif "covariance" in name and value.ndim == 3:
                shift = np.eye(2) + size * direction[name]
                moved[name] = shift @ value @ shift.swapaxes(1, 2)
            elif "covariance" in name:
                moved[name] = value * np.exp(size * direction[name])
            else:
                weights = value * np.exp(size * direction[name])
                moved[name] = weights / weights.sum(axis=-1, keepdims=True)
        model.load_state_dict(moved)
        return float(model.score_samples(x, observed=observed).sum()) + prior_of(model)

    for _ in range(4):
        direction = {name: RANDOM.standard_normal(value.shape) for name, value in state.items()}
        up, middle, down = (objective(direction, size) for size in (step, 0.0, -step))
        slope, curvature = (up - down) / (2 * step), (up + down - 2 * middle) / step**2
        assert curvature < 0
        assert abs(slope) < 2e-3 * abs(curvature)
    model.load_state_dict(state)
    assert abs(prior_of(model) / 60 - list(em_steps(model, prepared(model, x, observed), 1))[0]["log_prior"]) < 1e-9


def test_known_chain_entropy_rate():
    """A Markov chain of 4 letters is learnt as one: new sequences cost its entropy rate."""
    transition = np.random.default_rng(1).dirichlet(np.full(4, 0.4), 4)
    values, vectors = np.linalg.eig(transition.T)
    stationary = np.real(vectors[:, np.argmax(values.real)])
    stationary /= stationary.sum()
    rate = -(stationary[:, None] * transition * np.log(transition)).sum()
    truth = models.create("hmm", DataSpec((40, 1), "discrete", 4), n_components=4)
    truth.initial.assign(stationary)
    truth.transition.assign(transition)
    truth.emission.probabilities.assign(np.eye(4)[:, None])
    x = truth.sample(600, 0)
    entropy = rate * 39 - (stationary * np.log(stationary)).sum()
    own = truth.score_samples(x)
    assert abs(own.mean() + entropy) < 4.5 * own.std() / np.sqrt(len(own))
    model = models.create("hmm", truth.spec, n_components=4, restarts=3, max_iterations=80).fit(x[:300], 0)
    new, own = model.score_samples(x[300:]), own[300:]
    # 27 free parameters cost about 27 / (2·300) = 0.05 nats on new sequences: twice that, and the standard error
    assert abs((own - new).mean()) < 27 / 300 + 4.5 * (own - new).std() / np.sqrt(300)
    assert abs(new.mean() + entropy) < 27 / 300 + 4.5 * new.std() / np.sqrt(300)


@pytest.mark.parametrize("kind", ["diagonal", "full"])
def test_parameters_are_recovered(kind):
    """Well separated states, 30 % missing: moments and transitions within their standard errors, about."""
    spec = DataSpec((50, 2), "continuous")
    truth = models.create("hmm", spec, n_components=2, covariance=kind)
    truth.transition.assign([[0.9, 0.1], [0.2, 0.8]])
    truth.emission.loc.assign([[-2.0, 1.0], [2.0, 0.0]])
    covariance = np.array([[[1, 0.6], [0.6, 1]], [[0.5, -0.2], [-0.2, 0.3]]])
    truth.emission.covariance.assign(covariance if kind == "full" else covariance[:, [0, 1], [0, 1]])
    x, observed = draw(truth, 300, 0.3)
    model = models.create("hmm", spec, n_components=2, covariance=kind, restarts=1).fit(x, 0, observed=observed)
    order = np.argsort(model.emission.loc.data[:, 0])
    np.testing.assert_allclose(model.transition.data[np.ix_(order, order)], truth.transition.data, atol=0.02)
    np.testing.assert_allclose(model.emission.loc.data[order], truth.emission.loc.data, atol=0.05)
    np.testing.assert_allclose(model.emission.covariance.data[order], truth.emission.covariance.data, atol=0.06)
    gap = truth.score_samples(x, observed=observed) - model.score_samples(x, observed=observed)
    assert -0.1 < gap.mean() < 0
    # imputed means explain what was missing better than the marginal mean does
    filled, missing = model.impute(x, observed), ~observed
    assert ((filled - x)[missing] ** 2).mean() < 0.7 * ((x - x.mean(axis=(0, 1)))[missing] ** 2).mean()


@EACH_KIND
def test_fitting_again_gives_the_same_and_states_travel(kind):
    x, observed = draw(model_of(kind, 8), 20, 0.2)
    config = {"restarts": 3, "max_iterations": 6}
    one, other = model_of(kind, 8, seed=1, **config), model_of(kind, 8, seed=2, **config)
    state = one.fit(x, 3, observed=observed).state_dict()
    for name, value in other.fit(x, 3, observed=observed).state_dict().items():
        np.testing.assert_array_equal(value, state[name])
    fresh = model_of(kind, 8, seed=4)
    fresh.load_state_dict(state)
    np.testing.assert_array_equal(fresh.log_prob(x), one.log_prob(x))
    ends = [m for m in one.history if m["converged"] or m["iteration"] == 6]
    best = max(m["log_likelihood"] + m["log_prior"] for m in ends)
    last = one.history[-1]
    assert last["log_likelihood"] + last["log_prior"] == best
    assert last["log_likelihood"] == pytest.approx(one.score(x, observed), rel=1e-12)
    assert len({m["restart"] for m in one.history}) == 3


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_constant_channels_and_single_frames(covariance):
    """Variances end at the floor: a constant channel, a repeated one, a state that explains one frame."""
    x = np.random.default_rng(0).standard_normal((6, 5, 3))
    x[..., 1], x[..., 2] = 0.1, x[..., 0]
    x[0, 0, 0] = 1e3
    model = models.create("hmm", DataSpec((5, 3), "continuous"), n_components=3, covariance=covariance, restarts=2,
                          max_iterations=30).fit(x)
    assert np.isfinite(model.log_prob(x)).all() and np.isfinite(model.sample(3, 0)).all()
    units = x.std(axis=(0, 1)) * [1, 0, 1] + [0, 1, 0]
    variances = model.emission.covariance.data / (units[:, None] * units if covariance == "full" else units**2)
    assert (np.linalg.eigvalsh(variances) if covariance == "full" else variances).min() == pytest.approx(1e-6, rel=1e-3)
    same = models.create("hmm", DataSpec((5, 3), "continuous"), n_components=2, covariance=covariance).fit(x * 0 + 1)
    np.testing.assert_allclose(same.sample(4, 0), 1, atol=0.01)


@pytest.mark.parametrize("covariance", ["full", "diagonal"])
def test_other_units(covariance):
    """Channels of units that are 10⁹ apart, far from 0, some values missing: the same model, seen through them."""
    x, observed = draw(model_of(covariance, 8), 40, 0.2)
    units, shift = np.array([1e-4, 1e5]), np.array([3.0, 1e7])
    config = {"n_components": 3, "covariance": covariance, "restarts": 1, "max_iterations": 40, "tolerance": 0.0}
    model, other = (models.create("hmm", DataSpec((8, 2), "continuous"), **config) for _ in range(2))
    model.fit(x, 0, observed=observed)
    other.fit(x * units + shift, 0, observed=observed)
    np.testing.assert_allclose((other.emission.loc.data - shift) / units, model.emission.loc.data, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(other.transition.data, model.transition.data, rtol=1e-3, atol=1e-6)
    volume = (observed.sum(axis=(0, 1)) * np.log(units)).sum() / 40  # the density is one per unit
    expected = model.score(x, observed) - volume
    assert other.score(x * units + shift, observed) == pytest.approx(expected, abs=1e-4)


@EACH_KIND
def test_states_that_nothing_needs(kind):
    """A state of no weight keeps its emission; with maximum likelihood its row of transitions too."""
    model = model_of(kind, pseudo_count=0.0)
    model.initial.assign([0.5, 0.5, 0.0])
    model.transition.assign([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.2, 0.3, 0.5]])
    x, observed = draw(model, 10)
    before = model.state_dict()
    list(em_steps(model, prepared(model, x, observed), 3, -1.0))
    for name, value in model.state_dict().items():
        assert np.isfinite(value).all()
        if "units" in name:
            continue
        np.testing.assert_array_equal(value[2], before[name][2])
        assert (value[0] != before[name][0]).any()


@EACH_KIND
def test_sequences_without_values(kind):
    """They have probability 1, and change no emission or transition but by nothing."""
    x, observed = draw(model_of(kind, 6), 30, 0.2)
    observed[:4] = False
    model = model_of(kind, 6, seed=1, restarts=1, max_iterations=5).fit(x, observed=observed)
    np.testing.assert_allclose(model.log_prob(x, observed=observed)[:4], 0, atol=1e-12)
    marginal = model.initial.data @ np.linalg.matrix_power(model.transition.data, 5)
    np.testing.assert_allclose(model.state_posteriors(x, observed)[0, 5], marginal, rtol=1e-9)


def test_unseen_letters_have_a_probability():
    x = np.zeros((5, 4, 1), np.uint8)
    smooth, strict = (models.create("hmm", DataSpec((4, 1), "discrete", 3), n_components=2, restarts=1,
                                    pseudo_count=a).fit(x) for a in (0.01, 0.0))
    assert np.isfinite(smooth.log_prob(x + 2)).all() and (strict.log_prob(x + 2) == -np.inf).all()


@pytest.mark.parametrize(("spec", "config", "words"), [
    (DataSpec((2,), ("continuous", "binary")), {}, "hmm: it takes .*, got a table of continuous and binary columns"),
    (DataSpec((4, 1), "continuous", condition=DataSpec((2,), "continuous")), {}, "condition"),
    (DataSpec((4, 1), "continuous"), {"n_components": 0}, "n_components"),
    (DataSpec((4, 1), "continuous"), {"covariance": "round"}, "full, diagonal"),
    (DataSpec((4, 1), "continuous"), {"floor": 0.0}, "floor"),
    (DataSpec((4, 1), "continuous"), {"pseudo_count": -1}, "pseudo_count"),
    (DataSpec((4, 1), "continuous"), {"restarts": 0}, "restarts"),
    (DataSpec((4, 1), "continuous"), {"tolerance": "x"}, "tolerance"),
    (DataSpec((), "continuous"), {}, "sequences"),
])
def test_refused_settings(spec, config, words):
    with pytest.raises((TypeError, ValueError), match=words):
        models.create("hmm", spec, **config)


def test_refused_data():
    model = model_of("full")
    before, x = model.state_dict(), model.sample(10, 0)
    never = np.ones(x.shape, bool)
    never[..., 1] = False
    few = np.zeros(x.shape, bool)
    few[0, 0] = few[1, 0] = True
    for data, observed, words in [
        (x[:, :3], None, "shape"), (x * np.nan, None, "finite"), (x, never, "column 1"), (x[:0], None, "at least"),
        (x, few, "at least as many time steps"), (x, never[:3], "observed"), (1e200 * x, None, "too large"),
    ]:
        with pytest.raises(ValueError, match=words), np.errstate(over="ignore"):
            model.fit(data, observed=observed)
        for name, value in model.state_dict().items():
            np.testing.assert_array_equal(value, before[name])
    letters = model_of("categorical")
    for wrong in (np.full((2, 4, 1), 3), np.full((2, 4, 1), -1), np.full((2, 4, 1), 0.5)):
        with pytest.raises(ValueError, match="integers 0 to 2"):
            letters.log_prob(wrong)
    with pytest.raises(ValueError, match="condition"):
        letters.log_prob(np.zeros((2, 4, 1), int), condition=1)
    empty = np.zeros((0, 4, 1), int)
    assert letters.log_prob(empty).shape == (0,) and letters.state_posteriors(empty).shape == (0, 4, 3)
    assert letters.viterbi(empty)[0].shape == (0, 4)
