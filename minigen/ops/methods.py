"""Gives Tensor its operators and array methods."""

from ..autograd.tensor import Tensor
from . import arithmetic, elementwise, indexing, linalg, reductions, selection, shape


def _reflected(op):
    return lambda self, other: op(other, self)


Tensor.__add__ = Tensor.__radd__ = arithmetic.add
Tensor.__sub__, Tensor.__rsub__ = arithmetic.subtract, _reflected(arithmetic.subtract)
Tensor.__mul__ = Tensor.__rmul__ = arithmetic.multiply
Tensor.__truediv__, Tensor.__rtruediv__ = arithmetic.divide, _reflected(arithmetic.divide)
Tensor.__pow__, Tensor.__rpow__ = arithmetic.power, _reflected(arithmetic.power)
Tensor.__matmul__, Tensor.__rmatmul__ = linalg.matmul, _reflected(linalg.matmul)
Tensor.__neg__, Tensor.__abs__ = arithmetic.negative, elementwise.abs
Tensor.__getitem__ = indexing.getitem

for _method in (reductions.sum, reductions.mean, reductions.var, reductions.max, reductions.min, reductions.cumsum,
                selection.clip, elementwise.astype):
    setattr(Tensor, _method.__name__, _method)


def _reshape(self, *shape_):
    """The same elements in another shape, given as a tuple or as separate integers."""
    return shape.reshape(self, shape_[0] if len(shape_) == 1 else shape_)


def _transpose(self, *axes):
    """The axes in another order, given as a tuple or as separate integers; reversed when none is given."""
    return shape.transpose(self, (axes[0] if len(axes) == 1 else axes) if axes else None)


Tensor.reshape, Tensor.transpose = _reshape, _transpose
Tensor.T = property(lambda self: shape.transpose(self), doc="The axes reversed.")
