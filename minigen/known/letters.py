"""Chains of letters whose probabilities come from a page of English."""

import numpy as np

from ..arrays.checks import integer, positive_number
from .markov import Markov

CHARACTERS = " abcdefghijklmnopqrstuvwxyz"
PAGE = """
the harbour was quiet before the sun came up and the only sound was the water moving under the boats an old man
walked along the stones with a lamp in his hand and a small dog at his side every morning he looked at the ropes and
the nets and every morning he found that nothing had changed in the night he liked it that way when the light came
over the hill he would put out the lamp and sit down on a wooden box to wait for the others they came one after
another some of them still half asleep and they talked about the weather and the price of fish while they pulled
their boats into the water the man did not go out to sea any more his eyes were too weak for that but he knew where
the fish were better than anyone and the young people asked him what he thought go north he would say there is a cold
stream near the long rock and they will be there before noon most of the time he was right then the boats were gone
and it was quiet again the children came next on their way to school they threw a stick for the dog and asked for a
story he had many of them about storms and about islands that no one had seen since about a whale that followed his
ship for three days as if it wanted to learn something from the men on board the children never believed him and they
always came back in the afternoon he mended nets with slow and careful hands each knot the same as the one before it
is good work he thought because you can see what you have done at the end of the day in the evening the boats returned
with lights on their masts like a row of low stars he counted them as they passed the wall and only when the last one
was in did he take his lamp and his dog and go home
"""


class LetterChain(Markov):
    """Text in which each letter depends on a few letters before it, as in a page of English.

    Letters and spaces follow each other as on that page, given contexts of `order` letters. The probability of a letter
    after a context is its count there, pulled towards its probability after the context that is one letter shorter, as
    if this had been counted `smoothing` times, and so on down to equal probabilities: every window has a positive
    probability. Source: MacKay and Peto, "A hierarchical Dirichlet language model" (1995). Raises TypeError or
    ValueError unless order is 1 to 4, smoothing > 0 and length >= 1.
    """

    def __init__(self, order: int = 2, smoothing: float = 0.5, length: int = 64):
        integer("order", order, 1, 4)
        super().__init__(CHARACTERS, letter_probabilities(order, positive_number("smoothing", smoothing)), length)


def letter_probabilities(order, smoothing) -> np.ndarray:
    """p(letter | the `order` letters before), shape `(27,) * (order + 1)`; after the page's end its start follows."""
    numbers = np.array([CHARACTERS.index(character) for character in " ".join(PAGE.split()) + " "])
    levels = len(CHARACTERS)
    p = np.full(levels, 1 / levels)
    for k in range(order + 1):
        counts = np.zeros((levels,) * (k + 1))
        np.add.at(counts, tuple(np.roll(numbers, k - j) for j in range(k + 1)), 1.0)
        p = (counts + smoothing * p) / (counts.sum(axis=-1, keepdims=True) + smoothing)
    return p
