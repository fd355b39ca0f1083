"""Runs a network a little at a time: each value as soon as what it depends on is known.

A `Program` (made by `models/autoregressive/incremental.py`) is a network as a list of instructions on arrays of
(position, channel), and an order of work. At each step everything that has become computable is computed: a range of
channels, at a list of positions. Then a sampler draws the step's values from the network's outputs and writes them into
its input. Every value is computed once, so drawing a whole example costs as much as one pass of the network.
"""

from dataclasses import dataclass

import numpy as np

from ..arrays.pool import run, thread_count
from .activations import sigmoid
from .compiling import loop
from .direct import multiply_rows
from .dispatch import kernel
from .functions import expm1
from .functions import sigmoid as logistic
from .functions import tanh as hyperbolic
from .heads import draw, draw_one
from .rectifiers import concat_elu

# What an instruction does. Its row: code, output buffer, first output channel, input a: buffer, first channel; input b:
# buffer, first channel; place of its weights; place of its table; taps; channels of a; channels of the weights' output.
MATMUL, GATHER, RELU, TANH, SIGMOID, ELU, NEGATE, ADD, SUBTRACT, MULTIPLY, GATE, GLU, CONCAT_ELU = range(13)
FIELDS = 12
ROOM = 2**26  # numbers that a thread keeps at most, about: a larger batch is drawn part by part
NARROW = 8  # outputs up to so many are inner products, more are products with tiles of the weights


@dataclass(frozen=True)
class Program:
    """A network and the order of its work; integer arrays throughout, but for the weights and constants.

    `instructions` (n, FIELDS) as above. `buffers` (n, 4): start (in numbers for each example), channels, whether there
    is a value for each position (1) or one for all (0), and whether it has to be 0 where nothing was computed. `runs`
    (n, 5): an instruction, its output channels from and to, and the inputs from and to that these depend on. `entries`
    (n, 3): a run, and its positions from and to in `positions`. Step k does the entries from `steps[k]` to
    `steps[k+1]`. `weights` holds for each MATMUL its bias and its weight, as (taps, inputs, outputs) and as (taps,
    outputs, inputs); `tables` holds for each MATMUL the input positions (position, tap), -1 where there is none, and
    for each GATHER the input channel of each output channel. `constants` (buffer, array (1 or batch, positions,
    channels)) are there from the start. `inputs` and `outputs` (n, 3) say for each step which buffer, position and
    channel its values go to, and its parameters come from; `size` is how many numbers an example takes.
    """

    instructions: np.ndarray
    buffers: np.ndarray
    runs: np.ndarray
    entries: np.ndarray
    positions: np.ndarray
    steps: np.ndarray
    weights: np.ndarray
    tables: np.ndarray
    constants: list
    inputs: np.ndarray
    outputs: np.ndarray
    size: int


@kernel
def run_program(noise, values, known, program, head, width, codes, setting=0.0):
    """`(x, parameters)`: draw all values of a batch, one step after the other.

    noise `(batch, steps, n)` is what a step draws its `m` values from by the head `head` (see `heads`), out of `width`
    numbers of the network's output; `values` `(batch, steps, m)` are taken instead where `known` is true. Of each value
    the network gets the row `codes[value]`, or the value itself where `codes` `(levels, channels)` has no rows. x is
    `(batch, steps, m)`, parameters `(batch, steps, width)`; `setting` is the head's.
    """
    batch, steps, _ = values.shape
    buffers = [np.zeros((batch, _extent(program, i), channels), noise.dtype)
               for i, (_, channels, *_) in enumerate(program.buffers)]
    for buffer, constant in program.constants:
        buffers[buffer][...] = constant
    x, parameters = np.empty(values.shape, noise.dtype), np.empty((batch, steps, width), noise.dtype)
    for k in range(steps):
        for r, start, stop in program.entries[program.steps[k]:program.steps[k + 1]]:
            _compute(program, buffers, program.runs[r], program.positions[start:stop])
        buffer, position, channel = program.outputs[k]
        parameters[:, k] = buffers[buffer][:, position, channel:channel + width]
        x[:, k] = np.where(known[:, k], values[:, k], draw(head, parameters[:, k], noise[:, k], setting))
        buffer, position, channel = program.inputs[k]
        coded = codes[x[:, k].astype(np.int64)].reshape(batch, -1) if len(codes) else x[:, k]
        buffers[buffer][:, position, channel:channel + coded.shape[1]] = coded
    return x, parameters


def _extent(program, buffer):
    """How many positions a buffer has."""
    ends = [*program.buffers[1:, 0], program.size]
    start, channels, *_ = program.buffers[buffer]
    return (ends[buffer] - start) // channels


def _compute(program, buffers, run_, positions):
    """One run of channels at some positions."""
    i, low, high, first, last = run_
    code, out, out_at, a, a_at, b, b_at, weights, table, taps, inputs, outputs = program.instructions[i]
    at = [positions if program.buffers[buffer, 2] else np.zeros_like(positions) for buffer in (a, b)]
    if code == MATMUL:
        sources = program.tables[table:].reshape(-1)[:(positions.max() + 1) * taps].reshape(-1, taps)[positions]
        bias, end = program.weights[weights:weights + outputs], weights + outputs * (1 + taps * inputs)
        w = program.weights[weights + outputs:end].reshape(taps, inputs, outputs)
        x = np.where((sources >= 0)[..., None], buffers[a][:, sources, a_at:a_at + inputs], 0)
        value = np.einsum("nptc,tcd->npd", x[..., first:last], w[:, first:last, low:high]) + bias[low:high]
    elif code == GATHER:
        value = buffers[a][:, at[0]][..., a_at + program.tables[table + low:table + high]]
    elif code == CONCAT_ELU:
        value = concat_elu(buffers[a][:, at[0], a_at:a_at + inputs])[..., low:high]
    else:
        x = buffers[a][:, at[0], a_at + low:a_at + high]
        y = buffers[b][:, at[1], b_at + low:b_at + high]
        value = _FUNCTIONS[code](x, y)
    buffers[out][:, positions, out_at + low:out_at + high] = value


_FUNCTIONS = {
    RELU: lambda x, y: np.maximum(x, 0), TANH: lambda x, y: np.tanh(x), SIGMOID: lambda x, y: sigmoid(x),
    ELU: lambda x, y: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), NEGATE: lambda x, y: -x,
    ADD: lambda x, y: x + y, SUBTRACT: lambda x, y: x - y, MULTIPLY: lambda x, y: x * y,
    GATE: lambda x, y: np.tanh(x) * sigmoid(y), GLU: lambda x, y: x * sigmoid(y),
}


@loop
def _run(start, stop, first, room, size, noise, values, known, instructions, buffers, runs, entries, positions, steps,
         weights, tables, constants, constant_buffers, constant_starts, inputs, outputs, head, codes, setting, x,
         parameters):
    """Examples first + start … first + stop; what they need of `room` holds each buffer's positions, then examples."""
    batch = stop - start
    arena = room[start * size:stop * size]
    start, stop = first + start, first + stop
    for i in range(buffers.shape[0]):
        if buffers[i, 3]:
            end = buffers[i + 1, 0] if i + 1 < buffers.shape[0] else size
            arena[buffers[i, 0] * batch:end * batch] = 0
    for i in range(constant_buffers.shape[0]):
        _fill(arena, buffers[constant_buffers[i, 0]], constants[constant_starts[i]:constant_starts[i + 1]],
              constant_buffers[i, 1], start, batch)
    scratch = np.empty(parameters.shape[2], noise.dtype)
    for k in range(values.shape[1]):
        for e in range(steps[k], steps[k + 1]):
            run_ = runs[entries[e, 0]]
            row, places = instructions[run_[0]], positions[entries[e, 1]:entries[e, 2]]
            if row[0] == MATMUL:
                _matmul(arena, batch, row, buffers, run_, places, weights, tables)
            else:
                _elementwise(arena, batch, row, buffers, run_, places, tables)
        source, target = buffers[outputs[k, 0]], buffers[inputs[k, 0]]
        for b in range(batch):
            at = source[0] * batch + (outputs[k, 1] * batch + b) * source[1] + outputs[k, 2]
            chosen, drawn = parameters[start + b, k], x[start + b, k]
            for j in range(chosen.size):
                chosen[j] = arena[at + j]
            draw_one(head, chosen, noise[start + b, k], setting, scratch, drawn)
            at = target[0] * batch + (inputs[k, 1] * batch + b) * target[1] + inputs[k, 2]
            for j in range(drawn.size):
                if known[start + b, k, j]:
                    drawn[j] = values[start + b, k, j]
                if codes.shape[0] == 0:
                    arena[at + j] = drawn[j]
                else:
                    for c in range(codes.shape[1]):
                        arena[at + j * codes.shape[1] + c] = codes[np.int64(drawn[j]), c]


@loop
def _fill(arena, buffer, constant, examples, start, batch):
    """Put a constant (examples, positions, channels) into its buffer; one example stands for all."""
    count = constant.size // examples
    channels = buffer[1]
    for b in range(batch):
        own = constant[(start + b if examples > 1 else 0) * count:]
        for p in range(count // channels):
            at = buffer[0] * batch + (p * batch + b) * channels
            for c in range(channels):
                arena[at + c] = own[p * channels + c]


@loop
def _matmul(arena, batch, row, buffers, run_, places, weights, tables):
    """out[p] = bias + Σₜ a[table[p, t]] @ w[t], of the run's channels; rows are positions times examples."""
    low, high, first, last = run_[1], run_[2], run_[3], run_[4]
    taps, inputs, outputs = row[9], row[10], row[11]
    source, target = buffers[row[3]], buffers[row[1]]
    bias, turned = weights[row[7]:row[7] + outputs], weights[row[7] + outputs * (1 + taps * inputs):]
    width = high - low
    x_at, out_at = np.empty(places.size * batch, np.int64), np.empty(places.size * batch, np.int64)
    for i in range(places.size):
        for b in range(batch):
            at = target[0] * batch + (places[i] * batch + b) * target[1] + row[2] + low
            out = arena[at:at + width]
            for j in range(out.size):
                out[j] = bias[low + j]
    for t in range(taps):
        count = 0
        for i in range(places.size):
            q = tables[row[8] + places[i] * taps + t]
            if q >= 0:
                for b in range(batch):
                    x_at[count] = source[0] * batch + (q * batch + b) * source[1] + row[4]
                    out_at[count] = target[0] * batch + (places[i] * batch + b) * target[1] + row[2] + low
                    count += 1
        if width <= NARROW:
            for j in range(width):
                begin = (t * outputs + low + j) * inputs
                column = turned[begin + first:begin + last]
                for r in range(count):
                    arena[out_at[r] + j] += _dot(arena[x_at[r] + first:x_at[r] + last], column)
            continue
        at = row[7] + outputs * (1 + t * inputs) + low
        multiply_rows(arena, x_at, arena, out_at, count, weights, at, outputs, first, last, width)


@loop
def _dot(x, w):
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * w[i]
    return total


@loop
def _elementwise(arena, batch, row, buffers, run_, places, tables):
    code, low, width = row[0], run_[1], run_[2] - run_[1]
    target, a, b = buffers[row[1]], buffers[row[3]], buffers[row[5]]
    for i in range(places.size):
        p = places[i]
        for n in range(batch):
            at = target[0] * batch + (p * batch + n) * target[1] + row[2] + low
            out = arena[at:at + width]
            at = a[0] * batch + (p * a[2] * batch + n) * a[1] + row[4]
            if code == GATHER:
                channels = tables[row[8] + low:row[8] + low + width]
                for j in range(out.size):
                    out[j] = arena[at + channels[j]]
                continue
            if code == CONCAT_ELU:  # channels before and from `middle` on
                middle = min(max(row[10] - low, 0), width)
                _apply(ELU, out[:middle], arena[at + low:at + low + middle], out)
                _minus_elu(out[middle:], arena[at + low + middle - row[10]:])
                continue
            x = arena[at + low:at + low + width]
            at = b[0] * batch + (p * b[2] * batch + n) * b[1] + row[6] + low
            _apply(code, out, x, arena[at:at + width])


@loop
def _minus_elu(out, x):
    for j in range(out.size):
        below = expm1(-abs(x[j]))
        out[j] = -x[j] if x[j] < 0 else below


@loop
def _apply(code, out, x, y):
    zero = x.dtype.type(0)
    if code == RELU:
        for j in range(out.size):
            out[j] = x[j] if x[j] > zero else zero
    elif code == TANH:
        for j in range(out.size):
            out[j] = hyperbolic(x[j])
    elif code == SIGMOID:
        for j in range(out.size):
            out[j] = logistic(x[j])
    elif code == ELU:
        for j in range(out.size):
            below = expm1(-abs(x[j]))
            out[j] = x[j] if x[j] > zero else below
    elif code == NEGATE:
        for j in range(out.size):
            out[j] = -x[j]
    elif code == ADD:
        for j in range(out.size):
            out[j] = x[j] + y[j]
    elif code == SUBTRACT:
        for j in range(out.size):
            out[j] = x[j] - y[j]
    elif code == MULTIPLY:
        for j in range(out.size):
            out[j] = x[j] * y[j]
    elif code == GLU:
        for j in range(out.size):
            out[j] = x[j] * logistic(y[j])
    else:
        for j in range(out.size):
            out[j] = hyperbolic(x[j]) * logistic(y[j])


@run_program.compiled(above=1)
def _(noise, values, known, program, head, width, codes, setting=0.0):
    batch, steps, m = values.shape
    dtype = noise.dtype
    x, parameters = np.empty(values.shape, dtype), np.empty((batch, steps, width), dtype)
    arrays = [constant.astype(dtype, copy=False) for _, constant in program.constants]
    filled = np.array([[buffer, len(constant)] for buffer, constant in program.constants], np.int64).reshape(-1, 2)
    starts = np.cumsum([0, *(constant.size for constant in arrays)])
    flat = np.concatenate([np.zeros(0, dtype), *(constant.reshape(-1) for constant in arrays)])
    part = min(batch, thread_count() * max(4, ROOM // program.size // 4 * 4))
    # Made here: what the C library gives another thread goes back to the system at the end, whose pages are slow.
    room = np.empty(part * program.size, dtype)
    arrays = (np.ascontiguousarray(noise), np.ascontiguousarray(values, dtype), np.ascontiguousarray(known))
    for first in range(0, batch, part):
        run(_run, min(part, batch - first), 1, first, room, program.size, *arrays, program.instructions,
            program.buffers, program.runs, program.entries, program.positions, program.steps, program.weights,
            program.tables, flat, filled, starts, program.inputs, program.outputs, head,
            np.ascontiguousarray(codes, dtype), dtype.type(setting), x, parameters)
    return x, parameters
