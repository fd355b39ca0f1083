"""What the engine itself costs per op: chains of 400 ops on 4×4 float32 arrays, whose arithmetic is next to nothing.

    python -m benchmarks.op_overhead [--repeats N]

Prints the median over many repeats, in microseconds per op, of the forward pass (recording the graph), of the same
functions on plain arrays, and of the sweep back to the chain's input.
"""

import argparse
import gc
import statistics
import time

import numpy as np

from minigen import Tensor, grad, ops

OPS = 400


def chain(x, w, b):
    """x through 400 ops: multiply, add and tanh in turn."""
    for _ in range(OPS // 4):
        x = ops.tanh(x * w + b)
        x = x * w
    return x


def measure(repeats: int) -> dict[str, float]:
    """Median seconds of each pass."""
    arrays = [np.random.default_rng(seed).uniform(0.5, 1.5, (4, 4)).astype(np.float32) for seed in range(3)]
    ones = np.ones((4, 4), np.float32)
    times = {"plain arrays": [], "forward": [], "backward": []}
    gc.collect()
    gc.disable()  # a collection would fall into some repeats and not into others
    try:
        for _ in range(repeats):
            tensors = [Tensor(a) for a in arrays]
            start = time.perf_counter()
            chain(*arrays)
            plain = time.perf_counter()
            y = chain(*tensors)
            forward = time.perf_counter()
            grad(y, tensors, ones)
            backward = time.perf_counter()
            del y
            for name, seconds in zip(times, (plain - start, forward - plain, backward - forward), strict=True):
                times[name].append(seconds)
    finally:
        gc.enable()
    return {name: statistics.median(values) for name, values in times.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=300, help="how many chains to run (300)")
    repeats = parser.parse_args().repeats
    measure(max(1, repeats // 10))  # warm up
    for name, seconds in measure(repeats).items():
        print(f"{name:13} {1e6 * seconds / OPS:6.2f} µs per op")


if __name__ == "__main__":
    main()
