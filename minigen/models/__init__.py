"""The generative models, one file a system, found by their registry key."""

from .registry import available, create, key_of, model_class

__all__ = ["available", "create", "key_of", "model_class"]
