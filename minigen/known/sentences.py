"""English-like sentences from a small grammar, as windows of letters.

Sentences follow each other, and a window is their first T letters. Read letter by letter (`grammar.py`) the text is a
walk through the states of a deterministic automaton, so

    log p(x) = Σ_t log p(x_t | state_t),    H(x) = Σ_t Σ_s P(state_t = s) H(next letter | s),

with the distribution of the state carried along. Subject and verb agree in number across clauses that come between
them, and clauses can contain clauses, so no fixed number of letters is context enough.
"""

import numpy as np

from ..arrays.categories import category_by_cumulative
from ..arrays.checks import positive_integer
from ..data import CharacterCodec
from ..protocols import DataSpec
from .common import entropy_of
from .grammar import Grammar, automaton
from .source import Source


def _words(text):
    return [(1.0, (word,)) for word in text.split()]


RULES = {
    "TEXT": [(1, ("CLAUSES", ". "))],
    "CLAUSES": [(8, ("CLAUSE",)), (1, ("CLAUSE", ", and ", "CLAUSE")), (1, ("CLAUSE", " when ", "CLAUSE"))],
    "CLAUSE": [(3, ("ONE", " ", "DOES")), (2, ("MANY", " ", "DO"))],
    "ONE": [(6, ("A", " ", "NOUN")), (2, ("A", " ", "NOUN", " that ", "DOES")),
            (1, ("A", " ", "NOUN", " that ", "SEEN")), (1, ("A", " ", "NOUN", " ", "NEAR"))],
    "MANY": [(6, ("SOME", " ", "NOUNS")), (2, ("SOME", " ", "NOUNS", " that ", "DO")),
             (1, ("SOME", " ", "NOUNS", " that ", "SEEN")), (1, ("SOME", " ", "NOUNS", " ", "NEAR"))],
    "SEEN": [(4, ("the ", "NOUN", " ", "SEES")), (2, ("the ", "NOUNS", " ", "SEE")),
             (1, ("the ", "NOUN", " that ", "SEEN", " ", "SEES"))],
    "NEAR": [(2, ("near the ", "SPOT")), (1, ("by the ", "SPOT"))],
    "DOES": [(3, ("SLEEPS",)), (3, ("SEES", " ", "OBJECT"))],
    "DO": [(3, ("SLEEP",)), (3, ("SEE", " ", "OBJECT"))],
    "OBJECT": [(2, ("ONE",)), (1, ("MANY",))],
    "A": [(5, ("the",)), (4, ("a",)), (1, ("every",)), (3, ("the ", "SMALL")), (2, ("a ", "SMALL"))],
    "SOME": [(4, ("the",)), (2, ("some",)), (1, ("two",)), (1, ("the ", "SMALL")), (1, ("many ", "SMALL"))],
    "SMALL": _words("small big tall young brown quiet happy"),
    "NOUN": _words("dog cat bird child farmer sailor horse girl boy"),
    "NOUNS": _words("dogs cats birds children farmers sailors horses girls boys"),
    "SPOT": _words("house river tree boat hill gate"),
    "SLEEPS": _words("sleeps sings runs waits laughs"),
    "SLEEP": _words("sleep sing run wait laugh"),
    "SEES": _words("sees likes hears follows finds"),
    "SEE": _words("see like hear follow find"),
}


class Sentences(Source):
    """English-like sentences that a small grammar writes, cut to a fixed number of letters.

    An example is a window of `length` letters that begins with a sentence. `rules` and `start` are as in `Grammar`.
    Raises ValueError as `Grammar` does, and TypeError or ValueError unless length >= 1.
    """

    name = "sentences"

    def __init__(self, length: int = 64, rules: dict = RULES, start: str = "TEXT"):
        self.length, self.grammar = positive_integer("length", length), Grammar(rules, start)
        self.codec = CharacterCodec(self.grammar.letters)
        self.spec = DataSpec((length, 1), "discrete", max(2, self.codec.levels))
        self.following, self.probability = automaton(self.grammar, self.codec.characters, length)

    def entropy_rate(self) -> float:
        """The limit of the entropy of a letter given all before it, nats: a sentence's entropy over its mean length.

        It is exact if no sentence has two derivations and no sentence is the beginning of another.
        """
        return self.grammar.derivation_entropy() / self.grammar.mean_length

    def _log_prob(self, x):
        x = x[:, :, 0]
        total, state = np.zeros(len(x)), np.zeros(len(x), np.int64)
        with np.errstate(divide="ignore"):
            log_probability = np.log(self.probability)
        for t in range(self.length):
            letter = np.minimum(x[:, t], self.codec.levels - 1)
            total += np.where(letter == x[:, t], log_probability[state, letter], -np.inf)
            state = self.following[state, letter]
        return total

    def _entropy(self):
        surprise, total = entropy_of(self.probability, axis=1), 0.0
        reached = np.zeros(len(surprise))
        reached[0] = 1.0
        for _ in range(self.length):
            total += reached @ surprise
            moved = (reached[:, None] * self.probability).ravel()
            reached = np.bincount(self.following.ravel(), moved, len(surprise))
        return total

    def _sample(self, n, rng):
        x = np.empty((n, self.length, 1), np.uint8 if self.codec.levels <= 256 else np.uint32)
        state, cumulative = np.zeros(n, np.int64), np.cumsum(self.probability, axis=1)
        for t in range(self.length):
            letter = category_by_cumulative(cumulative[state], rng)
            x[:, t, 0], state = letter, self.following[state, letter]
        return x, None
