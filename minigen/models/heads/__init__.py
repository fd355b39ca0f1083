"""Heads: what the last axis of a network's output means, as a distribution.

Read `head.py` first, which says what a head is; then `bernoulli.py`, the shortest. `codes.py` says how a value goes
back into a network. How each head draws in a compiled sampler stands in `kernels/heads.py`; tests hold the two equal.

    head                           values
    BernoulliHead()                0 and 1
    CategoricalHead(levels)        0 … levels - 1
    NormalHead()                   real numbers; the network says mean and scale
    FixedNormalHead(scale)         real numbers; the network says the mean, the scale is a constant
    SharedNormalHead()             real numbers; the network says the mean, the scale is one learned number
    MixtureHead(components)        real numbers, from a mixture of normal, Laplace or logistic distributions
    PixelMixtureHead(…)            the colours of a pixel, each 0 … levels - 1
"""

from .bernoulli import BernoulliHead
from .categorical import CategoricalHead, integer_head
from .codes import Number, OneHot, Scaled
from .head import Head
from .mixture import FAMILIES, MixtureHead
from .normal import FixedNormalHead, NormalHead, SharedNormalHead
from .pixel_mixture import PixelMixture, PixelMixtureHead

__all__ = [
    "FAMILIES", "BernoulliHead", "CategoricalHead", "FixedNormalHead", "Head", "MixtureHead", "NormalHead", "Number",
    "OneHot", "PixelMixture", "PixelMixtureHead", "Scaled", "SharedNormalHead", "integer_head",
]
