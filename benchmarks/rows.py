"""What can be measured: one `Row` is one line of the table."""

import importlib
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from . import inputs, networks

MADE = (784, 500, 500, 784)
ONES = 0.3  # the share of ones in `inputs.binary`
TINY = {"channels": 8, "blocks": 2}  # a PixelCNN++ where only the values matter
TRAINING = ("eager", "default", "compile")  # PyTorch with fused Adam, with default Adam, compiled with fused Adam


@dataclass(frozen=True)
class Row:
    """A step that both sides can do: `workloads.<module>.build` and `peers.<module>.build`.

    `flops` and `bytes` are the least that the step has to compute and move, masked zeros not counted. `arguments`
    go to both builders; `small` replaces some of them where only the values matter. `per` is the number of equal
    pieces in a step. `needs` names what must be there on minigen's side, as "module:attribute", and `peer` the package
    that the other side is written with. `goals` are the ratios to reach against the peer's variants:
    those of `TRAINING`, or of sampling a loop with caches ("eager") and one that runs the whole network for each
    variable ("plain").
    """

    key: str
    step: str
    module: str
    flops: float = 0.0
    bytes: float = 0.0
    variants: tuple = ("eager",)
    arguments: dict = field(default_factory=dict)
    small: dict = field(default_factory=dict)
    per: int = 1
    needs: str = ""
    peer: str = "torch"
    goals: dict = field(default_factory=dict)

    def available(self) -> bool:
        """Whether minigen has what the row needs."""
        module, _, name = self.needs.partition(":")
        return not self.needs or hasattr(importlib.import_module(module), name)


@dataclass
class Work:
    """One side of a row, built: `step(prepare())` is one repeat, of which `prepare` is not timed.

    `values()` gives named arrays by which the sides are compared: the parameters, or what the last step computed.
    `share` is how much of the row's work a step does, where it does only a part that stands for all.
    A training step also has `update`, one update with the noise that is given: on minigen's side a generator that
    draws it, on the peer's the arrays that minigen's `noise(generator)` draws.
    """

    step: Callable
    values: Callable
    prepare: Callable | None = None
    update: Callable | None = None
    noise: Callable | None = None
    share: float = 1.0


def _affine(batch, *nets, examples=1, skip_input=True, density=None):
    """(flops, bytes) of a training step through affine nets of these sizes.

    Three products a layer, two for the layer that sees the data; bytes for Adam (4 arrays read, 3 written, and the
    gradient written before), and for each layer's output once written and once read.
    """
    flops = moved = 0.0
    for number, sizes in enumerate(nets):
        rows = batch if number == 0 else batch * examples
        for layer, (n, m) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
            products = 2 if skip_input and number == layer == 0 else 3
            live = density[layer] if density else 1.0
            flops += products * 2 * rows * n * m * live
            moved += 32 * (n * m * live + m) + 8 * rows * m
    return flops, moved


def _training(key, step, floor, **keywords):
    flops, moved = floor
    return Row(key, step, keywords.pop("module", key), flops, moved, TRAINING, **keywords)


def _made(key, step, **keywords):
    density = [float(mask.mean()) for mask in inputs.made_masks(MADE)]
    return _training(key, step, _affine(128, MADE, density=density), **keywords)


def _nade(batch, variables=784, hidden=500):
    """An inner product for each variable with its two gradients, and three passes where a variable is 1."""
    each = batch * variables * hidden
    return 3 * 2 * each + 3 * ONES * each, 32 * variables * (2 * hidden + 1)


def _pixels(key, step, batch, goal, extent=28, settings=None):
    """A training step of one of the image networks; `settings` are those of a small one."""
    small = {"batch": 2, "extent": 12, **({"settings": settings} if settings else {})}
    floor = networks.training_floor(getattr(networks, key)(), batch, extent)
    return _training(key, step, floor, module="autoregressive", small=small, goals={"eager": goal},
                     arguments={"name": key, "batch": batch, "extent": extent})


def _sampling(name, step, floor, batch, goal, extent=28, settings=None):
    """Drawing examples: beside PyTorch with the same caches, and beside the loop of whole passes.

    Sides are compared by the parameters of all conditionals, of values that are given.
    """
    small = {"batch": 3, "forced": True, **({"extent": 12, "settings": settings} if settings else {})}
    return Row(f"sample_{name}", step, "autoregressive", *floor, ("eager", "plain"),
               {"name": name, "batch": batch, "extent": extent, "sampling": True}, small,
               goals={"eager": 3.0, "plain": goal})


def _made_sampling(batch):
    live = sum(float(mask.sum()) for mask in inputs.made_masks(MADE))
    return 2 * batch * live, 4 * live


def _nade_sampling(batch, variables=784, hidden=500):
    """An inner product for each variable; half of the variables are 1 and add a row."""
    return 2.5 * batch * variables * hidden, 8 * variables * hidden


def _critic():
    """Two passes of the critic with three products a layer, and a third whose input gradient is differentiated."""
    batch, critic, generator = 64, (784, 256, 256, 1), (64, 256, 256, 784)
    weights = sum(n * m for n, m in zip(critic[:-1], critic[1:], strict=True))
    made = sum(n * m for n, m in zip(generator[:-1], generator[1:], strict=True))
    first, (_, moved) = critic[0] * critic[1], _affine(batch, critic)
    # two passes: 3 products a layer, no input gradient; the penalty: forward, gradient, and both differentiated
    flops = 2 * batch * (made + 2 * (3 * weights - first) + 6 * weights - 2 * first)
    return flops, moved + 3 * 8 * batch * sum(critic[1:])


def _convolution(key, step, size, kind, channels_in, channels_out, goal, batch=16, extent=28):
    live, positions = len(inputs.taps(size, kind)), batch * extent * extent
    flops = 3 * 2 * positions * live * channels_in * channels_out
    moved = 4 * positions * (3 * channels_in + 3 * channels_out)  # x twice, its gradient; y, its cotangent twice
    shape = {"size": size, "kind": kind, "channels_in": channels_in, "channels_out": channels_out}
    return Row(f"conv/{key}", f"{step}, {batch}×{extent}×{extent}, forward and both gradients", "conv", flops, moved,
               arguments={**shape, "batch": batch, "extent": extent}, small={"batch": 2, "extent": 9},
               goals={"eager": goal})


ELEMENTS = 2**24


def _elementwise(name, step, passes, features=1024, needs=""):
    shape = {"name": name, "rows": ELEMENTS // features, "features": features}
    return Row(f"elementwise/{name}", f"{step}, 16 M elements", "elementwise", 0.0, 4 * ELEMENTS * passes,
               arguments=shape, small={"rows": 37, "features": 29}, needs=needs, goals={"eager": 2.0})


def _gmm(rows, columns, components):
    """Half a product for the distances, which whiten by triangles, and half for the symmetric moments, in float64."""
    shape = {"rows": rows, "columns": columns, "components": components}
    flops = 2 * 2 * rows * components * columns**2  # twice, since the rate is that of float32
    return Row("gmm", f"an EM iteration of {components} normals with full covariance, {rows:,} × {columns}, float64",
               "gmm", flops, 8 * rows * columns, arguments=shape, small={"rows": 600, "columns": 3, "components": 4},
               peer="sklearn", goals={"eager": 2.0})


def _bernoulli_mixture(rows, columns, components):
    """A product for log p(x, k), and one for the moments."""
    shape = {"rows": rows, "columns": columns, "components": components}
    step = f"an EM iteration of {components} products of Bernoullis, {rows:,} × {columns} (to take 0.7 s at most)"
    return Row("bernoulli_mixture", step, "bernoulli_mixture", 4 * rows * columns * components, rows * columns,
               arguments=shape, small={"rows": 600, "columns": 30, "components": 4}, peer="numpy")


def _kde(points, queries, columns):
    """The products of the coordinates of all pairs, and an exponential of each, counted as 20 operations."""
    shape = {"points": points, "queries": queries, "columns": columns, "bandwidth": 0.5}
    flops = 2 * points * queries * (2 * columns + 20)  # twice, since the rate is that of float32
    return Row("kde", f"log-density of {queries:,} by {points:,} normal kernels, {columns} columns, float64", "kde",
               flops, 8 * (points + queries) * columns, arguments=shape, small={"points": 300, "queries": 200},
               peer="sklearn", goals={"eager": 6.0})


ROWS = [
    _training("vae", "Bernoulli VAE 784-400-(20,20)-400-784, ReLU, batch 128",
              _affine(128, (784, 400, 40), (20, 400, 784)),
              goals={"eager": 1.1, "default": 1.3}),
    _training("iwae", "IWAE 784-200-200-50-200-200-784, tanh, k = 50, batch 20",
              _affine(20, (784, 200, 200, 100), (50, 200, 200, 784), examples=50),
              goals={"eager": 1.1, "default": 1.3}),
    _made("made", "MADE 784-500-500-784, ReLU, batch 128", module="autoregressive", goals={"eager": 1.4},
          arguments={"name": "made", "batch": 128}),
    _made("made_masked", "the same MADE in layers, weights times masks", module="made", goals={"eager": 1.4}),
    _training("nade", "NADE 784, 500 hidden units, batch 100", _nade(100), module="autoregressive",
              arguments={"name": "nade", "batch": 100}, goals={"eager": 3.0}),
    _pixels("pixelcnn", "PixelCNN, 64 channels, 7 blocks, 28×28×1, batch 16", 16, 1.3),
    _pixels("gated_pixelcnn", "gated PixelCNN, 32 channels, 7 layers, 28×28×1, batch 16", 16, 1.3),
    _pixels("pixelcnn_pp", "PixelCNN++, 64 channels, 5 blocks a scale, 32×32×3, batch 8", 8, 1.2, 32, TINY),
    _training("wgan_gp", "WGAN critic 784-256-256-1 with gradient penalty, batch 64", _critic(),
              goals={"eager": 1.2}),
    *[_convolution(f"3x3-b-{n}", f"masked 3×3 type B, {n} channels", 3, "B", n, n, 1.4) for n in (32, 48, 64, 128)],
    _convolution("7x7-a-1", "masked 7×7 type A, 1 to 64 channels", 7, "A", 1, 64, 1.0),
    _convolution("7x7-a-32", "masked 7×7 type A, 32 channels", 7, "A", 32, 32, 1.0),
    *[_convolution(f"3x3-{n}", f"dense 3×3, {n} channels", 3, "dense", n, n, 0.8) for n in (32, 64)],
    _elementwise("bernoulli", "Bernoulli log-likelihood from logits, summed", 2),
    _elementwise("bernoulli_vjp", "its gradient", 3),
    _elementwise("gate", "tanh(a)·sigmoid(b)", 3),
    _elementwise("gate_vjp", "its gradients", 5),
    _elementwise("softplus", "softplus", 2),
    _elementwise("gelu", "GELU", 2),
    _elementwise("normal", "normal log-density, summed", 3),
    _elementwise("normal_kl", "KL divergence from the standard normal, summed", 2),
    _elementwise("reparameterize", "reparameterisation loc + exp(log_scale)·noise", 4),
    _elementwise("categorical", "softmax cross-entropy of rows of 1024", 1),
    _elementwise("categorical_vjp", "its gradient", 2),
    _elementwise("layer_norm", "layer norm of rows of 1024", 2),
    _elementwise("log_softmax", "log-softmax of rows of 1024", 2),
    _elementwise("logsumexp", "logsumexp of rows of 1024", 1),
    Row("adam_1m", "Adam on 1 M parameters", "adam", 0.0, 7 * 4e6, ("eager", "default"), {"size": 1_000_000},
        {"size": 1000}, goals={"eager": 1.5, "default": 4.0}),
    Row("op_overhead/forward", "a chain of 400 ops on 4×4 arrays, recorded", "op_overhead", per=400,
        arguments={"backward": False}, goals={"eager": 1.2}),
    Row("op_overhead/backward", "its gradient", "op_overhead", per=400,
        arguments={"backward": True}, goals={"eager": 2.0}),
    _sampling("made", "64 examples of 784 by MADE", _made_sampling(64), 64, 10.0),
    _sampling("nade", "64 examples of 784 by NADE", _nade_sampling(64), 64, 10.0, settings={"variables": 90}),
    _sampling("gated_pixelcnn", "16 images of 28×28 by the gated PixelCNN",
              networks.sampling_floor(networks.gated_pixelcnn(), 16, 28), 16, 100.0,
              settings={"channels": 8, "layers": 3}),
    _sampling("pixelcnn_pp", "4 images of 32×32×3 by the PixelCNN++",
              networks.sampling_floor(networks.pixelcnn_pp(), 4, 32), 4, 50.0, 32, TINY),
    _gmm(100_000, 20, 10),
    _bernoulli_mixture(50_000, 784, 500),
    _kde(10_000, 10_000, 10),
]


def select(keys) -> list[Row]:
    """The available rows of these keys, or of the groups that they name; all for none. ValueError for unknown ones."""
    for key in keys:
        if not any(key in (row.key, row.key.partition("/")[0]) for row in ROWS) and key != "startup":
            raise ValueError(f"unknown row {key!r}; python -m benchmarks --list shows them")
    chosen = [row for row in ROWS if not keys or row.key in keys or row.key.partition("/")[0] in keys]
    return [row for row in chosen if row.available()]


def order(key) -> int:
    """Where a key stands in the table; unknown ones last."""
    keys = [row.key for row in ROWS]
    return keys.index(key) if key in keys else len(keys)


def side(package: str, row: Row, small=False, **keywords) -> Work:
    """One side of a row, built; `package` is "workloads" or "peers"."""
    module = importlib.import_module(f".{package}.{row.module}", __package__)
    return module.build(**{**row.arguments, **(row.small if small else {})}, **keywords)


def closeness(ours: dict, theirs: dict) -> float:
    """The largest difference between values of the same names, relative to the largest of each array and 1."""
    if ours.keys() != theirs.keys():
        raise ValueError(f"other names: {sorted(ours)} and {sorted(theirs)}")
    return max(float(np.abs(a - theirs[name]).max() / max(1.0, np.abs(a).max())) for name, a in ours.items())
