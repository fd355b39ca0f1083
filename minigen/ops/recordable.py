"""Rules that run as one fused kernel on plain arrays and can still be differentiated."""

from ..autograd.tensor import Tensor


def recordable(kernel, formula=None):
    """A function of g and residuals: the kernel if they are plain arrays and large, and `formula` otherwise.

    `formula` is the same function in operators and ops, so that it records itself. If it is left out, it is the
    kernel's reference, which then has to be written in operators alone.
    """
    formula = formula or kernel.reference

    def rule(g, *others):
        if g.size < kernel.above or isinstance(g, Tensor) or any(isinstance(x, Tensor) for x in others):
            return formula(g, *others)
        return kernel(g, *others)

    return rule
