"""Does a bijection invert, and is its log-determinant that of its Jacobian?

For z ↦ x = f(z), `forward(z)` gives (x, log |det ∂x/∂z|) and `inverse(x)` gives (z, log |det ∂z/∂x|). In floating
point z comes back to within C·eps·(1 + |z| + |J⁻¹|·|x|), where J is the Jacobian ∂x/∂z: rounding x alone would do that
much. The Jacobian is taken by automatic differentiation, row by row.

Rezende and Mohamed, "Variational Inference with Normalizing Flows", 2015 (equation 5); Behrmann et al.,
"Understanding and Mitigating Exploding Inverses in Invertible Neural Networks", 2021.
"""

import numpy as np

from ..arrays import to_numpy
from ..autograd import Tensor, grad, no_grad, raw
from .identity_checks import Check

ROUNDING = 200.0  # C above: so many roundings add up
LARGEST = 1024  # numbers of an example: no Jacobian is formed of larger ones


def check_bijection(bijection, z):
    """Yield Checks of a bijection at points z `(n, ...)`: inverse, and the log-determinants of both directions.

    `bijection` has `forward(z)` and `inverse(x)`, and both give `(value, log_det)` with `log_det` of shape `(n,)`.
    Raises ValueError if they give something else.
    """
    z = np.asarray(to_numpy(raw(z)))
    if z.ndim < 2 or z.dtype.kind != "f" or len(z) == 0:
        raise ValueError(f"z: expected floating-point rows (n, ...), got {z.dtype} of shape {z.shape}")
    with no_grad():
        x, log_det = _apply(bijection, "forward", z)
        back, back_log_det = _apply(bijection, "inverse", x)
    if back.shape != z.shape:
        raise ValueError(f"inverse: expected shape {z.shape}, got {back.shape}")
    n, size = len(z), z[0].size
    if size > LARGEST or x[0].size != size:
        yield Check("inverse", None, f"no Jacobian of {size} to {x[0].size} numbers, so no scale for the error")
        return
    jacobian = _jacobians(bijection, z)
    values = np.linalg.svd(jacobian, compute_uv=False)
    smallest, largest = values[:, -1], values[:, 0]
    epsilon = float(np.finfo(z.dtype).eps)
    error, z_size, x_size = (np.linalg.norm(a.reshape(n, -1).astype(np.float64), axis=1) for a in (back - z, z, x))
    with np.errstate(divide="ignore"):
        bound = ROUNDING * epsilon * (1 + z_size + x_size / smallest)
    worst = int(np.argmax(np.where(np.isnan(error), np.inf, error / bound)))
    yield Check("inverse", bool((error <= bound).all()),
                f"at {n} points, largest |inverse(forward(z)) - z| {error[worst]:.1e}, tolerance {bound[worst]:.0e} "
                "from eps, |z| and the condition of the map")
    exact = np.linalg.slogdet(jacobian)[1]
    bound = ROUNDING * epsilon * (size + np.abs(exact) + largest / smallest)
    for direction, stated, sign in (("forward", log_det, 1), ("inverse", back_log_det, -1)):
        error = np.abs(stated - sign * exact)
        worst = int(np.argmax(np.where(np.isnan(error), np.inf, error / bound)))
        yield Check(f"log-determinant of {direction}", bool((error <= bound).all()),
                    f"at {n} points, largest difference from the Jacobian's {error[worst]:.1e}, tolerance "
                    f"{bound[worst]:.0e}")


def _apply(bijection, direction, values):
    result = getattr(bijection, direction)(values)
    if not isinstance(result, tuple) or len(result) != 2:
        raise ValueError(f"{direction}: expected (value, log_det), got {type(result).__name__}")
    value, log_det = (np.asarray(to_numpy(raw(array))) for array in result)
    if value.shape[:1] != values.shape[:1] or log_det.shape != values.shape[:1]:
        raise ValueError(f"{direction}: expected a value and log_det of {len(values)} rows, "
                         f"got shapes {value.shape} and {log_det.shape}")
    return value, log_det.astype(np.float64)


def _jacobians(bijection, z):
    """∂x/∂z at all points, float64 `(n, size, size)`. Rows are independent, so that one sweep serves all points."""
    z = Tensor(z)
    x = bijection.forward(z)[0]
    n, size = len(z.data), z.data[0].size
    rows = x.reshape((n, size))
    jacobian = np.empty((n, size, size))
    for column in range(size):
        jacobian[:, column] = grad(rows[:, column].sum(), z, retain_graph=True).reshape(n, size)
    return jacobian
