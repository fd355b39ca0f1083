"""The autoregressive networks of WORKLOADS as lists of their layers, from which parameters and floors are made.

Names are minigen's; a weight is (taps, inputs, outputs).
"""

import math
from dataclasses import dataclass

import numpy as np

from . import inputs

HERE = ((0, 0),)
ABOVE = tuple((row, column) for row in (-1, 0) for column in (-1, 0, 1))
BEFORE = tuple((row, column) for row in (-1, 0) for column in (-1, 0))
ABOVE_UP = tuple((row, column) for row in (0, 1) for column in (-1, 0, 1))
BEFORE_UP = tuple((row, column) for row in (0, 1) for column in (0, 1))


@dataclass(frozen=True)
class Layer:
    """A convolution by its live taps; `scale` is how often its smaller side has been halved."""

    taps: tuple
    inputs: int
    outputs: int
    bias: bool = True
    scale: int = 0
    data: bool = False  # whether its input is the data, which needs no gradient

    @property
    def shape(self):
        """Of the weight."""
        return len(self.taps), self.inputs, self.outputs


def pixelcnn(channels=64, blocks=7):
    """A PixelCNN of one binary colour: name -> Layer."""
    half = channels // 2
    layers = {"first": Layer(inputs.taps(7, "A"), 1, channels, data=True)}
    for i in range(blocks):
        layers[f"blocks.{i}.narrow"] = Layer(HERE, channels, half)
        layers[f"blocks.{i}.masked"] = Layer(inputs.taps(3, "B"), half, half)
        layers[f"blocks.{i}.widen"] = Layer(HERE, half, channels)
    return {**layers, "head.0": Layer(HERE, channels, channels), "head.1": Layer(HERE, channels, 1)}


def gated_pixelcnn(channels=32, layers=7, skip_channels=64):
    """A gated PixelCNN of one binary colour: name -> Layer."""
    network = {}
    for i in range(layers):
        size, first, n = (3, False, channels) if i else (7, True, 1)
        square = inputs.taps(size, "dense")
        network[f"layers.{i}.above"] = Layer(
            tuple(tap for tap in square if tap[0] < 0 or tap[0] == 0 and not first), n, 2 * channels, data=first)
        network[f"layers.{i}.link"] = Layer(HERE, 2 * channels, 2 * channels, bias=False)
        row = tuple(tap for tap in inputs.taps(size, "A" if first else "B") if tap[0] == 0)
        network[f"layers.{i}.left"] = Layer(row, n, 2 * channels, data=first)
        network[f"layers.{i}.skip"] = Layer(HERE, channels, skip_channels)
        network[f"layers.{i}.out"] = Layer(HERE, channels, channels)
    return {**network, "head.0": Layer(HERE, skip_channels, skip_channels), "head.1": Layer(HERE, skip_channels, 1)}


def pixelcnn_pp(channels=64, blocks=5, scales=3, components=10, colours=3):
    """A PixelCNN++: name -> Layer."""
    n, p = colours + 1, channels
    layers = {"first_above": Layer(tuple((row, c) for row in (-2, -1) for c in (-1, 0, 1)), n, p, data=True),
             "first_row": Layer(tuple((-1, c) for c in (-1, 0, 1)), n, p, data=True),
             "first_left": Layer(((-1, -1), (0, -1)), n, p, data=True)}

    def pair(name, scale, aside):
        for i, (taps, besides) in enumerate(((ABOVE, aside), (BEFORE, aside + p))):
            layers[f"{name}.{i}.first"] = Layer(taps, 2 * p, p, scale=scale)
            if besides:
                layers[f"{name}.{i}.aside"] = Layer(HERE, 2 * besides, p, bias=False, scale=scale)
            layers[f"{name}.{i}.second"] = Layer(taps, 2 * p, 2 * p, scale=scale)

    for s in range(scales):
        for b in range(blocks):
            pair(f"down.{s}.{b}", s, 0)
        for b in range(blocks + (s > 0)):
            pair(f"up.{s}.{b}", scales - 1 - s, p)
    for s in range(1, scales):
        for i in range(2):
            layers[f"halve.{s - 1}.{i}"] = Layer((ABOVE, BEFORE)[i], p, p, scale=s)
            layers[f"double.{s - 1}.{i}"] = Layer((ABOVE_UP, BEFORE_UP)[i], p, p, scale=scales - s)
    rows = 1 + 2 * colours + colours * (colours - 1) // 2
    return {**layers, "head": Layer(HERE, p, components * rows)}


def parameters(layers, seed=0):
    """name.weight and name.bias of each layer, weights by Glorot's uniform rule, small biases.

    The second layers of a PixelCNN++'s blocks and its outputs start smaller, as in training.
    """
    rng, arrays = np.random.default_rng(seed), {}
    for name, layer in sorted(layers.items()):
        bound = (6 / (len(layer.taps) * (layer.inputs + layer.outputs))) ** 0.5
        bound *= 0.1 if name == "head" or name.endswith(".second") else 1
        arrays[f"{name}.weight"] = rng.uniform(-bound, bound, layer.shape).astype(inputs.DTYPE)
        if layer.bias:
            arrays[f"{name}.bias"] = rng.uniform(-0.1, 0.1, layer.outputs).astype(inputs.DTYPE)
    return arrays


def nade(variables=784, hidden=500, seed=0):
    """Parameters of a binary NADE."""
    rng = np.random.default_rng(seed)
    shapes = {"table": (variables, 1, hidden), "c": (hidden,), "v": (variables, 1, hidden), "b": (variables, 1)}
    return {name: rng.uniform(-0.05, 0.05, shape).astype(inputs.DTYPE) for name, shape in shapes.items()}


def made(sizes, seed=0):
    """Parameters of a MADE with these layers."""
    arrays = inputs.mlp("", sizes, seed)
    return {f"{kind}.{i}": arrays[f"layers.{i}.{kind[:-2] if kind == 'biases' else kind[:-1]}"]
            for kind in ("weights", "biases") for i in range(len(sizes) - 1)}


def training_floor(layers, batch, extent):
    """(flops, bytes) of a training step: three products a layer, two where the data come in.

    Bytes are for Adam (4 arrays read, 3 written, and the gradient written before), and for each layer's output once
    written and once read.
    """
    flops = moved = 0.0
    for layer in layers.values():
        rows, size = batch * (extent >> layer.scale) ** 2, math.prod(layer.shape)
        flops += (2 if layer.data else 3) * 2 * rows * size
        moved += 32 * (size + layer.bias * layer.outputs) + 8 * rows * layer.outputs
    return flops, moved


def sampling_floor(layers, batch, extent):
    """(flops, bytes) of drawing a batch: every product once; every weight once, and what is drawn."""
    sizes = [(math.prod(layer.shape), (extent >> layer.scale) ** 2) for layer in layers.values()]
    return 2 * batch * sum(size * positions for size, positions in sizes), 4 * sum(size for size, _ in sizes)
