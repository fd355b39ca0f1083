"""The recursions of hidden Markov models over time, on logarithms, so that nothing underflows.

`log_emission[n, t, s]` is log p(x_t | z_t = s) of sequence n. A step of a recursion multiplies a vector of
probabilities by the transition matrix. The references take log-sum-exps over all pairs of states. The loops multiply
plain numbers, of which the largest is 1; they go back to logarithms only for sums so small that some of their terms may
have underflowed. So a step takes a few logarithms and exponentials for each state, instead of one for each pair.

Rabiner, "A Tutorial on Hidden Markov Models and Selected Applications in Speech Recognition", 1989.
"""

import math

import numpy as np

from ..arrays import array_module
from ..arrays.pool import run
from .heads import components, pick_component
from .machinery.compiling import loop
from .machinery.dispatch import kernel
from .machinery.functions import exp, log
from .machinery.wrapping import GRAIN, covered
from .reductions import log_softmax, logsumexp, row_logsumexp, row_shift

BLOCKS = 32  # sums over sequences are made in so many blocks, however many threads there are


@kernel
def hmm_filter(log_emission, log_initial, log_transition):
    """log p(z_t | x_1 … x_t), `(n, T, S)`, and log p(x_t | x_1 … x_t-1), `(n, T)`, whose sum over t is log p(x).

    Where x is impossible both are -inf from the first impossible x_t on.
    """
    xp = array_module(log_emission)
    filtered, conditional = xp.empty_like(log_emission), xp.empty(log_emission.shape[:2], log_emission.dtype)
    predicted = log_initial
    for t in range(log_emission.shape[1]):
        joint = predicted + log_emission[:, t]
        total = logsumexp(joint, axis=-1)
        conditional[:, t] = total
        filtered[:, t] = joint - xp.where(xp.isfinite(total), total, 0)[:, None]
        predicted = logsumexp(filtered[:, t, :, None] + log_transition, axis=1)
    return filtered, conditional


hmm_filter.example(lambda make: _example(make))


@kernel
def hmm_smooth(log_emission, log_filtered, log_transition):
    """p(z_t | x), `(n, T, S)`, and the transitions expected given x, summed over time and sequences, `(S, S)`.

    Both are NaN where x is impossible.
    """
    xp = array_module(log_emission)
    posterior, transitions = xp.empty_like(log_emission), xp.zeros_like(log_transition)
    posterior[:, -1] = xp.exp(log_filtered[:, -1] - logsumexp(log_filtered[:, -1], axis=-1, keepdims=True))
    future = xp.zeros_like(log_emission[:, 0])  # log p(x_t+1 … x_T | z_t) up to a constant
    for t in range(log_emission.shape[1] - 2, -1, -1):
        future = future + log_emission[:, t + 1]
        pairs = log_filtered[:, t, :, None] + log_transition + future[:, None, :]
        pairs = xp.exp(pairs - logsumexp(pairs, axis=(1, 2), keepdims=True))  # p(z_t, z_t+1 | x)
        transitions += pairs.sum(axis=0)
        posterior[:, t] = pairs.sum(axis=2)
        future = logsumexp(log_transition + future[:, None, :], axis=2)
        largest = future.max(axis=-1, keepdims=True)
        future = future - xp.where(xp.isfinite(largest), largest, 0)
    return posterior, transitions


@hmm_smooth.example
def _(make):
    emission, initial, transition = _example(make)
    return [emission, hmm_filter.reference(emission, initial, transition)[0], transition]


@kernel
def hmm_viterbi(log_emission, log_initial, log_transition):
    """The most probable states given x, int64 `(n, T)`, and log p(x, states), `(n,)`; of equal ones the first."""
    xp = array_module(log_emission)
    n, steps, _ = log_emission.shape
    best, back = log_initial + log_emission[:, 0], xp.zeros(log_emission.shape, np.int64)
    for t in range(1, steps):
        pairs = best[:, :, None] + log_transition
        back[:, t] = pairs.argmax(axis=1)
        best = pairs.max(axis=1) + log_emission[:, t]
    states = xp.empty((n, steps), np.int64)
    states[:, -1] = best.argmax(axis=-1)
    for t in range(steps - 1, 0, -1):
        states[:, t - 1] = back[xp.arange(n), t, states[:, t]]
    return states, best.max(axis=-1)


hmm_viterbi.example(lambda make: _example(make))


@kernel
def hmm_draw(log_filtered, log_transition, uniforms):
    """States drawn from p(z | x), int64 `(n, T)`, by `uniforms` in [0, 1), float64 `(n, T)`: the last state first.

    z_t is drawn from p(z_t | x_1 … x_t) A(z_t, z_t+1), in float64 whatever the dtype; never a state that this makes
    impossible. (Frühwirth-Schnatter, "Data Augmentation and Dynamic Linear Models", 1994.)
    """
    xp = array_module(log_filtered)
    n, steps, _ = log_filtered.shape
    states, towards = xp.empty((n, steps), np.int64), log_transition.T
    for t in range(steps - 1, -1, -1):
        logits = log_filtered[:, t] if t == steps - 1 else log_filtered[:, t] + towards[states[:, t + 1]]
        states[:, t] = components(uniforms[:, t], logits.astype(np.float64))
    return states


@hmm_draw.example
def _(make):
    emission, initial, transition = _example(make)
    filtered = hmm_filter.reference(emission, initial, transition)[0]
    return [filtered, transition, make.random().random(emission.shape[:2])]


def _example(make):
    """Emissions of sequences of 64 steps and 8 states, or of shorter ones and fewer, and a chain's probabilities."""
    states = make.size(8)
    emission = make.standard((make.count(512), make.size(64), states))
    initial, transition = (log_softmax(make.standard(shape)) for shape in (states, (states, states)))
    return [emission, initial, transition]


@loop
def _multiply(v, matrix, log_matrix, safe, weights, sums, out):
    """out[j] = log Σ_i exp(v[i]) matrix[i, j]; sums below `safe` are computed again from logarithms.

    Returns log Σ exp(v). Leaves exp(v - shift) in `weights`, where shift is the largest of v, and Σ_i weights[i]
    matrix[i, j] in `sums`.
    """
    shift, total = row_shift(v), v.dtype.type(0)
    sums[:] = 0
    for i in range(v.size):
        weights[i] = exp(v[i] - shift)
        total += weights[i]
        for j in range(v.size):
            sums[j] += weights[i] * matrix[i, j]
    for j in range(v.size):
        if sums[j] >= safe:
            out[j] = log(sums[j]) + shift
        else:
            out[j] = row_logsumexp(v + log_matrix[:, j])
    return log(total) + shift


@loop
def _scratch(count, like):
    """Rows to work with, in one block of memory.

    The compiler looks at the distance of two arrays to choose between two forms of a loop, which round differently:
    rows of one block always have the same distance, so that equal data give equal bits.
    """
    return np.empty((count, like.size), like.dtype)


@loop
def _filter(start, stop, emission, initial, matrix, log_matrix, safe, filtered, conditional):
    weights, sums, predicted = _scratch(3, initial)
    for n in range(start, stop):
        predicted[:] = initial
        for t in range(emission.shape[1]):
            e, f = emission[n, t], filtered[n, t]
            for s in range(f.size):
                f[s] = predicted[s] + e[s]
            total = _multiply(f, matrix, log_matrix, safe, weights, sums, predicted)
            conditional[n, t] = total
            if abs(total) < math.inf:
                for s in range(f.size):
                    f[s] -= total
                    predicted[s] -= total


@loop
def _smooth(start, stop, emission, filtered, matrix, log_matrix, safe, posterior, transitions):
    """Blocks `start` to `stop` of the sequences; each block has its own matrix of expected transitions."""
    states, steps, blocks = emission.shape[2], emission.shape[1], transitions.shape[0]
    transposed, log_transposed = matrix.T.copy(), log_matrix.T.copy()
    future, product, left, weights, sums = _scratch(5, matrix[0])
    for block in range(start, stop):
        counts = transitions[block]
        for n in range(emission.shape[0] * block // blocks, emission.shape[0] * (block + 1) // blocks):
            total = row_logsumexp(filtered[n, steps - 1])
            for s in range(states):
                posterior[n, steps - 1, s] = exp(filtered[n, steps - 1, s] - total)
            product[:] = 0
            for t in range(steps - 2, -1, -1):
                f, p = filtered[n, t], posterior[n, t]
                shift, top, total = row_shift(product), row_shift(f), f.dtype.type(0)
                for s in range(states):
                    future[s] = product[s] - shift + emission[n, t + 1, s]
                # product: log p(x_t+1 … x_T | z_t); its product with p(z_t | x_1 … x_t) is p(z_t | x), unnormalised
                _multiply(future, transposed, log_transposed, safe, weights, sums, product)
                for s in range(states):
                    left[s] = exp(f[s] - top)
                    total += left[s] * sums[s]
                if total >= safe:
                    for i in range(states):
                        left[i] /= total
                        p[i] = left[i] * sums[i]
                        for j in range(states):
                            counts[i, j] += left[i] * matrix[i, j] * weights[j]
                else:
                    _smooth_logarithms(f, future, product, log_matrix, p, counts)


@loop
def _smooth_logarithms(f, future, product, log_matrix, posterior, counts):
    """One step back where products of plain numbers are too small."""
    total = row_logsumexp(f + product)
    for i in range(f.size):
        posterior[i] = exp(f[i] + product[i] - total)
        for j in range(f.size):
            counts[i, j] += exp(f[i] + log_matrix[i, j] + future[j] - total)


@loop
def _viterbi(start, stop, emission, initial, log_matrix, states, values):
    count, steps = emission.shape[2], emission.shape[1]
    best, after, back = np.empty_like(initial), np.empty_like(initial), np.empty((steps, count), np.int64)
    for n in range(start, stop):
        for s in range(count):
            best[s] = initial[s] + emission[n, 0, s]
        for t in range(1, steps):
            after[:] = best[0] + log_matrix[0]
            back[t] = 0
            for i in range(1, count):
                for j in range(count):
                    value = best[i] + log_matrix[i, j]
                    if value > after[j]:
                        after[j], back[t, j] = value, i
            for j in range(count):
                best[j] = after[j] + emission[n, t, j]
        last = 0
        for s in range(1, count):
            last = s if best[s] > best[last] else last
        values[n] = best[last]
        for t in range(steps - 1, -1, -1):
            states[n, t] = last
            last = back[t, last] if t else last


@loop
def _draw(start, stop, filtered, log_matrix, uniforms, states):
    count, steps = filtered.shape[2], filtered.shape[1]
    logits, scratch = np.empty(count, np.float64), np.empty(count, np.float64)
    for n in range(start, stop):
        for t in range(steps - 1, -1, -1):
            for s in range(count):
                after = log_matrix[s, states[n, t + 1]] if t < steps - 1 else filtered.dtype.type(0)
                logits[s] = filtered[n, t, s] + after
            states[n, t] = pick_component(uniforms[n, t], logits, 1.0, scratch)


def _prepare(*arrays):
    """The arrays in C order, the transition matrix, and `safe`, the least sum that is surely right.

    A term that underflows is below the smallest normal number; `safe` is that number over the precision squared.
    Returns None for arrays that the loops do not cover.
    """
    if not covered(*arrays) or arrays[0].size == 0:
        return None
    arrays = [np.ascontiguousarray(a) for a in arrays]
    limits = np.finfo(arrays[0].dtype)
    return *arrays, np.exp(arrays[-1]), arrays[0].dtype.type(limits.tiny / limits.eps**2)


def _grain(emission, parts):
    """How many of `parts` equal parts of the sequences a thread should have at least."""
    return max(1, GRAIN * parts // (emission.size * emission.shape[-1]))


@hmm_filter.compiled(above=128)
def _(log_emission, log_initial, log_transition):
    prepared = _prepare(log_emission, log_initial, log_transition)
    if prepared is None:
        return NotImplemented
    emission, initial, log_matrix, matrix, safe = prepared
    filtered, conditional = np.empty_like(emission), np.empty(emission.shape[:2], emission.dtype)
    run(_filter, len(emission), _grain(emission, len(emission)), emission, initial, matrix, log_matrix, safe, filtered,
        conditional)
    return filtered, conditional


@hmm_smooth.compiled(above=128)
def _(log_emission, log_filtered, log_transition):
    prepared = _prepare(log_emission, log_filtered, log_transition)
    if prepared is None:
        return NotImplemented
    emission, filtered, log_matrix, matrix, safe = prepared
    blocks = min(BLOCKS, len(emission))
    posterior, transitions = np.empty_like(emission), np.zeros((blocks, *matrix.shape), emission.dtype)
    run(_smooth, blocks, _grain(emission, blocks), emission, filtered, matrix, log_matrix, safe, posterior, transitions)
    return posterior, transitions.sum(axis=0)


@hmm_viterbi.compiled(above=128)
def _(log_emission, log_initial, log_transition):
    prepared = _prepare(log_emission, log_initial, log_transition)
    if prepared is None:
        return NotImplemented
    emission, initial, log_matrix, _, _ = prepared
    states, values = np.empty(emission.shape[:2], np.int64), np.empty(len(emission), emission.dtype)
    run(_viterbi, len(emission), _grain(emission, len(emission)), emission, initial, log_matrix, states, values)
    return states, values


@hmm_draw.compiled(above=128)
def _(log_filtered, log_transition, uniforms):
    prepared = _prepare(log_filtered, log_transition)
    if prepared is None:
        return NotImplemented
    filtered, log_matrix, _, _ = prepared
    states = np.empty(filtered.shape[:2], np.int64)
    run(_draw, len(filtered), _grain(filtered, len(filtered)), filtered, log_matrix, uniforms, states)
    return states
