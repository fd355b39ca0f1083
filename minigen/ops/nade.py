"""The pass of the neural autoregressive density estimator as one op."""

from .. import kernels
from ..arrays import array_module
from ..autograd import raw
from ..autograd.primitive import primitive
from ..kernels.machinery.examples import Example
from .activations import sigmoid
from .reductions import cumsum
from .shape import concatenate, reshape


@primitive(residuals=("table", "c", "v", "x", "levels"))
def nade_logits(table, c, v, b, /, x, levels):
    """Logits `(batch, D, K)` of D variables, each given those before it.

        logits_d = sigmoid(c + Σ_{i<d} table_i[xᵢ]) @ v_dᵀ + b_d

    x `(batch, D)` holds integers 0 … levels - 1, `table` `(D, levels, H)` a row for each value (or one row fewer:
    value 0 then adds nothing), v `(D, K, H)`, b `(D, K)`, and c `(H,)`, or `(batch, H)` where it differs between
    examples. Larochelle and Murray (2011), algorithm 1; Uria et al., "Neural Autoregressive Distribution Estimation",
    2016, section 2. Raises ValueError for shapes that do not fit.
    """
    variables, rows, width = table.shape if table.ndim == 3 else (0, 0, 0)
    fits = (rows in (levels - 1, levels) and c.shape in ((width,), (len(x), width)) and x.shape[1:] == (variables,)
            and v.shape == (variables, v.shape[1], width) and b.shape == v.shape[:2])
    if not fits:
        raise ValueError(f"nade_logits: expected table (D, {levels - 1} or {levels}, H), c (H,) or (batch, H), "
                         f"v (D, K, H), b (D, K) and x (batch, D), got {table.shape}, {c.shape}, {v.shape}, {b.shape} "
                         f"and {x.shape}")
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
    start = reshape(c, (len(x), 1, c.shape[1])) if c.ndim == 2 else c
    hidden = sigmoid(before + start)  # (batch, D, H)
    return reshape(hidden[:, :, None, :] * v, (*hidden.shape[:2], v.shape[1], c.shape[-1])).sum(axis=-1) + b


@nade_logits.example(scalars=False)
def _(make):
    """The pre-activation may start from one row for all examples, or from one for each."""
    variables, hidden, levels = make.extent(), make.extent(), make.integer(2, 4)
    rows, outputs = levels - make.integer(0, 1), make.choice([1, levels])
    x = make.integers(0, levels, (make.extent(), variables))
    c = make.values(make.choice([(hidden,), (len(x), hidden)]))
    return Example(make.values((variables, rows, hidden)), c, make.values((variables, outputs, hidden)),
                   make.values((variables, outputs)), x=x, levels=levels)
