"""The gap to a known truth against divergences in closed form."""

import math

import numpy as np
import pytest
from scipy import stats

import minigen
from minigen import DataSpec, models
from minigen.evaluation import gap_to_truth
from minigen.models import Model


class Coins(Model):
    """Independent binary columns with chances p: a source and a model at once."""

    def __init__(self, chances):
        super().__init__(DataSpec(np.shape(chances), "binary"))
        self.chances = np.asarray(chances)

    def log_prob(self, x, condition=None):
        with np.errstate(divide="ignore"):
            return np.where(x == 1, np.log(self.chances), np.log1p(-self.chances)).sum(axis=1)

    def sample(self, n, rng, condition=None, given=None):
        return (minigen.random.as_generator(rng).random((n, len(self.chances))) < self.chances).astype(np.uint8)

    def entropy(self):
        return float(stats.bernoulli(self.chances).entropy().sum())


TRUTH = Coins([0.2, 0.5, 0.7])


def test_the_gap_is_the_divergence_in_closed_form():
    p, q = TRUTH.chances, np.array([0.3, 0.4, 0.9])
    exact = (p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))).sum()
    gap = gap_to_truth(TRUTH, Coins(q), 20_000, rng=1)
    assert gap.name == "kl" and gap.samples is None and gap.n == 20_000 and gap.impossible == 0
    assert abs(gap.value - exact) < 4.5 * gap.standard_error and gap.standard_error < exact / 10
    assert gap.entropy == pytest.approx(TRUTH.entropy()) and "nats per example (20000 draws)" in str(gap)


def test_the_truth_has_no_gap_and_no_noise():
    gap = gap_to_truth(TRUTH, Coins(TRUTH.chances), 100)
    assert gap.value == 0 and gap.standard_error == 0  # paired: what both share cancels


def test_the_error_is_that_of_repetitions():
    gaps = [gap_to_truth(TRUTH, Coins([0.3, 0.4, 0.9]), 200, rng=seed) for seed in range(200)]
    spread = np.std([gap.value for gap in gaps], ddof=1)
    assert np.mean([gap.standard_error for gap in gaps]) == pytest.approx(spread, rel=0.2)


def test_given_draws_are_used():
    x = np.array([[0, 0, 0], [1, 1, 1]], np.uint8)
    other = Coins([0.5, 0.5, 0.5])
    gap = gap_to_truth(TRUTH, other, x=x)
    differences = TRUTH.log_prob(x) - other.log_prob(x)
    assert gap.n == 2 and gap.value == pytest.approx(differences.mean())
    # of two draws, the standard deviation is |difference| / √2
    assert gap.standard_error == pytest.approx(abs(differences[0] - differences[1]) / 2)


def test_a_bound_gives_an_upper_bound():
    model = models.create("vae", TRUTH.spec, rng=0, hidden=(4,), latent_dim=1)
    loose, tight = (gap_to_truth(TRUTH, model, 5000, rng=0, k=k) for k in (1, 200))
    assert loose.name == tight.name == "kl_upper_bound" and tight.samples == 200 and "at most" in str(tight)
    assert tight.value < loose.value
    # exact, by quadrature over the latent variable for all eight examples
    nodes, weights = np.polynomial.hermite_e.hermegauss(60)
    states = np.array([[n >> 2 & 1, n >> 1 & 1, n & 1] for n in range(8)], np.uint8)
    decoded = model.decode(nodes[:, None].astype(np.float32))
    with minigen.no_grad():
        p_x = np.array([(np.exp(decoded.log_prob(x).data) * weights).sum() / weights.sum() for x in states])
    log_p = TRUTH.log_prob(states)
    exact = (np.exp(log_p) * (log_p - np.log(p_x))).sum()
    assert tight.value > exact - 4.5 * tight.standard_error
    assert abs(tight.value - exact) < 0.02 + 4.5 * tight.standard_error


def test_impossible_examples_make_the_gap_infinite():
    gap = gap_to_truth(TRUTH, Coins([0.0, 0.5, 0.5]), 1000)
    assert gap.value == math.inf and math.isnan(gap.standard_error)
    assert abs(gap.impossible - 200) < 4.5 * math.sqrt(1000 * 0.16) and "infinite" in str(gap)


@pytest.mark.parametrize("call, words", [
    (lambda: gap_to_truth(TRUTH, Coins([0.5, 0.5]), 10), "model: it is for"),
    (lambda: gap_to_truth(TRUTH, Model(TRUTH.spec), 10), "neither log_prob nor iwae_bound"),
    (lambda: gap_to_truth(TRUTH, TRUTH, 1), "n: expected"),
    (lambda: gap_to_truth(Coins([0.0, 0.5, 0.5]), TRUTH, x=np.ones((5, 3), np.uint8)), "source: 5 of its own"),
])
def test_bad_input(call, words):
    with pytest.raises(ValueError, match=words):
        call()
