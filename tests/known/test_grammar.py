"""Grammars read letter by letter, against enumeration of all derivations."""

from collections import Counter

import numpy as np
import pytest

from known.laws import entropy, fit_p_value
from minigen.known.grammar import Grammar, automaton
from minigen.known.sentences import RULES, Sentences

GRAMMARS = {
    "one clause in another": {"S": [(2, ("a", "S", "b")), (3, ("c.",))]},
    "words with common beginnings": {"S": [(1, ("W", " ", "S")), (2, ("W", "."))],
                                     "W": [(1, ("ab",)), (2, ("abc",)), (1, ("ac",))]},
    "two derivations of one text": {"S": [(1, ("A", "B")), (1, ("ab", "B"))], "A": [(1, ("a", "b")), (1, ("b",))],
                                    "B": [(1, (".",)), (1, ("a.",))]},
}


def prefixes(rules, length):
    """The probability of each text's first `length` letters, by carrying out every derivation."""
    totals, work = Counter(), [(1.0, "", ("S",))]
    while work:
        p, text, pending = work.pop()
        if len(text) >= length:
            totals[text[:length]] += p
        elif not pending:
            work.append((p, text, ("S",)))
        elif pending[0] in rules:
            total = sum(weight for weight, _ in rules[pending[0]])
            work += [(p * weight / total, text, (*parts, *pending[1:])) for weight, parts in rules[pending[0]]]
        else:
            work.append((p, text + pending[0], pending[1:]))
    return totals


@pytest.mark.parametrize("key", GRAMMARS)
@pytest.mark.parametrize("length", [1, 4, 7])
def test_all_texts(key, length):
    source, expected = Sentences(length, GRAMMARS[key], "S"), prefixes(GRAMMARS[key], length)
    texts = list(expected)
    x = np.stack([source.codec.encode(text) for text in texts])[:, :, None]
    p = np.array(list(expected.values()))
    assert abs(p.sum() - 1) < 1e-12  # of the enumeration itself
    np.testing.assert_allclose(source.log_prob(x), np.log(p), rtol=1e-10, atol=1e-10)
    assert abs(source.entropy() - entropy(p)) < 1e-10
    samples = Counter(source.codec.decode(row) for row in source.sample(20_000, 5))
    assert set(samples) <= set(texts)
    assert len(texts) == 1 or fit_p_value([samples[text] for text in texts], p) > 1e-4
    wrong = x.copy()
    wrong[:, 0] = source.codec.encode(".")[0]  # no sentence begins so
    np.testing.assert_array_equal(source.log_prob(wrong), -np.inf)


def test_one_letter_alone():
    source = Sentences(3, {"S": [(1, ("a",))]}, "S")
    assert source.spec.levels == 2 and source.entropy() == 0
    np.testing.assert_array_equal(source.log_prob([[[0]] * 3, [[0], [1], [0]]]), [0, -np.inf])


def test_mean_length_and_entropy_of_a_sentence():
    # aⁿ c. bⁿ with n geometric: p(n) = 0.6 · 0.4ⁿ.
    grammar, n = Grammar(GRAMMARS["one clause in another"], "S"), np.arange(200)
    p = 0.6 * 0.4**n
    assert abs(grammar.mean_length - (p * (2 + 2 * n)).sum()) < 1e-9
    assert abs(grammar.derivation_entropy() - entropy(p)) < 1e-9


def test_entropy_rate_is_what_a_letter_adds_in_the_end():
    for rules, start, length in ((GRAMMARS["words with common beginnings"], "S", 80), (RULES, "TEXT", 120)):
        shorter, longer = Sentences(length - 10, rules, start), Sentences(length, rules, start)
        assert abs((longer.entropy() - shorter.entropy()) / 10 - longer.entropy_rate()) < 5e-4


def test_states_are_few():
    following, probability = automaton(Grammar(GRAMMARS["words with common beginnings"], "S"), " .abc", 40)
    assert len(following) < 10
    np.testing.assert_allclose(probability.sum(axis=1), 1)


@pytest.mark.parametrize(("good", "bad"), [
    ("the dog sleeps. ", "the dog sleep. "), ("the dogs sleep. ", "the dogs sleeps. "),
    ("every dog that the birds see sings. ", "every dog that the birds sees sings. "),
    ("two cats that the boy that the girls like hears run. ", "two cats that the boy that the girls like hears runs."),
    ("a small horse near the gate waits. two ", "a small horse near the gate wait. two "),
    ("a dog sees many big cats that sleep, and a cat laughs", "a dog sees many big cats that sleeps, and a cat laugh"),
    ("the boys wait when the farmer sings. ", "the boys wait when the farmer sing. "),
])
def test_sentences_agree_in_number(good, bad):
    source = Sentences(len(good))
    x = np.stack([source.codec.encode(text.ljust(len(good))[: len(good)]) for text in (good, bad)])[:, :, None]
    log_p = source.log_prob(x)
    assert np.isfinite(log_p[0]) and log_p[1] == -np.inf


def test_sampled_sentences_are_made_of_the_words():
    source = Sentences(200)
    words = {w for options in RULES.values() for _, parts in options for part in parts if part not in RULES
             for w in part.replace(",", " ").replace(".", " ").split()}
    for row in source.sample(50, 3):
        text = source.codec.decode(row)
        assert set(text.replace(",", " ").replace(".", " ").split()[:-1]) <= words
        assert "  " not in text and " ." not in text


@pytest.mark.parametrize(("rules", "words"), [
    ({"S": [(1, ("S", "a"))]}, "S can begin with itself"),
    ({"S": [(1, ("A", "a"))], "A": [(1, ("b",)), (1, ("S",))]}, "can begin with itself"),
    ({"S": [(1, ("a", "S", "S")), (1, ("b",))]}, "finite mean length"), ({"S": []}, "S: expected alternatives"),
    ({"S": [(1, ())]}, "S: expected alternatives"), ({"S": [(0, ("a",))]}, "S: expected alternatives"),
    ({"S": [(1, ("",))]}, "S: expected alternatives"), ({"A": [(1, ("a",))]}, "start: expected one of the symbols A"),
])
def test_wrong_grammars_are_refused(rules, words):
    with pytest.raises(ValueError, match=words):
        Grammar(rules, "S")


def test_too_many_states_are_refused(monkeypatch):
    from minigen.known import grammar

    monkeypatch.setattr(grammar, "MAX_STATES", 20)
    with pytest.raises(ValueError, match="more than 20 states within 64 letters"):
        Sentences()
