"""From a network's parallel pass to an incremental one, by watching it run once.

An autoregressive network computes all conditionals of given data in parallel. A sampler needs them one after the other,
each with what has been drawn so far; running the network anew for each repeats almost all of its work. But each
number inside the network depends on certain inputs only, and can be computed for good as soon as they are drawn.

`compile_program` runs the network once under `observe`, writes down the ops on values that depend on its input, and
works out when each of their numbers becomes known: an input at the step that draws it, any other number at the latest
step among those that it depends on. Sorted by these steps the ops are a `kernels.incremental.Program`. That an output
is known before its own input is drawn is checked on the way, so that a network that is not autoregressive is refused.

A network may also leave the ops, by working on a Tensor's raw array. What it makes then looks like a constant, and the
program would be wrong. So the program is run on one random example and compared with the network itself.
"""

import math
import weakref

import numpy as np

from ....arrays import Generator, to_numpy
from ....autograd import Tensor, no_grad, raw
from ....autograd.observe import observe
from ....kernels import incremental as codes
from ....kernels.incremental import FIELDS, Program, run_program
from .dependence import NEVER, known_steps, ranges, tap_sources

KEPT = 4  # programs of a model
_programs = weakref.WeakKeyDictionary()

_UNARY = {"relu": codes.RELU, "tanh": codes.TANH, "sigmoid": codes.SIGMOID, "elu": codes.ELU, "negative": codes.NEGATE}
_BINARY = {"add": codes.ADD, "subtract": codes.SUBTRACT, "multiply": codes.MULTIPLY, "gate": codes.GATE}
_HALVES = {"glu": codes.GLU, "tanh_gate": codes.GATE}  # of two halves of the channels


class _Value:
    """A tensor that depends on the input: channels `at` … `at + channels` of a buffer, and the step of each number."""

    def __init__(self, buffer, at, space, steps):
        self.buffer = buffer
        self.at = at
        self.space = space
        self.steps = steps  # (positions, channels)

    channels = property(lambda self: self.steps.shape[1])


def compile_program(network, shape, steps, outputs, head, dtype, contexts=()):
    """The Program of `network`, a function of a Tensor `(batch, *space, channels)` and one for each of `contexts`.

    - `shape` is (*space, channels) of the input; `steps` `(positions, channels)` says when each input is drawn, counted
      from 0. The inputs of one step are consecutive channels of one position.
    - `outputs` has a row (step, position, channel, width) for each step: where its parameters begin in the network's
      output, and how many there are. `head` is the `Head` that they are the parameters of.
    - `contexts` are the shapes (*space, channels) of what the network gets of a condition. They are inputs that are
      known before the first step.

    Raises ValueError if an output depends on inputs drawn at its own step or later, TypeError for an op that has no
    incremental form, and ValueError for a network that computes something outside of the ops.
    """
    trace = _Trace(dtype)
    x = Tensor(np.zeros((1, *shape), dtype))
    trace.note(x, _Value(trace.buffer(*steps.shape), 0, shape[:-1], steps))
    given = []
    buffers = []
    for context in contexts:
        given.append(Tensor(np.zeros((1, *context), dtype)))
        known = np.full((math.prod(context[:-1]), context[-1]), NEVER)
        buffers.append(trace.buffer(*known.shape))
        trace.note(given[-1], _Value(buffers[-1], 0, context[:-1], known))
    with no_grad(), observe(trace.record):
        y = network(x, *given)
    if id(y) not in trace.values:
        raise ValueError("network: its output does not depend on its input")
    result = trace.values[id(y)]
    for step, position, channel, width in outputs:
        latest = result.steps[position, channel:channel + width].max()
        if latest >= step:
            raise ValueError(f"network: the output that step {step} needs depends on what is drawn at step {latest}: "
                             "it is not autoregressive in this order")
    program = trace.program(steps, result, outputs, buffers)
    _check(program, network, shape, outputs, head, dtype, contexts)
    return program


def _check(program, network, shape, outputs, head, dtype, contexts):
    """Run program and network on one random example, whose values are all given. ValueError if they differ."""
    rng = Generator(0)
    x = rng.standard_normal((1, *shape), dtype)
    given = [rng.standard_normal((1, *context), dtype) for context in contexts]
    with no_grad():
        expected = raw(network(Tensor(x), *map(Tensor, given)))
    flat = expected.reshape(-1, expected.shape[-1])  # (positions, channels)
    expected = np.stack([flat[position, channel:channel + width] for _, position, channel, width in sorted(outputs)])
    count = len(outputs)
    m = math.prod(shape) // count  # inputs of a step
    inputs = x.reshape(-1, shape[-1])
    values = np.stack([inputs[position, channel:channel + m] for _, position, channel in program.inputs])[None]
    _, found = run_program(head.noise(rng, (1, count), dtype), values, np.ones(values.shape, bool), program, head.draw,
                           head.width, np.zeros((0, 1), dtype), head.settings(1.0), given)
    finite = np.isfinite(expected)
    tolerance = np.finfo(dtype).eps ** (1 / 3) * (1 + np.abs(expected[finite]).max(initial=0))  # far above rounding
    if not (np.abs(found[0] - expected)[finite] <= tolerance).all():
        raise ValueError("network: run a step at a time it gives other values than at once. Some of it is computed "
                         "outside of minigen.ops, where a sampler cannot follow it: on the raw array of a Tensor, or "
                         "by branching on its values")


def kept_program(model, key, compile_it):
    """The Program that `compile_it()` makes, made anew only for another key or after the model's state has changed."""
    state = model.state_dict()
    before, programs = _programs.get(model, ({}, {}))
    if before.keys() != state.keys() or any(not np.array_equal(before[name], state[name]) for name in state):
        programs = {}
        _programs[model] = state, programs
    if key not in programs:
        if len(programs) >= KEPT:
            programs.pop(next(iter(programs)))
        programs[key] = compile_it()
    return programs[key]


class _Trace:
    """What is written down while the network runs."""

    def __init__(self, dtype):
        self.dtype = dtype
        self.values = {}  # the _Value of each tensor that depends on the input, by the tensor's id
        self.folded = set()  # ids of products to which a bias was added, and whose own values are not kept
        self.kept = []  # those tensors: an id stands for its object only while that lives
        self.instructions = []  # rows of integers
        self.results = []  # the _Value that each instruction makes
        self.reach = []  # for each instruction which inputs a range of its outputs depends on (None: the same ones)
        self.buffers = []
        self.constants = []
        self.size = 0  # of all buffers, in numbers for each example
        self.weights = []
        self.tables = []
        self.weight_count = 0
        self.table_count = 0

    def buffer(self, positions, channels):
        """The number of a new buffer."""
        self.buffers.append((self.size, channels, int(positions > 1), 0))
        self.size += positions * channels
        return len(self.buffers) - 1

    def note(self, tensor, value):
        """Remember that a tensor depends on the input."""
        self.values[id(tensor)] = value
        self.kept.append(tensor)

    def record(self, primitive, inputs, static, outputs):
        """Write down one op, unless it does not depend on the input."""
        if not any(id(x) in self.values for x in inputs):
            return
        name = primitive.name
        if any(id(x) in self.folded for x in inputs):  # its value is no longer kept
            raise TypeError(f"network: op {name} uses a product that also has a bias added to it")
        if name in ("conv", "affine_conv", "conv_transpose", "matmul", "masked_matmul"):
            self.note(outputs[0], self.product(name, inputs, static, outputs[0].shape))
        elif name == "split":
            self.split(inputs[0], static, outputs)
        elif name == "concatenate" and static["axis"] in (-1, outputs[0].ndim - 1):
            self.note(outputs[0], self.concatenate(inputs))
        elif name == "getitem" and _channel_index(static["index"], outputs[0].ndim) is not None:
            self.note(outputs[0], self.gather(inputs[0], _channel_index(static["index"], outputs[0].ndim)))
        elif name == "concat_elu":
            a = self.values[id(inputs[0])]
            self.note(outputs[0], self.emit(codes.CONCAT_ELU, a.space, np.tile(a.steps, 2), a, inputs=a.channels))
        elif name in _HALVES:
            a = self.values[id(inputs[0])]
            width = outputs[0].shape[-1]
            halves = [self.channels_of(a, at, width) for at in (0, width)]
            steps = np.maximum(*(half.steps for half in halves))
            self.note(outputs[0], self.emit(_HALVES[name], a.space, steps, *halves))
        elif name in _UNARY:
            a = self.values[id(inputs[0])]
            self.note(outputs[0], self.emit(_UNARY[name], a.space, a.steps, a))
        elif name in _BINARY:
            self.note(outputs[0], self.binary(name, inputs, outputs[0].shape))
        else:
            raise TypeError(f"network: op {name} has no incremental form")

    def emit(self, code, space, steps, a, b=None, weights=0, table=0, taps=0, inputs=0, outputs=0, reach=None):
        """Add an instruction, with a new buffer for what it makes."""
        b = a if b is None else b
        made = _Value(self.buffer(*steps.shape), 0, space, steps)
        self.instructions.append((code, made.buffer, 0, a.buffer, a.at, b.buffer, b.at, weights, table, taps, inputs,
                                  outputs))
        self.results.append(made)
        self.reach.append(reach)
        return made

    def binary(self, name, inputs, shape):
        """A function of two arrays; a bias that is added to a product becomes part of it."""
        a, b = (self.values.get(id(x)) for x in inputs)
        if name == "add" and (a is None or b is None):
            value, other = (a, inputs[1]) if b is None else (b, inputs[0])
            if self.instructions and self.results[-1] is value and self.instructions[-1][0] == codes.MATMUL:
                bias = np.asarray(to_numpy(raw(other)), self.dtype)
                if bias.size in (1, value.channels) and bias.shape[-1:] in ((), (1,), (value.channels,)):
                    self.weights[-3] = self.weights[-3] + bias.reshape(-1)
                    self.folded.add(id(inputs[0] if b is None else inputs[1]))
                    return value
        space = shape[1:-1]
        if any(x is not None and (x.channels != shape[-1] or not _spreads(x.space, space)) for x in (a, b)):
            raise TypeError(f"network: op {name} on values of different shapes has no incremental form")
        operands = [x if x is not None else self.constant(y, shape) for x, y in zip((a, b), inputs, strict=True)]
        steps = np.maximum(*[np.broadcast_to(x.steps, (math.prod(space), shape[-1])) for x in operands])
        return self.emit(_BINARY[name], space, steps, *operands)

    def constant(self, x, shape):
        """A buffer that holds an array which broadcasts to `shape`, one position if all are the same."""
        x = np.asarray(to_numpy(raw(x)), self.dtype)
        x = x.reshape((1,) * (len(shape) - x.ndim) + x.shape)
        same = all(n == 1 for n in x.shape[1:-1])
        space = () if same else shape[1:-1]
        x = np.broadcast_to(x, (x.shape[0], *([1] * (len(shape) - 2) if same else space), shape[-1]))
        x = x.reshape(x.shape[0], -1, shape[-1])
        buffer = self.buffer(*x.shape[1:])
        self.constants.append((buffer, np.ascontiguousarray(x)))
        return _Value(buffer, 0, space, np.full(x.shape[1:], NEVER))

    def product(self, name, inputs, static, shape):
        """A convolution, its adjoint or a plain product: out[p] = Σₜ a[sources[p, t]] @ w[t]."""
        a = self.values.get(id(inputs[0]))
        w = inputs[1]
        if a is None or any(id(x) in self.values for x in inputs[1:]):
            raise TypeError(f"network: {name} with weights that depend on the input has no incremental form")
        w = np.asarray(to_numpy(raw(w)), self.dtype)
        space = shape[1:-1]
        positions = math.prod(space)
        if static.get("rectify"):
            a = self.emit(codes.RELU, a.space, a.steps, a)
        if name == "masked_matmul":
            w = np.where(static["blocks"].mask, w, 0)
        if name.endswith("matmul"):
            w = w[None]
            sources = np.arange(positions)[:, None]
        elif name.endswith("conv"):
            sources = tap_sources(static["taps"], a.space, static["stride"])
        else:
            w = np.ascontiguousarray(w.transpose(0, 2, 1))
            sources = tap_sources(static["taps"], space, static["stride"], adjoint=True)
        taps, count, outputs = w.shape
        if not w.all():  # a weight of zero may meet a value that is not there yet, and must not meet a NaN
            self.buffers[a.buffer] = (*self.buffers[a.buffer][:3], 1)
        steps, reach = known_steps(a.steps, sources, w)
        bias = to_numpy(raw(inputs[2])) if name == "affine_conv" else np.zeros(outputs)
        weights = self.store(w, bias)
        table = self.table(sources)
        return self.emit(codes.MATMUL, space, steps, a, None, weights, table, taps, count, outputs, reach)

    def store(self, w, bias):
        """Keep bias, w, and w with its last axes exchanged; gives where they begin."""
        start = self.weight_count
        self.weights += [np.asarray(bias, self.dtype), w, w.transpose(0, 2, 1)]
        self.weight_count += w.shape[2] + 2 * w.size
        return start

    def table(self, numbers):
        """Keep integers; gives where they begin."""
        self.tables.append(np.asarray(numbers, np.int64).reshape(-1))
        self.table_count += numbers.size
        return self.table_count - numbers.size

    def split(self, x, static, outputs):
        """Ranges of the channels: the same buffer, from another channel on."""
        value = self.values[id(x)]
        if static["axis"] % x.ndim != x.ndim - 1:
            raise TypeError("network: split along another axis than the channels has no incremental form")
        at = 0
        for output in outputs:
            self.note(output, self.channels_of(value, at, output.shape[-1]))
            at += output.shape[-1]

    def channels_of(self, value, at, width):
        """`width` channels of a value from channel `at` on, where they lie."""
        return _Value(value.buffer, value.at + at, value.space, value.steps[:, at:at + width])

    def gather(self, x, index):
        """Channels in another order, or some of them."""
        value = self.values[id(x)]
        return self.emit(codes.GATHER, value.space, value.steps[:, index], value, table=self.table(index))

    def concatenate(self, inputs):
        """Channels of several arrays one after the other, copied into one buffer."""
        values = [self.values.get(id(x)) for x in inputs]
        first = next(v for v in values if v is not None)
        positions = first.steps.shape[0]
        values = [self.constant(x, (1, *first.space, x.shape[-1])) if v is None else v
                  for v, x in zip(values, inputs, strict=True)]
        steps = np.concatenate([np.broadcast_to(v.steps, (positions, v.channels)) for v in values], axis=1)
        whole = _Value(self.buffer(*steps.shape), 0, first.space, steps)
        at = 0
        for v in values:
            known = np.ascontiguousarray(steps[:, at:at + v.channels])
            table = self.table(np.arange(v.channels))
            source = v.buffer, v.at
            self.instructions.append((codes.GATHER, whole.buffer, at, *source, *source, 0, table, 0, 0, 0))
            self.results.append(_Value(whole.buffer, at, first.space, known))
            self.reach.append(None)
            at += v.channels
        return whole

    def program(self, input_steps, result, outputs, contexts):
        """All work in the order of its steps."""
        runs = []
        entries = []
        positions = []
        count = 0
        for i, value in enumerate(self.results):
            for low, high in ranges(value.steps):
                first, last = (0, 0) if self.reach[i] is None else self.reach[i](low, high)
                when = value.steps[:, low]
                order = np.argsort(when, kind="stable")
                when = when[order]
                starts = np.concatenate([[0], np.flatnonzero(when[1:] > when[:-1]) + 1])
                rows = np.empty((len(starts), 4), np.int64)  # step, run, positions from and to
                rows[:, 0] = when[starts] + 1  # what depends on the values of step k is computed before step k + 1
                rows[:, 1] = len(runs)
                rows[:, 2] = starts + count
                rows[:-1, 3] = rows[1:, 2]
                rows[-1, 3] = len(order) + count
                entries.append(rows)
                positions.append(order)
                runs.append((i, low, high, first, last))
                count += len(order)
        entries = np.concatenate(entries)
        entries = entries[np.lexsort((entries[:, 1], entries[:, 0]))]
        steps = len(outputs)
        where = np.zeros((steps, 3), np.int64)
        for step, position, channel, _ in outputs:
            where[step] = result.buffer, position, result.at + channel
        inputs = np.full((steps, 3), -1, np.int64)
        for position, channel in zip(*np.indices(input_steps.shape).reshape(2, -1)[:, ::-1], strict=True):
            inputs[input_steps[position, channel]] = 0, position, channel  # reversed: the first channel of a step stays
        integers = [np.array(table, np.int64).reshape(-1, width)
                    for table, width in ((self.instructions, FIELDS), (self.buffers, 4), (runs, 5))]
        return Program(
            *integers, np.ascontiguousarray(entries[:, 1:]), np.concatenate(positions),
            np.searchsorted(entries[:, 0], np.arange(steps + 1)), np.concatenate([w.reshape(-1) for w in self.weights]),
            np.concatenate([np.zeros(0, np.int64), *self.tables]), self.constants, contexts, inputs, where, self.size)


def _spreads(space, whole):
    """Whether a value of extents `space` broadcasts to `whole`: it has the same, or one position for all."""
    return space == whole or math.prod(space) == 1


def _channel_index(index, ndim):
    """The channels that an index takes, if it takes all else as it is."""
    index = index if isinstance(index, tuple) else (index,)
    whole = all(isinstance(part, slice) and part == slice(None) for part in index[:-1])
    last = index[-1]
    return np.asarray(last) if whole and len(index) == ndim and np.ndim(last) == 1 else None
