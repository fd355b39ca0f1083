"""Reverse-mode automatic differentiation.

Read in this order: `tensor` (arrays that know the node that made them), `primitive` (a function and its rule), `sweep`
(from an output's cotangent to the gradients), `transforms` (Jacobians, Hessians and products with them),
`gradient_check` (gradients against differences). `structure` takes nested lists and dicts apart; `anomaly` finds the op
that made a NaN; `observe` lets a caller see each op.
"""

from .anomaly import AnomalyError, detect_anomaly
from .gradient_check import GradientError, check_grads
from .primitive import Primitive, primitive, registry
from .sweep import GraphError, grad, no_grad
from .tensor import Leaf, Node, Parameter, Tensor, raw, stop_gradient, xp_of
from .transforms import hessian, hvp, jacobian, jvp, value_and_grad, vjp

__all__ = [
    "AnomalyError", "GradientError", "GraphError", "Leaf", "Node", "Parameter", "Primitive", "Tensor", "check_grads",
    "detect_anomaly", "grad", "hessian", "hvp", "jacobian", "jvp", "no_grad", "primitive", "raw", "registry",
    "stop_gradient", "value_and_grad", "vjp", "xp_of",
]
