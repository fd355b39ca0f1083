"""Runs a network a little at a time: each value as soon as what it depends on is known.

A `Program` (made by `models/autoregressive/support/tracing.py`) is a network as a list of instructions on arrays of
(position, channel), and an order of work. At each step everything that has become computable is computed: a range of
channels, at a list of positions. Then a sampler draws the step's values from the network's outputs and writes them into
its input. Every value is computed once, so drawing a whole example costs as much as one pass of the network.

How to read this
----------------
`run_program` is the whole idea in array code: for each step, compute, draw, write back. Read it first, then `_compute`,
which says what each instruction means. The compiled half does the same with less memory traffic. There, all buffers of
all examples lie in one array, the `arena`, which is reused from batch to batch. A number of the program has the address

    start of its buffer · batch  +  (position · batch + example) · channels of the buffer  +  channel

(`_address`), so that the examples of one position lie side by side and one weight serves them all. `_run` is the loop
over steps; `_compute_step` does the work of one step, by `_matmul` (products: almost all of the time) and
`_elementwise` (everything else). Instructions, buffers and runs are rows of integers, whose columns have the names
listed below. What draws the values, `draw_one`, is put in when the loop is compiled for an output distribution (see
`heads.sampler_of`).
"""

from dataclasses import dataclass

import numpy as np

from ..arrays.pool import run, thread_count
from .activations import sigmoid
from .convolution.direct import multiply_rows
from .heads import CATEGORICAL, sampler_of
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.functions import expm1
from .machinery.functions import sigmoid as logistic
from .machinery.functions import tanh as hyperbolic
from .rectifiers import concat_elu

draw_one = CATEGORICAL.one  # `sampler_of` puts another in its place

# What an instruction does.
MATMUL, GATHER, RELU, TANH, SIGMOID, ELU, NEGATE, ADD, SUBTRACT, MULTIPLY, GATE, GLU, CONCAT_ELU = range(13)

# The columns of an instruction: its code; the buffer and first channel of its output, of its input a and of its input
# b; where its weights and its table begin; its taps, channels of a and channels of the weights' output.
CODE, OUT, OUT_AT, A, A_AT, B, B_AT, WEIGHTS, TABLE, TAPS, INPUTS, OUTPUTS = range(12)
FIELDS = 12

# The columns of a buffer: where it begins, in numbers for each example; its channels; whether it has a value for each
# position (1) or one for all (0); whether it has to be 0 where nothing has been computed.
START, CHANNELS, BY_POSITION, CLEARED = range(4)

# The columns of a run: an instruction, its output channels from and to, the input channels from and to that these need.
INSTRUCTION, LOW, HIGH, FIRST, LAST = range(5)

ROOM, CACHE = 2**26, 2**22  # numbers of examples that a thread keeps at most, and that stay in its cache, about
NARROW = 8  # up to so many output channels are inner products, more are products with tiles of the weights


@dataclass(frozen=True)
class Program:
    """A network and the order of its work; integer arrays throughout, but for the weights and constants.

    - `instructions` (n, FIELDS), `buffers` (n, 4) and `runs` (n, 5): the columns are listed above.
    - `entries` (n, 3): a run, and the range of `positions` at which it is done. Step k does the entries from
      `steps[k]` to `steps[k + 1]`.
    - `weights` holds for each MATMUL its bias, then its weight as (taps, inputs, outputs) and as (taps, outputs,
      inputs).
    - `tables` holds for each MATMUL the input positions (position, tap), -1 where there is none, and for each GATHER
      the input channel of each output channel.
    - `constants` are pairs (buffer, array (1, positions, channels)) that are there from the start; `contexts` are the
      buffers of what is given of a condition.
    - `inputs` and `outputs` (n, 3) say for each step which buffer, position and first channel its values go to, and its
      parameters come from.
    - `size` is how many numbers an example takes.
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
    contexts: list
    inputs: np.ndarray
    outputs: np.ndarray
    size: int


@kernel
def run_program(noise, values, observed, program, draw, width, codes, settings, contexts=()):
    """`(x, parameters)`: draw all values of a batch, one step after the other.

    noise `(batch, steps, n)` is what a step draws its `m` values from by `draw`, a `heads.Draw` with these `settings`,
    out of `width` numbers of the network's output; `values` `(batch, steps, m)` are taken instead where `observed` is
    true. Of each value the network gets the row `codes[value]`, or the value itself where `codes` `(levels, channels)`
    has no rows. `contexts` `(1 or batch, *space, channels)` are what the program gets of a condition. x is `(batch,
    steps, m)`, parameters `(batch, steps, width)`.
    """
    batch, steps, _ = values.shape
    buffers = [np.zeros((batch, _extent(program, i), row[CHANNELS]), noise.dtype)
               for i, row in enumerate(program.buffers)]
    for buffer, constant in _constants(program, contexts):
        buffers[buffer][...] = constant
    x, parameters = np.empty(values.shape, noise.dtype), np.empty((batch, steps, width), noise.dtype)
    for k in range(steps):
        for r, start, stop in program.entries[program.steps[k]:program.steps[k + 1]]:
            _compute(program, buffers, program.runs[r], program.positions[start:stop])
        buffer, position, channel = program.outputs[k]
        parameters[:, k] = buffers[buffer][:, position, channel:channel + width]
        x[:, k] = np.where(observed[:, k], values[:, k], draw.array(parameters[:, k], noise[:, k], settings))
        buffer, position, channel = program.inputs[k]
        coded = codes[x[:, k].astype(np.int64)].reshape(batch, -1) if len(codes) else x[:, k]
        buffers[buffer][:, position, channel:channel + coded.shape[1]] = coded
    return x, parameters


@run_program.example
def _(make):
    """A causal network on a sequence, all values given: parameters = tanh(the two values before @ w + b) @ w' + b'."""
    steps, hidden, outputs, batch = make.size(64), make.size(16), 2, make.count(512 * 64)
    positions = np.arange(steps)
    before = positions[:, None] - np.array([2, 1])
    tables = np.concatenate([np.where(before >= 0, before, -1).reshape(-1), positions])
    weights = []
    for w in make.standard((2, 1, hidden)), make.standard((1, hidden, outputs)):
        weights += [make.standard(w.shape[2]), w.reshape(-1), w.transpose(0, 2, 1).reshape(-1)]
    program = Program(
        instructions=np.array([(MATMUL, 1, 0, 0, 0, 0, 0, 0, 0, 2, 1, hidden), (TANH, 2, 0, 1, 0, 1, 0, *[0] * 5),
                               (MATMUL, 3, 0, 2, 0, 2, 0, 5 * hidden, 2 * steps, 1, hidden, outputs)]),
        buffers=np.array([(0, 1, 1, 1), (steps, hidden, 1, 1), ((1 + hidden) * steps, hidden, 1, 1),
                          ((1 + 2 * hidden) * steps, outputs, 1, 1)]),
        runs=np.array([(0, 0, hidden, 0, 1), (1, 0, hidden, 0, hidden), (2, 0, outputs, 0, hidden)]),
        entries=np.array([(run_, k, k + 1) for k in range(steps) for run_ in range(3)]), positions=positions,
        steps=3 * np.arange(steps + 1), weights=np.concatenate(weights), tables=tables, constants=[], contexts=[],
        inputs=np.array([(0, k, 0) for k in range(steps)]), outputs=np.array([(3, k, 0) for k in range(steps)]),
        size=(1 + 2 * hidden + outputs) * steps)
    values = make.integers(0, 2, (batch, steps, 1)).astype(make.dtype)
    codes = np.array([[-1], [1]], make.dtype)
    return [make.values(values.shape, 0, 1), values, np.ones(values.shape, bool), program, CATEGORICAL, outputs, codes,
            [1.0]]


def _extent(program, buffer):
    """How many positions a buffer has."""
    ends = [*program.buffers[1:, START], program.size]
    return (ends[buffer] - program.buffers[buffer, START]) // program.buffers[buffer, CHANNELS]


def _constants(program, contexts):
    """What is there from the start: pairs of a buffer and an array (1 or batch, positions, channels)."""
    arrays = [array.reshape(len(array), -1, array.shape[-1]) for array in contexts]
    return [*program.constants, *zip(program.contexts, arrays, strict=True)]


def _compute(program, buffers, run_, positions):
    """One run of channels at some positions."""
    row = program.instructions[run_[INSTRUCTION]]
    low, high = run_[LOW], run_[HIGH]
    code, a, b, table = row[CODE], row[A], row[B], row[TABLE]
    a_positions = positions if program.buffers[a, BY_POSITION] else np.zeros_like(positions)
    b_positions = positions if program.buffers[b, BY_POSITION] else np.zeros_like(positions)
    if code == MATMUL:
        value = _product(program, buffers[a], row, run_, positions)
    elif code == GATHER:
        value = buffers[a][:, a_positions][..., row[A_AT] + program.tables[table + low:table + high]]
    elif code == CONCAT_ELU:
        value = concat_elu(buffers[a][:, a_positions, row[A_AT]:row[A_AT] + row[INPUTS]])[..., low:high]
    else:
        x = buffers[a][:, a_positions, row[A_AT] + low:row[A_AT] + high]
        y = buffers[b][:, b_positions, row[B_AT] + low:row[B_AT] + high]
        value = _FUNCTIONS[code](x, y)
    buffers[row[OUT]][:, positions, row[OUT_AT] + low:row[OUT_AT] + high] = value


def _product(program, a, row, run_, positions):
    """bias + Σₜ a[table[p, t]] @ w[t] for each position p."""
    low, high, first, last = run_[LOW:]
    taps, inputs, outputs = row[TAPS:]
    sources = program.tables[row[TABLE]:][:(positions.max() + 1) * taps].reshape(-1, taps)[positions]
    bias = program.weights[row[WEIGHTS]:][:outputs]
    w = program.weights[row[WEIGHTS] + outputs:][:taps * inputs * outputs].reshape(taps, inputs, outputs)
    x = np.where((sources >= 0)[..., None], a[:, sources, row[A_AT]:row[A_AT] + inputs], 0)
    return np.einsum("nptc,tcd->npd", x[..., first:last], w[:, first:last, low:high]) + bias[low:high]


_FUNCTIONS = {
    RELU: lambda x, y: np.maximum(x, 0), TANH: lambda x, y: np.tanh(x), SIGMOID: lambda x, y: sigmoid(x),
    ELU: lambda x, y: np.where(x > 0, x, np.expm1(np.minimum(x, 0))), NEGATE: lambda x, y: -x,
    ADD: lambda x, y: x + y, SUBTRACT: lambda x, y: x - y, MULTIPLY: lambda x, y: x * y,
    GATE: lambda x, y: np.tanh(x) * sigmoid(y), GLU: lambda x, y: x * sigmoid(y),
}


@loop
def _run(start, stop, first, room, size, noise, values, observed, instructions, buffers, runs, entries, positions,
         steps, weights, tables, constants, constant_buffers, constant_starts, inputs, outputs, settings, codes, x,
         parameters):
    """Examples first + start … first + stop; `room` is for the arenas of all threads."""
    batch = stop - start
    arena = room[start * size:stop * size]
    start = first + start
    for i in range(buffers.shape[0]):
        if buffers[i, CLEARED]:
            end = buffers[i + 1, START] if i + 1 < buffers.shape[0] else size
            arena[buffers[i, START] * batch:end * batch] = 0
    for i in range(constant_buffers.shape[0]):
        _fill(arena, buffers[constant_buffers[i, 0]], constants[constant_starts[i]:constant_starts[i + 1]],
              constant_buffers[i, 1], start, batch)
    scratch = np.empty(parameters.shape[2], noise.dtype)
    for k in range(values.shape[1]):
        _compute_step(steps[k], steps[k + 1], arena, batch, instructions, buffers, runs, entries, positions, weights,
                      tables)
        source, target = buffers[outputs[k, 0]], buffers[inputs[k, 0]]
        for b in range(batch):
            chosen = parameters[start + b, k]  # (width,)
            drawn = x[start + b, k]  # (m,)
            at = _address(source, batch, outputs[k, 1], b, outputs[k, 2])
            for j in range(chosen.size):
                chosen[j] = arena[at + j]
            draw_one(chosen, noise[start + b, k], settings, scratch, drawn)
            at = _address(target, batch, inputs[k, 1], b, inputs[k, 2])
            for j in range(drawn.size):
                if observed[start + b, k, j]:
                    drawn[j] = values[start + b, k, j]
                if codes.shape[0] == 0:
                    arena[at + j] = drawn[j]
                else:
                    for c in range(codes.shape[1]):
                        arena[at + j * codes.shape[1] + c] = codes[np.int64(drawn[j]), c]


@loop
def _address(buffer, batch, position, example, channel):
    """Where a number lies in the arena."""
    return buffer[START] * batch + (position * batch + example) * buffer[CHANNELS] + channel


@loop
def _fill(arena, buffer, constant, examples, start, batch):
    """Put a constant (examples, positions, channels) into its buffer; one example stands for all."""
    count = constant.size // examples
    channels = buffer[CHANNELS]
    for b in range(batch):
        example = start + b if examples > 1 else 0
        numbers = constant[example * count:(example + 1) * count]
        for p in range(count // channels):
            at = _address(buffer, batch, p, b, 0)
            for c in range(channels):
                arena[at + c] = numbers[p * channels + c]


@loop
def _compute_step(first, last, arena, batch, instructions, buffers, runs, entries, positions, weights, tables):
    """The work of one step: entries first … last."""
    for e in range(first, last):
        run_ = runs[entries[e, 0]]
        row, where = instructions[run_[INSTRUCTION]], positions[entries[e, 1]:entries[e, 2]]
        if row[CODE] == MATMUL:
            _matmul(arena, batch, row, buffers, run_, where, weights, tables)
        else:
            _elementwise(arena, batch, row, buffers, run_, where, tables)


@loop
def _matmul(arena, batch, row, buffers, run_, positions, weights, tables):
    """out[p] = bias + Σₜ a[table[p, t]] @ w[t], of the run's channels; rows are positions times examples."""
    low, high, first, last = run_[LOW], run_[HIGH], run_[FIRST], run_[LAST]
    taps, inputs, outputs = row[TAPS], row[INPUTS], row[OUTPUTS]
    source, target = buffers[row[A]], buffers[row[OUT]]
    bias = weights[row[WEIGHTS]:row[WEIGHTS] + outputs]
    turned = weights[row[WEIGHTS] + outputs * (1 + taps * inputs):]  # (taps, outputs, inputs)
    width = high - low
    x_at, out_at = np.empty(positions.size * batch, np.int64), np.empty(positions.size * batch, np.int64)
    for i in range(positions.size):
        for b in range(batch):
            at = _address(target, batch, positions[i], b, row[OUT_AT] + low)
            out = arena[at:at + width]
            for j in range(out.size):
                out[j] = bias[low + j]
    for t in range(taps):
        count = 0
        for i in range(positions.size):
            q = tables[row[TABLE] + positions[i] * taps + t]
            if q >= 0:
                for b in range(batch):
                    x_at[count] = _address(source, batch, q, b, row[A_AT])
                    out_at[count] = _address(target, batch, positions[i], b, row[OUT_AT] + low)
                    count += 1
        if width <= NARROW:
            for j in range(width):
                begin = (t * outputs + low + j) * inputs
                column = turned[begin + first:begin + last]
                for r in range(count):
                    arena[out_at[r] + j] += _dot(arena[x_at[r] + first:x_at[r] + last], column)
            continue
        at = row[WEIGHTS] + outputs * (1 + t * inputs) + low
        multiply_rows(arena, x_at, arena, out_at, count, weights, at, outputs, first, last, width)


@loop
def _dot(x, w):
    total = x.dtype.type(0)
    for i in range(x.size):
        total += x[i] * w[i]
    return total


@loop
def _elementwise(arena, batch, row, buffers, run_, positions, tables):
    """Everything but products; an input that has one value for all positions is read at its position 0."""
    code, low, width = row[CODE], run_[LOW], run_[HIGH] - run_[LOW]
    target, a, b = buffers[row[OUT]], buffers[row[A]], buffers[row[B]]
    for i in range(positions.size):
        p = positions[i]
        for n in range(batch):
            at = _address(target, batch, p, n, row[OUT_AT] + low)
            out = arena[at:at + width]
            at = _address(a, batch, p * a[BY_POSITION], n, row[A_AT])
            if code == GATHER:
                channels = tables[row[TABLE] + low:row[TABLE] + low + width]
                for j in range(out.size):
                    out[j] = arena[at + channels[j]]
                continue
            if code == CONCAT_ELU:  # channels before `middle` are elu(a), those from it on elu(-a)
                middle = min(max(row[INPUTS] - low, 0), width)
                _apply(ELU, out[:middle], arena[at + low:at + low + middle], out)
                _elu_of_minus(out[middle:], arena[at + low + middle - row[INPUTS]:])
                continue
            x = arena[at + low:at + low + width]
            at = _address(b, batch, p * b[BY_POSITION], n, row[B_AT] + low)
            _apply(code, out, x, arena[at:at + width])


@loop
def _elu_of_minus(out, x):
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
def _(noise, values, observed, program, draw, width, codes, settings, contexts=()):
    batch, steps, _ = values.shape
    dtype = noise.dtype
    x, parameters = np.empty(values.shape, dtype), np.empty((batch, steps, width), dtype)
    constants = _constants(program, contexts)
    filled = np.array([[buffer, len(array)] for buffer, array in constants], np.int64).reshape(-1, 2)
    starts = np.cumsum([0, *(array.size for _, array in constants)])
    flat = np.concatenate([np.zeros(0), *(array.reshape(-1) for _, array in constants)], dtype=dtype)
    at_once = min(ROOM // program.size, max(64, CACHE // program.size))  # 64 for one reading of the weights
    at_once = min(batch, thread_count() * max(4, at_once // 4 * 4))
    # Made here: what a thread gets goes back to the system at the loop's end, and has to be cleared to come again.
    room = np.empty(at_once * program.size, dtype)
    arrays = (np.ascontiguousarray(noise), np.ascontiguousarray(values, dtype), np.ascontiguousarray(observed))
    sampler = sampler_of(_run, draw)
    for first in range(0, batch, at_once):
        run(sampler, min(at_once, batch - first), 1, first, room, program.size, *arrays, program.instructions,
            program.buffers, program.runs, program.entries, program.positions, program.steps, program.weights,
            program.tables, flat, filled, starts, program.inputs, program.outputs, np.asarray(settings, dtype),
            np.ascontiguousarray(codes, dtype), x, parameters)
    return x, parameters
