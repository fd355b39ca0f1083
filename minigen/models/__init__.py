"""The generative models, one file a system, found by their registry key."""

from .registry import available, create, model_class

__all__ = ["available", "create", "model_class"]
