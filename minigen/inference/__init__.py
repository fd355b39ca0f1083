"""Inference: expectation-maximisation."""

from .em import EMError, ExpectationMaximisation, em_restarts, em_steps

__all__ = ["EMError", "ExpectationMaximisation", "em_restarts", "em_steps"]
