"""Optimisers on one flat array of parameters, and what goes with them: schedules, clipping, averages."""

from . import schedules
from .adam import Adam, AdamW
from .average import ExponentialMovingAverage
from .buffer import ParameterBuffer
from .clipping import clip_by_global_norm, clip_scale, global_norm
from .create import available, create
from .optimizer import Optimizer
from .rmsprop import RMSProp
from .sgd import SGD

__all__ = [
    "SGD", "Adam", "AdamW", "ExponentialMovingAverage", "Optimizer", "ParameterBuffer", "RMSProp", "available",
    "clip_by_global_norm", "clip_scale", "create", "global_norm", "schedules",
]
