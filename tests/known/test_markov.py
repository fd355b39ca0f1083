"""Markov chains of any order against enumeration of all strings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from known.laws import all_strings, entropy, fit_p_value
from minigen.known import markov
from minigen.known.letters import CHARACTERS, PAGE, LetterChain, letter_probabilities
from minigen.known.markov import Markov


def random_chain(levels, order, length, seed=0):
    p = np.random.default_rng(seed).dirichlet(np.full(levels, 0.7), (levels,) * order)
    return Markov("abcdefgh"[:levels], p, length), p


def stationary(p):
    """The probability of every context, from the eigenvector of the chain of contexts with eigenvalue 1."""
    order, levels = p.ndim - 1, p.shape[-1]
    contexts = [tuple(c) for c in all_strings(levels, order)] if order else [()]
    index = {c: i for i, c in enumerate(contexts)}
    step = np.zeros((len(contexts), len(contexts)))
    for c in contexts:
        for a in range(levels):
            step[index[c], index[(*c, a)[1:] if order else ()]] += p[(*c, a)]
    values, vectors = np.linalg.eig(step.T)
    pi = vectors[:, np.abs(values - 1).argmin()].real
    return dict(zip(contexts, pi / pi.sum(), strict=True))


def probability(p, string):
    """p(string), contexts that start before it summed over."""
    order, pi = p.ndim - 1, stationary(p)
    if len(string) < order:
        return sum(value for c, value in pi.items() if c[: len(string)] == string)
    total = pi[string[:order]]
    for t in range(order, len(string)):
        total *= p[string[t - order : t + 1]]
    return total


@pytest.mark.parametrize(("levels", "order", "length"), [
    (2, 0, 4), (2, 1, 1), (2, 1, 6), (3, 1, 4), (2, 2, 5), (2, 3, 2), (2, 3, 5), (3, 2, 4), (3, 2, 1), (2, 4, 6),
])
def test_all_strings(levels, order, length):
    chain, p = random_chain(levels, order, length)
    strings = all_strings(levels, length)
    q = np.exp(chain.log_prob(strings[:, :, None]))
    np.testing.assert_allclose(q, [probability(p, tuple(s)) for s in strings.tolist()], rtol=1e-9)
    assert abs(q.sum() - 1) < 1e-12
    assert abs(chain.entropy() - entropy(q)) < 1e-12
    x = chain.sample(20_000, 1)[:, :, 0].astype(int)
    assert fit_p_value(np.bincount(x @ levels ** np.arange(length)[::-1], minlength=len(q)), q) > 1e-4


@given(st.integers(2, 3), st.integers(0, 3), st.integers(0, 1000))
def test_entropy_rate_is_what_a_letter_more_adds(levels, order, seed):
    length = order + 1
    shorter, longer = (
        entropy(np.exp(random_chain(levels, order, n, seed)[0].log_prob(all_strings(levels, n)[:, :, None])))
        for n in (length, length + 1)
    )
    chain = random_chain(levels, order, length, seed)[0]
    assert abs(chain.entropy_rate() - (longer - shorter)) < 1e-9


def test_windows_look_alike_wherever_they_are_cut():
    chain, _ = random_chain(3, 2, 6)
    p = np.exp(chain.log_prob(all_strings(3, 6)[:, :, None])).reshape((3,) * 6)
    first = p.sum(axis=(3, 4, 5))
    for t in range(1, 4):
        others = tuple(axis for axis in range(6) if not t <= axis < t + 3)
        np.testing.assert_allclose(p.sum(axis=others), first, rtol=1e-10)


def test_large_tables_are_solved_by_iteration(monkeypatch):
    chain, p = random_chain(3, 3, 5)
    monkeypatch.setattr(markov, "_DENSE", 1)
    np.testing.assert_allclose(Markov("abc", p, 5).stationary, chain.stationary, rtol=1e-10)
    # This chain is in b every other time: a period, which the iteration must not mind.
    periodic = [[0.0, 1.0, 0.0], [0.3, 0.0, 0.7], [0.0, 1.0, 0.0]]
    np.testing.assert_allclose(Markov("abc", periodic, 5).stationary, [0.15, 0.5, 0.35], rtol=1e-10)


def test_certain_chains():
    chain = Markov("ab", [[0.0, 1.0], [1.0, 0.0]], 4)
    assert chain.entropy_rate() == 0 and abs(chain.entropy() - np.log(2)) < 1e-12
    assert {chain.codec.decode(row) for row in chain.sample(50, 0)} == {"abab", "baba"}
    x = np.stack([chain.codec.encode(word) for word in ("abab", "abba")])[:, :, None]
    np.testing.assert_allclose(chain.log_prob(x), [-np.log(2), -np.inf])
    # A state that the chain leaves for good is no part of its stationary distribution.
    np.testing.assert_allclose(Markov("ab", [[0.5, 0.5], [0.0, 1.0]], 4).stationary, [0, 1], atol=1e-14)


@pytest.mark.parametrize("dense", [1, 1024])
def test_several_stationary_distributions_are_refused(monkeypatch, dense):
    monkeypatch.setattr(markov, "_DENSE", dense)
    for p in (np.eye(2), [[0.5, 0.5, 0], [0.5, 0.5, 0], [0, 0, 1]], [[1.0, 0, 0], [0.3, 0.4, 0.3], [0, 0, 1.0]]):
        with pytest.raises(ValueError, match="several stationary distributions"):
            Markov("abc"[: len(p)], p, 4)


@pytest.mark.parametrize(("characters", "transitions", "words"), [
    ("ab", np.ones((3, 3)) / 3, "each of length 2"), ("ab", np.ones((2, 2)), "sum to 1"),
    ("ab", [[1.5, -0.5], [0.5, 0.5]], "sum to 1"), ("ab", [[np.nan, 1], [0.5, 0.5]], "sum to 1"),
    ("aa", np.ones((2, 2)) / 2, "each character once"), ("a", np.ones((1, 1)), "2 letters"), ("ab", 1.0, "axes"),
])
def test_wrong_tables_are_refused(characters, transitions, words):
    with pytest.raises(ValueError, match=words):
        Markov(characters, transitions, 4)


def test_letters_come_from_the_page():
    text = " ".join(PAGE.split()) + " "
    circle = text + text[:3]
    p = letter_probabilities(3, 1e-9)  # with next to no smoothing: the counts themselves
    for context in ("the", " an", "e w", "oat"):
        after = [circle[i + 3] for i in range(len(text)) if circle[i : i + 3] == context]
        expected = [after.count(a) / len(after) for a in CHARACTERS]
        np.testing.assert_allclose(p[tuple(CHARACTERS.index(c) for c in context)], expected, atol=1e-6)
    # The smoothed table: counts pulled to the shorter context's probabilities.
    strength, one, two = 0.5, letter_probabilities(1, 0.5), letter_probabilities(2, 0.5)
    t, h = CHARACTERS.index("t"), CHARACTERS.index("h")
    counts = np.array([sum(circle[i : i + 3] == "th" + a for i in range(len(text))) for a in CHARACTERS])
    np.testing.assert_allclose(two[t, h], (counts + strength * one[h]) / (counts.sum() + strength))
    assert (letter_probabilities(2, 0.5) > 0).all()


def test_longer_contexts_leave_less_entropy():
    rates = [LetterChain(order).entropy_rate() for order in (1, 2, 3)]
    assert np.log(27) > rates[0] > rates[1] > rates[2] > 0
