"""What autoregressive models of vectors share: the coding of inputs, the output distributions, incremental sampling.

An example is read as one row and its variables taken in the model's order. A network maps the coded row to the
parameters of each variable's conditional: one logit (binary), a logit for each level (discrete), or a mixture of
normal distributions (continuous).
"""

import numpy as np

from ... import ops
from ...arrays import Constant, array_module
from ...autograd.tensor import raw
from ...kernels.heads import CATEGORICAL
from ...kernels.incremental import run_program
from ...protocols import DataSpec
from ..settings import check_batch
from .autoregressive import Autoregressive
from .incremental import compile_program, kept_program
from .mixtures import HEADS, floored, mixture_log_prob, mixture_noise


class VectorModel(Autoregressive):
    """Base class of models with a network on coded rows.

    A subclass calls `_prepare` and defines `network(x)`: `(batch, variables · inputs)`, a row of coded variables in the
    model's order, to `(batch, variables · outputs)`, of each variable what precedes it says. `family` is that of the
    mixtures of real variables.
    """

    family = "normal"

    def _prepare(self, spec: DataSpec, key: str, order, components: int = 1, floor: float = 0.0):
        """Note what the data are and how they are coded; ValueError for data that the model cannot take."""
        if not isinstance(spec.kind, str):
            raise ValueError(f"{key}: it takes data of one kind, got a table of kinds {spec.kind}")
        if spec.condition is not None:
            raise ValueError(f"{key}: it models p(x), not p(x | condition)")
        self.spec, self.floor = spec, floor
        self.levels = {"binary": 2, "discrete": spec.levels, "continuous": 0}[spec.kind]
        # a binary or continuous variable is one number, one of several levels has a number for each
        self.inputs = self.levels if self.levels > 2 else 1
        self.outputs = {0: 3 * components, 2: 1}.get(self.levels, self.levels)
        self._places, self._back = Constant(np.asarray(order)), Constant(np.argsort(order))

    @property
    def order(self):
        """The places of the variables in an example read as one row, in the order in which they are drawn."""
        return self._places.on(np)

    def log_prob(self, x, condition=None):
        """log p(x) in nats, `(batch,)`."""
        self._check_condition(0, condition)
        x = self._in_order(x)
        return self._row_log_prob(x, self._parameters(x))

    def conditionals(self, x, condition=None):
        """Parameters of each variable given those before it, `(batch, *spec.shape, outputs)`."""
        self._check_condition(0, condition)
        x = self._in_order(x)
        back = self._back.on(array_module(raw(x)))
        return ops.reshape(ops.take(self._parameters(x), back, 1), (len(x), *self.spec.shape, self.outputs))

    def network(self, x):
        """Parameters `(batch, variables · outputs)` of coded rows."""
        raise NotImplementedError(f"{type(self).__name__} defines no network")

    def _in_order(self, x):
        """Examples as rows `(batch, variables)` in the model's order; integers where the data are."""
        x = check_batch(x, self.spec)
        x = x.reshape(len(x), -1)
        places = self._places.on(array_module(raw(x)))
        if self.levels == 0:
            return ops.take(x, places, 1)
        return raw(x)[:, places].astype(np.int64)

    def _coded(self, x):
        """Rows as the network takes them."""
        dtype = self.dtype
        if self.inputs == 1:
            return x if self.levels == 0 else x.astype(dtype)
        xp = array_module(x)
        return (x[..., None] == xp.arange(self.levels)).astype(dtype).reshape(len(x), -1)

    def _parameters(self, x):
        """`(batch, variables, outputs)` of rows in order."""
        parameters = ops.reshape(self.network(self._coded(x)), (len(x), -1, self.outputs))
        return floored(parameters, self.floor) if self.levels == 0 else parameters

    def _row_log_prob(self, x, parameters):
        if self.levels == 0:
            return mixture_log_prob(x, parameters, self.family).sum(axis=-1)
        if self.levels == 2:
            return ops.bernoulli_log_prob(x.astype(parameters.dtype), parameters[..., 0])
        return ops.categorical_log_prob(parameters, x).sum(axis=-1)

    def _draw(self, n, rng, condition, values, observed):
        return self._draw_by(self.network, np.arange(self.spec.dimensions), n, rng, values, observed)

    def _draw_by(self, network, place, n, rng, values, observed):
        """Draw with a network whose variable v, of those in the model's order, is drawn at step `place[v]`."""
        dtype, count, at_step = self.dtype, self.spec.dimensions, np.argsort(place)
        steps = np.repeat(place, self.inputs)[None]
        outputs = [(place[v], 0, v * self.outputs, self.outputs) for v in range(count)]
        program = kept_program(self, (place.tobytes(), dtype), lambda: compile_program(
            network, (count * self.inputs,), steps, outputs, dtype))
        if values is None:
            values, observed = np.zeros((n, count)), np.zeros((n, count), bool)
        places = self._places.on(np)[at_step]
        values, observed = (array.reshape(n, count)[:, places, None] for array in (values, observed))
        if self.levels == 0:
            head, codes = HEADS[self.family], np.zeros((0, 1))
            noise = mixture_noise(rng, (n, count), self.family, dtype)
        else:
            head, noise = CATEGORICAL, rng.random((n, count, 1), dtype)
            codes = np.eye(self.levels) if self.inputs > 1 else np.arange(2.0)[:, None]
        drawn, parameters = run_program(noise, values.astype(dtype), observed, program, head, self.outputs, codes,
                                        self.floor)
        back = np.argsort(places)
        x = drawn[:, back, 0]
        if self.levels:
            x = x.astype(np.uint8 if self.levels <= 256 else np.int64)
        return x.reshape(n, *self.spec.shape), parameters[:, back].reshape(n, *self.spec.shape, self.outputs)
