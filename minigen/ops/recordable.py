"""Rules that run as one fused kernel on plain arrays and can still be differentiated."""

from ..autograd.tensor import Tensor


def recordable(kernel, formula=None):
    """A function: the kernel where all arguments are plain arrays; `formula` of them where one is a Tensor.

    `formula` is the same function in operators and ops, so that it records itself; left out, it is the kernel's
    reference, which must then be written in operators alone.
    """
    formula = formula or kernel.reference

    def rule(*args):
        for x in args:
            if isinstance(x, Tensor):
                return formula(*args)
        return kernel(*args)

    return rule
