"""Expectation-maximisation in general form, on two coins whose steps are published and on models that are wrong."""

import itertools
import math

import numpy as np
import pytest

from minigen.arrays import Generator
from minigen.inference import EMError, em_restarts, em_steps

HEADS = np.array([5, 9, 8, 4, 7])  # of 10 tosses of one of two coins, nobody knows which


class Coins:
    """Do and Batzoglou, "What is the expectation maximization algorithm?", 2008: the coins' chances of heads."""

    def __init__(self, first, second):
        self.chances = np.array([first, second])

    def log_likelihood(self, heads):
        """Nats per run of tosses, the order of heads and tails given."""
        joint = heads[:, None] * np.log(self.chances) + (10 - heads[:, None]) * np.log1p(-self.chances)
        return joint, float(np.log(0.5 * np.exp(joint).sum(axis=1)).mean())

    def e_step(self, heads):
        """Expected heads and tosses of each coin."""
        joint, value = self.log_likelihood(heads)
        r = np.exp(joint) / np.exp(joint).sum(axis=1, keepdims=True)
        return (r.T @ heads, 10 * r.sum(axis=0)), value

    def m_step(self, statistics):
        """Heads over tosses."""
        self.chances = statistics[0] / statistics[1]

    def state_dict(self):
        """The chances."""
        return {"chances": self.chances.copy()}

    def load_state_dict(self, state):
        """Take them back."""
        self.chances = state["chances"].copy()


def test_published_steps():
    model = Coins(0.6, 0.5)
    steps = em_steps(model, HEADS, max_iterations=10, tolerance=0)
    next(steps)
    next(steps)
    np.testing.assert_allclose(model.chances, [0.71, 0.58], atol=0.005)  # figure 1b of the paper, after one iteration
    last = list(steps)[-1]
    np.testing.assert_allclose(model.chances, [0.80, 0.52], atol=0.005)  # and after ten
    assert last["iteration"] == 10 and not last["converged"]


def test_metrics_describe_the_model_at_that_moment():
    model, rows = Coins(0.6, 0.5), []
    for row in em_steps(model, HEADS, max_iterations=300, tolerance=1e-10):
        assert row["log_likelihood"] == model.log_likelihood(HEADS)[1]
        rows.append(row)
    assert [row["iteration"] for row in rows] == list(range(len(rows)))
    assert rows[0]["rise"] == math.inf and not any(row["converged"] for row in rows[:-1]) and rows[-1]["converged"]
    values = np.array([row["log_likelihood"] for row in rows])
    np.testing.assert_allclose(np.diff(values), [row["rise"] for row in rows[1:]])
    assert np.diff(values).min() >= 0 and rows[-1]["rise"] < 1e-10 <= rows[-2]["rise"]
    # a maximum: the derivative vanishes
    for i in range(2):
        moved = Coins(*(model.chances + 1e-4 * np.eye(2)[i])), Coins(*(model.chances - 1e-4 * np.eye(2)[i]))
        slope = (moved[0].log_likelihood(HEADS)[1] - moved[1].log_likelihood(HEADS)[1]) / 2e-4
        assert abs(slope) < 1e-3


class Wrong(Coins):
    """An M-step that counts tails."""

    def m_step(self, statistics):
        """One minus what it should be."""
        super().m_step(statistics)
        self.chances = 1 - self.chances


def test_a_fall_is_an_error():
    with pytest.raises(EMError, match=r"went from -\d.* to -\d.* in iteration 1; it must never fall"):
        list(em_steps(Wrong(0.6, 0.5), HEADS))
    assert issubclass(EMError, ArithmeticError)


@pytest.mark.parametrize("fall, rounding, refused", [(1e-7, 1e-9, True), (1e-7, 1e-6, False), (1e-12, 1e-9, False)])
def test_rounding_may_let_it_fall_a_little(fall, rounding, refused):
    class Sinking(Coins):
        value = -1.0

        def e_step(self, heads):
            self.value -= fall
            return None, self.value

        def m_step(self, statistics):
            pass

    steps = em_steps(Sinking(0.6, 0.5), HEADS, tolerance=1e-6, rounding=rounding)
    if refused:
        with pytest.raises(EMError):
            list(steps)
    else:
        assert [row["converged"] for row in steps] == [False, True]


def test_nan_is_an_error():
    with pytest.raises(EMError, match="nan"):
        list(em_steps(Coins(0.6, math.nan), HEADS))


class Prior(Coins):
    """With a prior Beta(5, 5) of both chances."""

    def e_step(self, heads):
        """With the log-prior up to a constant."""
        statistics, value = super().e_step(heads)
        return statistics, value, float(4 * np.log(self.chances * (1 - self.chances)).sum()) / len(heads)

    def m_step(self, statistics):
        """Four heads and four tails more."""
        self.chances = (statistics[0] + 4) / (statistics[1] + 8)


def test_with_a_prior_their_sum_rises():
    rows = list(em_steps(Prior(0.8, 0.5), HEADS, tolerance=1e-10))
    total = np.array([row["log_likelihood"] + row["log_prior"] for row in rows])
    assert np.diff(total).min() > -1e-12
    assert np.diff([row["log_likelihood"] for row in rows]).min() < 0  # alone it may fall
    model = Prior(0.8, 0.5)
    model.m_step = lambda statistics: setattr(model, "chances", np.array([0.1, 0.1]))
    with pytest.raises(EMError, match="with its prior"):
        list(em_steps(model, HEADS))


def test_restarts_keep_the_best():
    starts = [(0.5, 0.5), (0.6, 0.5), (0.7, 0.7)]  # equal coins stay equal, which is less likely
    model, seen = Coins(0.5, 0.5), []

    def initialise(rng):
        seen.append(rng.random())
        model.chances = np.array(starts[len(seen) - 1])

    rows = list(em_restarts(model, HEADS, initialise, Generator(3), 3, tolerance=1e-9))
    assert len(set(seen)) == 3 and {row["restart"] for row in rows} == {0, 1, 2}
    kept = rows.pop()
    best = max(rows, key=lambda row: row["log_likelihood"])
    assert kept == {**best, "kept": True} and kept["restart"] == 1 and not any("kept" in row for row in rows)
    assert model.log_likelihood(HEADS)[1] == kept["log_likelihood"]
    np.testing.assert_allclose(sorted(model.chances), [0.52, 0.80], atol=0.005)


def test_preference_comes_before_the_likelihood():
    starts, model = iter([(0.6, 0.5), (0.5, 0.5), (0.7, 0.7)]), Coins(0.5, 0.5)

    def initialise(rng):
        model.chances = np.array(next(starts))

    rows = list(em_restarts(model, HEADS, initialise, Generator(0), 3, lambda: -float(np.ptp(model.chances) > 0.1)))
    assert rows[-1]["restart"] == 1 and model.chances[0] == model.chances[1]


def test_one_run_has_no_row_more():
    model = Coins(0.6, 0.5)
    rows = list(em_restarts(model, HEADS, lambda rng: None, Generator(0)))
    assert "kept" not in rows[-1] and rows[-1]["restart"] == 0
    assert [row["iteration"] for row in rows] == list(range(len(rows)))


def chances_at_random(model):
    """A starting point for coins."""
    return lambda rng: model.load_state_dict({"chances": rng.random(2, np.float64)})


@pytest.mark.parametrize("kind", [Coins, Prior])
@pytest.mark.parametrize("stops", [range(1, 40), range(3, 40, 7), [5]])
def test_runs_go_on_from_their_state_as_if_they_had_not_stopped(stops, kind):
    options = {"max_iterations": 6, "tolerance": 1e-4}
    whole = kind(0.6, 0.5)
    expected = list(em_restarts(whole, HEADS, chances_at_random(whole), Generator(3), restarts=5, **options))
    rows, saved, parameters = [], {}, {"chances": np.array([0.6, 0.5])}
    while True:
        state = dict(saved)
        model = kind(0.1, 0.9)  # another process, which knows the state and the parameters alone
        model.load_state_dict(parameters)
        steps = em_restarts(model, HEADS, chances_at_random(model), Generator(3), restarts=5, state=state, **options)
        for row in steps:
            rows.append(row)
            if len(rows) in stops:
                saved, parameters = dict(state), model.state_dict()
                break
        else:
            break
    assert rows == expected and [list(row) for row in rows] == [list(row) for row in expected]
    np.testing.assert_array_equal(model.chances, whole.chances)


def test_steps_alone_go_on_from_their_state():
    whole = Coins(0.6, 0.5)
    expected = list(em_steps(whole, HEADS, max_iterations=9, tolerance=0))
    model, state = Coins(0.6, 0.5), {}
    rows = []
    for _ in range(20):  # an end stays an end
        rows += itertools.islice(em_steps(model, HEADS, max_iterations=9, tolerance=0, state=state), 1)
    assert rows == expected and state["ended"]
    np.testing.assert_array_equal(model.chances, whole.chances)
