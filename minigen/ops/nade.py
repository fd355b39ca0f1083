"""The pass of the neural autoregressive density estimator as one op."""

from .. import kernels
from ..arrays import array_module
from ..autograd.primitive import primitive
from ..autograd.tensor import raw
from .activations import sigmoid
from .reductions import cumsum
from .shape import concatenate, reshape


@primitive(residuals=("table", "c", "v", "x", "levels"))
def nade_logits(table, c, v, b, /, x, levels):
    """Logits `(batch, D, K)` of D variables, each given those before it.

        logits_d = sigmoid(c + Σ_{i<d} table_i[xᵢ]) @ v_dᵀ + b_d

    x `(batch, D)` holds integers 0 … levels - 1, `table` `(D, levels, H)` a row for each value (or one row fewer:
    value 0 then adds nothing), c `(H,)`, v `(D, K, H)`, b `(D, K)`. Larochelle and Murray (2011), algorithm 1; Uria
    et al., "Neural Autoregressive Distribution Estimation", 2016, section 2. Raises ValueError for shapes that do not
    fit.
    """
    variables, rows, width = table.shape if table.ndim == 3 else (0, 0, 0)
    if rows not in (levels - 1, levels) or c.shape != (width,) or v.shape != (variables, v.shape[1], width) \
            or b.shape != v.shape[:2] or x.shape[1:] != (variables,):
        raise ValueError(f"nade_logits: expected table (D, {levels - 1} or {levels}, H), c (H,), v (D, K, H), b (D, K) "
                         f"and x (batch, D), got {table.shape}, {c.shape}, {v.shape}, {b.shape} and {x.shape}")
    return kernels.nade_logits(table, c, v, b, x, levels)


@nade_logits.defvjp
def _(g, residuals, needed):
    return kernels.nade_logits_vjp(g, *residuals)


@nade_logits.defcomposite
def _(table, c, v, b, x, levels):
    xp, rows = array_module(raw(table)), table.shape[1]
    first = levels - rows
    chosen = (x[:, :, None] == xp.arange(first, levels)).astype(table.dtype)  # (batch, D, rows)
    added = (chosen[..., None] * table).sum(axis=2)
    before = concatenate([0 * added[:, :1], cumsum(added, 1)[:, :-1]], 1)
    hidden = sigmoid(before + c)
    return reshape(hidden[:, :, None, :] * v, (*hidden.shape[:2], v.shape[1], c.shape[0])).sum(axis=-1) + b
