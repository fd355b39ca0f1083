"""Probabilistic context-free grammars read letter by letter: the law of the next letter after any beginning.

A grammar without left recursion is read from the left by a pushdown automaton. Its configuration is the stack of
symbols that are still to come; letters so far leave several stacks possible, and the weights of those, normalised, are
the *state*: all that the past says about the future. Taken letter by letter the grammar is then a deterministic
automaton with probabilities on its edges, and the probability of a text is a product along one path.

Source: Hopcroft, Motwani, Ullman, "Introduction to Automata Theory", section 6.3 (the stack); Jelinek and Lafferty,
"Computation of the probability of initial substring generation by stochastic context-free grammars" (1991), for the
quantity.
"""

import math

import numpy as np

MAX_STATES = 200_000


class Grammar:
    """Rules `{symbol: [(weight, (symbol, ...)), ...]}`; a string that is no key of `rules` stands for its letters.

    Weights of a symbol's alternatives are divided by their sum. Raises ValueError for an alternative that is empty or
    has a weight not above 0, for left recursion, and for a grammar whose sentences have no finite mean length.
    """

    def __init__(self, rules: dict, start: str):
        if start not in rules:
            raise ValueError(f"start: expected one of the symbols {', '.join(rules)}, got {start!r}")
        self.start, self.rules = start, {}
        for symbol, alternatives in rules.items():
            if not alternatives or not all(weight > 0 and parts and all(parts) for weight, parts in alternatives):
                raise ValueError(f"rules: {symbol}: expected alternatives with positive weights and symbols in each")
            total = math.fsum(weight for weight, _ in alternatives)
            self.rules[symbol] = [(weight / total, tuple(parts)) for weight, parts in alternatives]
        self._refuse_left_recursion()
        self.mean_length = self._expected(lambda p, parts: sum(len(s) for s in parts if s not in self.rules))

    @property
    def letters(self) -> str:
        """All letters that the grammar writes, in the order of their code points."""
        ends = {s for options in self.rules.values() for _, parts in options for s in parts if s not in self.rules}
        return "".join(sorted(set("".join(ends))))

    def derivation_entropy(self) -> float:
        """Entropy of the choices made for one sentence, nats: the sentence's own if none has two derivations."""
        return self._expected(lambda p, parts: -math.log(p))

    def _expected(self, cost):
        """The mean of the sum of cost(p, parts) over the alternatives chosen for a sentence, by linear equations."""
        place = {symbol: i for i, symbol in enumerate(self.rules)}
        counts, costs = np.zeros((len(place), len(place))), np.zeros(len(place))
        for symbol, alternatives in self.rules.items():
            for p, parts in alternatives:
                costs[place[symbol]] += p * cost(p, parts)
                for part in parts:
                    if part in place:
                        counts[place[symbol], place[part]] += p
        if np.abs(np.linalg.eigvals(counts)).max() >= 1:
            raise ValueError("rules: expected sentences of finite mean length; some symbol makes more of its kind")
        return float(np.linalg.solve(np.eye(len(place)) - counts, costs)[place[self.start]])

    def _refuse_left_recursion(self):
        first = {symbol: {parts[0] for _, parts in options} & set(self.rules) for symbol, options in self.rules.items()}
        for symbol in self.rules:
            reached, frontier = set(), first[symbol]
            while frontier:
                reached |= frontier
                frontier = set().union(*(first[other] for other in frontier)) - reached
            if symbol in reached:
                raise ValueError(f"rules: {symbol} can begin with itself; such a grammar cannot be read from the left")

    def next_letters(self, state: dict) -> dict:
        """From each letter that can follow to `(probability, state)`; a state is `{stack: probability}`.

        An empty stack is the end of a sentence, after which the next begins.
        """
        found, work = {}, list(state.items())
        while work:
            stack, weight = work.pop()
            top, rest = (stack[0], stack[1:]) if stack else (self.start, ())
            if top in self.rules:
                work += [(parts + rest, weight * p) for p, parts in self.rules[top]]
            else:
                after = ((top[1:],) if len(top) > 1 else ()) + rest
                stacks = found.setdefault(top[0], {})
                stacks[after] = stacks.get(after, 0.0) + weight
        return {letter: _normalised(stacks) for letter, stacks in found.items()}


def _normalised(stacks):
    total = math.fsum(stacks.values())
    return total, {stack: weight / total for stack, weight in stacks.items()}


def automaton(grammar: Grammar, letters: str, length: int):
    """The states that `length` letters can pass, from the start of a sentence: `(next, probability)`.

    Both have the shape `(states, len(letters))`; row 0 is the start; `next` is 0 and `probability` 0 for a letter that
    cannot follow, or that would be one too many. States whose weights agree to 12 digits are one. Raises ValueError
    if there are more than 200,000.
    """
    start, place = {(): 1.0}, {letter: i for i, letter in enumerate(letters)}
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
                row.append((place[letter], number[key], probability))
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
