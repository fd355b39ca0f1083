"""What a trained model is worth on data that it has not seen."""

from .likelihood import evaluate, per_example, summarise, validation_score

__all__ = ["evaluate", "per_example", "summarise", "validation_score"]
