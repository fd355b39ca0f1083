"""Known truth: sources of data whose exact log-density and entropy are known.

A model that is trained on one can be told how far it is from the truth: KL(data ‖ model) = E[log p(x)] - E[log q(x)],
a number in nats that real data never give. `create(name)` makes a source, `load(name)` a data set drawn from it, and
`available()` lists the names; the classes, with their parameters, live in the modules of this folder.
"""

from .registry import available, create, load, source_class
from .source import Source

__all__ = ["Source", "available", "create", "load", "source_class"]
