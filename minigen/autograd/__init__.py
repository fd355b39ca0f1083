"""Reverse-mode automatic differentiation: tensors, primitives, the sweep, and what is built on it."""

from .anomaly import AnomalyError, detect_anomaly
from .check import GradientError, check_grads
from .primitive import Primitive, primitive, registry
from .sweep import GraphError, grad, no_grad
from .tensor import Leaf, Node, Parameter, Tensor, stop_gradient
from .transforms import hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = [
    "AnomalyError", "GradientError", "GraphError", "Leaf", "Node", "Parameter", "Primitive", "Tensor", "check_grads",
    "detect_anomaly", "grad", "hessian", "hvp", "jacobian", "jvp", "no_grad", "primitive", "registry",
    "stop_gradient", "value_and_grad", "vjp",
]
