"""Known truth: sources of data whose exact log-density and entropy are known.

A model that is trained on one can be told how far it is from the truth: KL(data ‖ model) = E[log p(x)] - E[log q(x)],
a number in nats that real data never give. `create(name)` makes a source, `load(name)` a data set of its examples,
`available()` lists the names and `describe(name)` says what one is. Each class, with its parameters, stands in a module
of this folder. Read `source.py` first, then a short one such as `checkerboard.py`; `planar.py` has what sources of
points in the plane share, and `grammar.py` what `sentences.py` needs.
"""

from .registry import available, create, describe, load, source_class
from .source import Source

__all__ = ["Source", "available", "create", "describe", "load", "source_class"]
