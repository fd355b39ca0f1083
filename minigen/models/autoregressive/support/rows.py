"""The base class of autoregressive models that read an example as one row, and whose network a sampler can follow."""

import numpy as np

from .... import ops
from ....arrays import Constant
from ....autograd import raw, xp_of
from ....kernels.incremental import run_program
from ...batches import check_batch
from ...heads import Head, MixtureHead, integer_head
from ...support.conditions import condition_rows
from .autoregressive import Autoregressive
from .tracing import compile_program, kept_program


def output_head(spec, components: int = 1, family: str = "normal", floor: float = 0.0) -> Head:
    """The distribution of one variable: of one logit (binary), a softmax (discrete), or a mixture (continuous)."""
    if spec.kind == "continuous":
        return MixtureHead(components, family, floor)
    return integer_head(2 if spec.kind == "binary" else spec.levels)


class RowModel(Autoregressive):
    """Base class of models with a network on rows of coded variables.

    A subclass calls `read_in_order(order, output)`, with the numbers of the variables in the model's order and the head
    of one variable's distribution, and defines `network(x, context)`: from `(batch, variables · code channels)` to
    `(batch, variables · output width)`, both in the model's order. `context` `(batch, features)` are the conditions
    (see `models/support/conditions.py`), None for a model without.
    """

    def read_in_order(self, order, output: Head):
        """Note the order of the variables, and the distribution of each."""
        self.output = output
        self._order = Constant(np.asarray(order))
        self._back = Constant(np.argsort(order))

    @property
    def order(self):
        """The numbers of the variables, an example read as one row, in the order in which they are drawn."""
        return self._order.on(np)

    def rows(self, x):
        """Examples as rows `(batch, variables)` in the model's order; integers where the data are."""
        x = check_batch(x, self.spec)
        x = x.reshape(len(x), -1)
        order = self._order.on(xp_of(x))
        return raw(x)[:, order].astype(np.int64) if self.output.levels else ops.take(x, order, 1)

    def context(self, condition, n: int):
        """The conditions of `n` examples as rows `(n, features)`, or None."""
        return condition_rows(self, condition, n)

    def parameters_of(self, x, context, network=None):
        """The parameters `(batch, variables, width)` of each variable's distribution, from rows in order."""
        coded = ops.reshape(self.output.code(x, self.dtype), (len(x), -1))  # (batch, variables · channels)
        network = self.network if network is None else network
        return ops.reshape(network(coded, context), (len(x), -1, self.output.width))

    def conditionals(self, x, condition=None):
        """Parameters of each variable given those before it, `(batch, *spec.shape, width)`."""
        x = self.rows(x)
        parameters = self.parameters_of(x, self.context(condition, len(x)))
        back = self._back.on(xp_of(x))
        return ops.reshape(ops.take(parameters, back, 1), (len(x), *self.spec.shape, self.output.width))

    def network(self, x, context):
        """Parameters `(batch, variables · width)` of coded rows."""
        raise NotImplementedError(f"{type(self).__name__} defines no network")

    def draw_by(self, network, steps, request):
        """Draw with a network whose variable v, of those in the model's order, is drawn at step `steps[v]`.

        Gives examples `(n, *spec.shape)` and parameters `(n, *spec.shape, width)`.
        """
        n = request.n
        count = self.spec.dimensions
        dtype = self.dtype
        output = self.output
        context = self.context(request.condition, n)
        contexts = () if context is None else (context,)
        program = kept_program(self, (steps.tobytes(), dtype), lambda: compile_program(
            network, (count * output.code.channels,), np.repeat(steps, output.code.channels)[None],
            [(steps[v], 0, v * output.width, output.width) for v in range(count)], output, dtype,
            [context.shape[1:] for context in contexts]))
        order = self._order.on(np)[np.argsort(steps)]  # variable by step
        values = request.values.reshape(n, count)[:, order, None].astype(dtype)  # (n, steps, 1)
        observed = request.observed.reshape(n, count)[:, order, None]
        noise = output.noise(request.rng, (n, count), dtype)
        x, parameters = run_program(noise, values, observed, program, output.draw, output.width, output.codes(dtype),
                                    output.settings(request.temperature), [raw(context) for context in contexts])
        back = np.argsort(order)
        x = output.values(x[:, back, 0]).reshape(n, *self.spec.shape)
        return x, parameters[:, back].reshape(n, *self.spec.shape, output.width)
