"""Probabilistic context-free grammars read letter by letter: the law of the next letter after any beginning.

A grammar without left recursion is read from the left by a pushdown automaton. Its configuration is the stack of
symbols that are still to come. The letters read so far leave several stacks possible, and the probabilities of these
stacks are the *state*: all that the past says about the future. Letter by letter, the grammar is then a deterministic
automaton with probabilities on its edges, and the probability of a text is a product along one path.

Source: Hopcroft, Motwani, Ullman, "Introduction to Automata Theory", section 6.3 (the stack); Jelinek and Lafferty,
"Computation of the probability of initial substring generation by stochastic context-free grammars" (1991), for the
quantity.
"""

import math

import numpy as np

MAX_STATES = 200_000


class Grammar:
    """Rules `{symbol: [(weight, (symbol, ...)), ...]}`; a string that is not a key of `rules` stands for its letters.

    Weights of a symbol's alternatives are divided by their sum. Raises ValueError for an alternative that is empty or
    has a weight not above 0, for left recursion, and for a grammar whose sentences have no finite mean length.
    """

    def __init__(self, rules: dict, start: str):
        if start not in rules:
            raise ValueError(f"start: expected one of the symbols {', '.join(rules)}, got {start!r}")
        self.start, self.rules = start, {}
        for symbol, alternatives in rules.items():
            if not alternatives or not all(weight > 0 and symbols and all(symbols) for weight, symbols in alternatives):
                raise ValueError(f"rules: {symbol}: expected alternatives with positive weights and symbols in each")
            total = math.fsum(weight for weight, _ in alternatives)
            self.rules[symbol] = [(weight / total, tuple(symbols)) for weight, symbols in alternatives]
        self._refuse_left_recursion()
        self.mean_length = self._expected(lambda p, symbols: sum(len(s) for s in symbols if s not in self.rules))

    @property
    def letters(self) -> str:
        """All letters that the grammar writes, in the order of their code points."""
        ends = {s for options in self.rules.values() for _, symbols in options for s in symbols if s not in self.rules}
        return "".join(sorted(set("".join(ends))))

    def derivation_entropy(self) -> float:
        """Entropy of the choices made for one sentence, nats.

        This is the entropy of the sentence itself if no sentence has two derivations.
        """
        return self._expected(lambda p, symbols: -math.log(p))

    def _expected(self, cost):
        """The mean of the sum of cost(p, symbols) over the alternatives chosen for a sentence, by linear equations."""
        index = {symbol: i for i, symbol in enumerate(self.rules)}
        counts, costs = np.zeros((len(index), len(index))), np.zeros(len(index))
        for symbol, alternatives in self.rules.items():
            for p, symbols in alternatives:
                costs[index[symbol]] += p * cost(p, symbols)
                for successor in symbols:
                    if successor in index:
                        counts[index[symbol], index[successor]] += p
        if np.abs(np.linalg.eigvals(counts)).max() >= 1:
            raise ValueError("rules: expected sentences of finite mean length; some symbol makes more of its kind")
        return float(np.linalg.solve(np.eye(len(index)) - counts, costs)[index[self.start]])

    def _refuse_left_recursion(self):
        first = {symbol: {symbols[0] for _, symbols in options} & set(self.rules)
                 for symbol, options in self.rules.items()}
        for symbol in self.rules:
            reached, frontier = set(), first[symbol]
            while frontier:
                reached |= frontier
                frontier = set().union(*(first[other] for other in frontier)) - reached
            if symbol in reached:
                raise ValueError(f"rules: {symbol} can begin with itself; such a grammar cannot be read from the left")

    def next_letters(self, state: dict) -> dict:
        """Each letter that can follow, with its `(probability, state)`; a state is `{stack: probability}`.

        An empty stack is the end of a sentence, after which the next begins.
        """
        stacks_after, work = {}, list(state.items())
        while work:
            stack, weight = work.pop()
            top, rest = (stack[0], stack[1:]) if stack else (self.start, ())
            if top in self.rules:
                work += [(symbols + rest, weight * p) for p, symbols in self.rules[top]]
            else:
                after = ((top[1:],) if len(top) > 1 else ()) + rest
                stacks = stacks_after.setdefault(top[0], {})
                stacks[after] = stacks.get(after, 0.0) + weight
        return {letter: _normalised(stacks) for letter, stacks in stacks_after.items()}


def _normalised(stacks):
    total = math.fsum(stacks.values())
    return total, {stack: weight / total for stack, weight in stacks.items()}


def automaton(grammar: Grammar, letters: str, length: int):
    """The states that a text of `length` letters can pass, from the start of a sentence: `(next, probability)`.

    Both have the shape `(states, len(letters))`, and row 0 is the start. Both are 0 for a letter that cannot follow, or
    that would be one too many. States whose weights agree to 12 digits count as one. Raises ValueError if there are
    more than 200,000.
    """
    start, column = {(): 1.0}, {letter: i for i, letter in enumerate(letters)}
    number, rows, frontier = {_key(start): 0}, [], [start]
    for _ in range(length):
        new = []
        for state in frontier:
            row = []
            for letter, (probability, after) in grammar.next_letters(state).items():
                key = _key(after)
                if key not in number:
                    number[key] = len(number)
                    new.append(after)
                row.append((column[letter], number[key], probability))
            rows.append(row)
        if len(number) > MAX_STATES:
            raise ValueError(f"rules: more than {MAX_STATES} states within {length} letters")
        frontier = new
    following = np.zeros((len(number), len(letters)), np.int64)
    probability = np.zeros((len(number), len(letters)))
    for i, row in enumerate(rows):
        for letter, target, p in row:
            following[i, letter], probability[i, letter] = target, p
    return following, probability


def _key(state):
    return frozenset((stack, round(weight, 12)) for stack, weight in state.items())
