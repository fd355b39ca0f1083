"""From a name to a source, and to a data set drawn from it."""

import importlib

from ..data import Dataset
from ..protocols import nearest
from .source import Source

# Where the class of each source lives, and parameters that differ from its defaults; imported when asked for.
_SOURCES = {
    "audio": ("audio", "Audio", {}),
    "bayes_net": ("bayes_net", "BayesNet", {}),
    "checkerboard": ("checkerboard", "Checkerboard", {}),
    "eight_gaussians": ("gaussians", "EightGaussians", {}),
    "funnel": ("warped", "Funnel", {}),
    "ising": ("ising", "Ising", {}),
    "ising_free": ("ising", "Ising", {"periodic": False}),
    "linear_factors": ("linear_factors", "LinearFactors", {}),
    "markov1": ("letters", "LetterChain", {"order": 1}),
    "markov2": ("letters", "LetterChain", {"order": 2}),
    "markov3": ("letters", "LetterChain", {"order": 3}),
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
    """The class of a source; ValueError for an unknown name, with the nearest that there is."""
    module, attribute, _ = _entry(name)
    return getattr(importlib.import_module(f"{__package__}.{module}"), attribute)


def create(name: str, **parameters) -> Source:
    """The source of a name in `available()`, with other parameters of its class where given.

    Raises ValueError for an unknown name, TypeError for a parameter that the class does not have.
    """
    source = source_class(name)(**{**_entry(name)[2], **parameters})
    source.name = name
    return source


def load(name: str, seed: int = 0, n_train: int = 10_000, n_validation: int = 1_000, n_test: int = 10_000) -> Dataset:
    """Fresh draws from the source of a name, as a `data.Dataset` of the name "known:NAME"; see `Source.dataset`."""
    return create(name).dataset(seed, n_train, n_validation, n_test)


def _entry(name):
    if name not in _SOURCES:
        raise ValueError(f"known: unknown source {name!r}{nearest(name, _SOURCES)}")
    return _SOURCES[name]
