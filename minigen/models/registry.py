"""From a registry key to a model."""

import dataclasses
import importlib

from ..protocols import DataSpec, nearest

# Family and key of each model, and where its class lives; a model is imported when it is asked for.
_MODELS = {
    "density": {
        "gaussian": ("gaussian", "Gaussian"),
        "gmm": ("gmm", "GaussianMixture"),
        "kde": ("kde", "KernelDensity"),
        "naive_bayes": ("naive_bayes", "NaiveBayes"),
        "logistic_regression": ("logistic_regression", "LogisticRegression"),
        "hmm": ("hmm", "HiddenMarkovModel"),
        "ppca": ("ppca", "ProbabilisticPCA"),
        "bernoulli_mixture": ("bernoulli_mixture", "BernoulliMixture"),
    },
    "autoregressive": {
        "fvsbn": ("fvsbn", "FVSBN"),
        "gated_pixel_cnn": ("gated_pixel_cnn", "GatedPixelCNN"),
        "made": ("made", "MADE"),
        "multiscale_pixel_cnn": ("multiscale_pixel_cnn", "MultiscalePixelCNN"),
        "nade": ("nade", "NADE"),
        "pixel_cnn": ("pixel_cnn", "PixelCNN"),
        "pixel_cnn_pp": ("pixel_cnn_pp", "PixelCNNPP"),
        "rnade": ("rnade", "RNADE"),
    },
    "latent": {"vae": ("vae", "VAE")},
}


def available() -> dict[str, list[str]]:
    """The registry keys by family."""
    return {family: sorted(members) for family, members in _MODELS.items()}


def model_class(key: str):
    """The class of a model; its attribute `Config` is the dataclass of its settings.

    Raises ValueError for an unknown key, naming the nearest.
    """
    for family, members in _MODELS.items():
        if key in members:
            module, name = members[key]
            return getattr(importlib.import_module(f"{__package__}.{family}.{module}"), name)
    keys = [member for members in _MODELS.values() for member in members]
    raise ValueError(f"model: unknown key {key!r}{nearest(key, keys)}")


def key_of(model) -> str | None:
    """The registry key of a model or of a model's class, or None if it is not registered; imports nothing."""
    kind = model if isinstance(model, type) else type(model)
    location = kind.__module__, kind.__qualname__
    for family, members in _MODELS.items():
        for key, (module, name) in members.items():
            if location == (f"{__package__}.{family}.{module}", name):
                return key
    return None


def create(key: str, spec: DataSpec, *, rng=0, **config):
    """A model with freshly drawn parameters for data like `spec`.

    `config` are fields of the model's `Config`, `rng` draws the parameters. Raises ValueError for an unknown key or
    field (naming the nearest), a field of the wrong type or range, or data that the model cannot take.
    """
    chosen = model_class(key)
    names = [field.name for field in dataclasses.fields(chosen.Config)]
    for name in config:
        if name not in names:
            raise ValueError(f"{key}: unknown setting {name!r}{nearest(name, names)}")
    return chosen(spec, chosen.Config(**config), rng=rng)
