"""minigen: deep generative models on NumPy, with an automatic differentiation engine of their own."""

import importlib as _importlib

from . import ops
from .autograd import (
    AnomalyError,
    GradientError,
    GraphError,
    Parameter,
    Primitive,
    Tensor,
    check_grads,
    detect_anomaly,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    no_grad,
    primitive,
    stop_gradient,
    value_and_grad,
    vjp,
)

__version__ = "0.2.0"

_FOLDERS = (
    "arrays", "cli", "data", "distributions", "evaluation", "inference", "known", "layers", "models", "optim",
    "plotting", "training",
)
_ELSEWHERE = {
    "DataSpec": "protocols:DataSpec", "Generator": "arrays:Generator", "load": "training:load",
    "random": "arrays.random",
}

__all__ = [
    "AnomalyError", "GradientError", "GraphError", "Parameter", "Primitive", "Tensor", "check_grads",
    "detect_anomaly", "grad", "hessian", "hvp", "jacobian", "jvp", "no_grad", "ops", "primitive", "stop_gradient",
    "value_and_grad", "vjp", *_FOLDERS, *_ELSEWHERE,
]


def __getattr__(name):
    """Import a folder, or a name that lives in one, when it is first used: `import minigen` stays quick."""
    path = name if name in _FOLDERS else _ELSEWHERE.get(name)
    if path is None:
        raise AttributeError(f"module minigen has no attribute {name!r}")
    module, _, attribute = path.partition(":")
    value = _importlib.import_module(f"minigen.{module}")
    value = getattr(value, attribute) if attribute else value
    globals()[name] = value
    return value


def __dir__():
    return sorted(__all__)
