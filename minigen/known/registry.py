"""From a name to a source, and to a data set drawn from it."""

import importlib

from ..data import Dataset
from ..protocols import nearest
from .source import Source

# For each name: the module and the class of the source (imported when asked for), parameters that differ from the
# class's defaults, and where several names share a class one sentence that says what this one is.
_SOURCES = {
    "audio": ("audio", "Audio", {}),
    "bayes_net": ("bayes_net", "BayesNet", {}),
    "checkerboard": ("checkerboard", "Checkerboard", {}),
    "eight_gaussians": ("gaussians", "EightGaussians", {}),
    "funnel": ("warped", "Funnel", {}),
    "ising": ("ising", "Ising", {}, "Black-and-white images from the Ising model on a torus, where neighbours tend to "
                                    "agree, also across opposite edges"),
    "ising_free": ("ising", "Ising", {"periodic": False}, "Black-and-white images from the Ising model with free "
                                                          "edges, where neighbours tend to agree"),
    "linear_factors": ("linear_factors", "LinearFactors", {}),
    "markov1": ("letters", "LetterChain", {"order": 1}, "Text in which a letter depends on the letter before"),
    "markov2": ("letters", "LetterChain", {"order": 2}, "Text in which a letter depends on the two letters before"),
    "markov3": ("letters", "LetterChain", {"order": 3}, "Text in which a letter depends on the three letters before"),
    "moons": ("arcs", "Moons", {}),
    "pinwheel": ("warped", "Pinwheel", {}),
    "rings": ("rings", "Rings", {}),
    "sentences": ("sentences", "Sentences", {}),
    "spirals": ("arcs", "Spirals", {}),
    "stroke_digits": ("stroke_digits", "StrokeDigits", {}),
    "twenty_five_gaussians": ("gaussians", "TwentyFiveGaussians", {}),
    "warped_gaussian": ("warped", "WarpedGaussian", {}),
}


def available() -> list[str]:
    """The names of the sources."""
    return sorted(_SOURCES)


def source_class(name: str):
    """The class of a source. Raises ValueError for an unknown name and names the nearest known one."""
    module, attribute = _entry(name)[:2]
    return getattr(importlib.import_module(f"{__package__}.{module}"), attribute)


def describe(name: str) -> str:
    """What a source is, in one sentence without a full stop. Raises ValueError for an unknown name."""
    entry = _entry(name)
    if len(entry) > 3:
        return entry[3]
    first_paragraph = " ".join(source_class(name).__doc__.split("\n\n")[0].split())
    return first_paragraph.split(". ")[0].removesuffix(".")


def create(name: str, **parameters) -> Source:
    """The source of a name in `available()`; `parameters` replace its class's defaults.

    Raises ValueError for an unknown name and TypeError for a parameter that the class does not have.
    """
    source = source_class(name)(**{**_entry(name)[2], **parameters})
    source.name = name
    return source


def load(name: str, seed: int = 0, n_train: int = 10_000, n_validation: int = 1_000, n_test: int = 10_000) -> Dataset:
    """Fresh examples from the source of a name, as a `data.Dataset` of the name "known:NAME"; see `Source.dataset`."""
    return create(name).dataset(seed, n_train, n_validation, n_test)


def _entry(name):
    if name not in _SOURCES:
        raise ValueError(f"known: unknown source {name!r}{nearest(name, _SOURCES)}")
    return _SOURCES[name]
