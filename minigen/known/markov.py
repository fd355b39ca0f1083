"""Markov chains over letters, of any order.

    p(x₁ … x_T) = π(x₁ … x_k) Π_{t>k} p(x_t | x_{t-k} … x_{t-1})

π is the stationary distribution of the context, the last k letters, so a window looks the same wherever it is cut. Then

    H(x₁ … x_T) = H(π) + (T - k) h,    h = -Σ_c π(c) Σ_a p(a | c) log p(a | c),

with h the entropy rate. Source: Cover and Thomas, "Elements of Information Theory", section 4.2.
"""

import numpy as np

from ..arrays.categories import categories, category_by_cumulative
from ..arrays.checks import positive_integer
from ..data import CharacterCodec
from ..protocols import DataSpec
from .common import entropy_of
from .source import Source

# Up to this many contexts the stationary distribution solves linear equations; with more it is found by iteration.
_DENSE = 1024
_MAX_ITERATIONS = 100_000


class Markov(Source):
    """Windows of `length` letters of a stationary chain.

    `transitions` has an axis of `len(characters)` for each letter of the context, oldest first, and one for the next
    letter: order + 1 axes, probabilities that sum to 1 over the last. Raises TypeError or ValueError for anything else,
    and for a chain with several stationary distributions.
    """

    name = "markov"

    def __init__(self, characters: str, transitions, length: int = 64):
        self.codec, self.length = CharacterCodec(characters), positive_integer("length", length)
        table, levels = np.asarray(transitions, np.float64), self.codec.levels
        if levels < 2 or table.ndim < 1 or table.shape != (levels,) * table.ndim:
            raise ValueError(f"transitions: expected axes of 2 letters or more, each of length {levels} as there are "
                             f"characters, got shape {table.shape}")
        if not (table >= 0).all() or not (np.abs(table.sum(axis=-1) - 1) <= 1e-9).all():
            raise ValueError("transitions: expected probabilities that sum to 1 over the last axis")
        self.order, self.spec = table.ndim - 1, DataSpec((length, 1), "discrete", levels)
        table = table.reshape(-1, levels)
        self.transitions = table / table.sum(axis=1, keepdims=True)  # (contexts, letters)
        self.stationary = _stationary(self.transitions)  # (contexts,), the oldest letter counting most

    def entropy_rate(self) -> float:
        """The entropy of a letter given all before it, nats."""
        return float(self.stationary @ entropy_of(self.transitions, axis=1))

    def _start(self):
        """The distribution of the first min(order, length) letters, flat, and how many letters those are."""
        n = min(self.order, self.length)
        return self.stationary.reshape(self.codec.levels**n, -1).sum(axis=1), n

    def _entropy(self):
        start, n = self._start()
        return entropy_of(start) + (self.length - n) * self.entropy_rate()

    def _log_prob(self, x):
        x, levels, (start, n) = x[:, :, 0], self.codec.levels, self._start()
        context = np.zeros(len(x), np.int64)
        for t in range(n):
            context = context * levels + x[:, t]
        with np.errstate(divide="ignore"):
            log_start, log_transitions = np.log(start), np.log(self.transitions).ravel()
        total = log_start[context]
        for t in range(n, self.length):
            index = context * levels + x[:, t]
            total += log_transitions[index]
            context = index % len(self.transitions)
        return total

    def _sample(self, n, rng):
        levels, (start, first) = self.codec.levels, self._start()
        x = np.empty((n, self.length, 1), np.uint8 if levels <= 256 else np.uint32)
        context, cumulative = categories(start, n, rng), np.cumsum(self.transitions, axis=1)
        for t in range(first):
            x[:, t, 0] = context // levels ** (first - 1 - t) % levels
        for t in range(first, self.length):
            x[:, t, 0] = category_by_cumulative(cumulative[context], rng)
            context = (context * levels + x[:, t, 0]) % len(self.transitions)
        return x, None


def _step(distribution, transitions):
    """The distribution of contexts one letter later: the oldest letter is summed out, the new one comes last."""
    joint = distribution[:, None] * transitions
    return joint.reshape(-1, len(distribution)).sum(axis=0)


def _stationary(transitions):
    contexts, levels = transitions.shape
    if contexts <= _DENSE:
        # π (I - P + 1) = 1 with 1 a matrix of ones: π P = π and Σ π = 1 at once.
        matrix = np.ones((contexts, contexts)) + np.eye(contexts)
        following = (np.arange(contexts)[:, None] * levels + np.arange(levels)) % contexts
        np.subtract.at(matrix, (np.arange(contexts)[:, None], following), transitions)
        try:
            pi = np.linalg.solve(matrix.T, np.ones(contexts))
        except np.linalg.LinAlgError:
            pi = np.full(contexts, 1 / contexts)  # there are several solutions: refused below
    else:
        pi = _iterate(transitions)
    pi = np.maximum(pi, 0.0)
    pi /= pi.sum()
    _check_one_class(transitions, int(pi.argmax()))
    if np.abs(_step(pi, transitions) - pi).sum() > 1e-10:
        raise ValueError("transitions: no stationary distribution was found; the chain mixes too slowly")
    return pi


def _iterate(transitions):
    """π by steps of a lazy chain, which stays where it is half of the time: it has the same π, and no period."""
    pi = np.full(len(transitions), 1 / len(transitions))
    for _ in range(_MAX_ITERATIONS):
        new = 0.5 * (pi + _step(pi, transitions))
        change, pi = np.abs(new - pi).sum(), new
        if change < 1e-15:
            break
    return pi


def _check_one_class(transitions, goal):
    """Raise ValueError unless every context leads to `goal`, which π visits: then there is no other π."""
    contexts, levels = transitions.shape
    reaches = np.zeros(contexts, bool)
    reaches[goal] = True
    while True:
        # After the context c comes c * levels + a, modulo the number of contexts.
        after = np.tile(reaches, levels).reshape(contexts, levels)
        more = reaches | (after & (transitions > 0)).any(axis=1)
        if (more == reaches).all():
            break
        reaches = more
    if not reaches.all():
        raise ValueError("transitions: the chain has several stationary distributions, as it can stay among some "
                         "contexts for ever or among others")
