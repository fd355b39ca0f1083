"""The generative models: what each may offer (`model.py`), which data it takes, and one file for each by family.

Read `model.py` first, then `density/gaussian.py` (a model that fits itself), `latent/vae.py` (one that learns by
gradients) and `autoregressive/made.py`. `registry.py` finds a model by its key.
"""

from .model import Model, NoSettings
from .objective import Objective
from .registry import available, create, key_of, model_class
from .takes import Takes

__all__ = ["Model", "NoSettings", "Objective", "Takes", "available", "create", "key_of", "model_class"]
