"""Layers, distributions, optimisers and models "on the device": the CPU's results, and no step waits for it."""

import numpy as np
import pytest

import minigen
from minigen import distributions, layers, models, ops, optim, training
from minigen.arrays import Generator
from minigen.autograd import Tensor, grad
from minigen.data import Batch
from shim import emulator, standin

pytestmark = pytest.mark.skipif(not emulator.available(), reason=emulator.REASON)


@pytest.fixture(params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request):
    """The stand-in for CuPy, or CuPy."""
    with standin.cupy_or_stand_in(request.param) as cupy:
        yield cupy


def image(*shape):
    """Normal numbers, float32."""
    return np.random.default_rng(0).standard_normal(shape).astype("float32")


LAYERS = {
    "linear": (lambda: layers.Linear(5, 3, 0), image(4, 5)),
    "linear of integers": (lambda: layers.Linear(5, 3, 0), np.arange(10, dtype=np.uint8).reshape(2, 5)),
    "mlp with dropout": (lambda: layers.MLP((5, 7, 3), ops.tanh, rng=0, dropout=0.3), image(4, 5)),
    "layer_norm": (lambda: layers.LayerNorm(6), image(2, 3, 6)),
    "batch_norm": (lambda: layers.BatchNorm(6), image(4, 5, 6)),
    "group_norm": (lambda: layers.GroupNorm(2, 6), image(3, 5, 6)),
    "embedding": (lambda: layers.Embedding(5, 3, 0), np.array([[0, 4, 4], [1, 0, 2]])),
    "masked_linear": (lambda: layers.MaskedLinear(6, 6, np.tri(6, dtype=bool).T, 0), image(3, 6)),
    "masked_linear in disorder": (lambda: layers.MaskedLinear(
        200, 200, np.tri(200, dtype=bool)[np.random.default_rng(0).permutation(200)], 0), image(3, 200)),
    "conv2d": (lambda: layers.Conv2d(2, 3, 3, 0, stride=2), image(2, 5, 4, 2)),
    "masked_conv2d": (lambda: layers.MaskedConv2d(3, 6, 3, "A", 0, colours=3), image(2, 4, 4, 3)),
    "causal_conv1d": (lambda: layers.CausalConv1d(2, 3, 2, 0, dilation=2), image(2, 7, 2)),
    "conv_transpose2d": (lambda: layers.ConvTranspose2d(2, 3, 3, 0, stride=2), image(1, 3, 2, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name, device):
    """Output and gradients of a training call are the CPU's."""
    make, x = LAYERS[name]
    results = []
    for kind in ("cpu", "cuda"):
        layer = make().to(kind)
        value = device.asarray(x) if kind == "cuda" else x
        inputs = layer.parameters()
        for attempt in range(2):  # the second time constants are where they are needed
            with standin.no_synchronisation() if kind == "cuda" and attempt else standin.nothing():
                y = layer(value, train=True, rng=Generator(3))
                gradients = grad((y * y).sum(), inputs)
        results.append([y.data, *gradients])
    for a, b in zip(*results, strict=True):
        assert isinstance(b, device.ndarray)
        np.testing.assert_allclose(b.get(), a, rtol=1e-5, atol=1e-5 * max(1.0, float(np.abs(a).max())))


@pytest.mark.parametrize("name", optim.available())
def test_optimizer(name, device):
    """Ten clipped updates with an average: the CPU's parameters, without waiting."""
    results = []
    for kind in ("cpu", "cuda"):
        model = layers.MLP((4, 3, 2), rng=0).to(kind)
        options = {"momentum": 0.9} if name == "sgd" else {}
        optimizer = optim.create(name, model, learning_rate=1e-2, weight_decay=0.01, **options)
        average = optim.ExponentialMovingAverage(optimizer.group, 0.9)
        x = device.asarray(image(6, 4)) if kind == "cuda" else image(6, 4)
        for step in range(10):
            with standin.no_synchronisation() if kind == "cuda" and step else standin.nothing():
                optimizer.group.gather(grad((model(x) * model(x)).mean(), model.parameters()))
                norm = optim.clip_by_global_norm(optimizer.group, 0.1)
                optimizer.step()
                average.update()
        results.append([model.state_dict(), optimizer.state_dict(), average.state_dict(), {"norm": norm}])
    for ours, theirs in zip(*results, strict=True):
        for key, value in ours.items():
            other = theirs[key].get() if isinstance(theirs[key], device.ndarray) else theirs[key]
            np.testing.assert_allclose(other, value, rtol=2e-5, atol=1e-6)


def test_distributions(device):
    """Densities, entropies, divergences and samples, of inputs for which nothing special has to be decided."""
    loc, log_scale, x = image(3, 4), 0.3 * image(3, 4), image(3, 4) + 1
    bits = (x > 0).astype("float32")

    def all_of(loc, log_scale, x, bits):
        a = distributions.Normal(loc, log_scale=log_scale, event_ndim=1)
        b = distributions.Normal(x, log_scale=loc * 0.1, event_ndim=1)
        c, d = distributions.Bernoulli(loc, event_ndim=1), distributions.Bernoulli(x, event_ndim=1)
        rng = Generator(1)
        return [a.log_prob(x), a.entropy(), distributions.kl_divergence(a, b), c.log_prob(bits), c.entropy(),
                distributions.kl_divergence(c, d), a.rsample(2, rng), a.sample((), rng), c.sample(5, rng)]

    host = (loc, log_scale, x, bits)
    expected = all_of(*host)
    there = [device.asarray(value) for value in host]
    with standin.no_synchronisation():
        result = all_of(*there)
        gradients = grad(sum(y.sum() for y in all_of(*map(Tensor, there[:3]), there[3])[:6]), [])
    assert gradients == []
    for a, b in zip(result, expected, strict=True):
        assert isinstance(a, device.ndarray) and a.dtype == b.dtype
        np.testing.assert_allclose(a.get(), b, rtol=1e-5, atol=1e-5)
    categorical = distributions.Categorical(there[0]).sample(4, Generator(1))
    np.testing.assert_array_equal(categorical.get(), distributions.Categorical(loc).sample(4, Generator(1)))


def vae(kind):
    """A small VAE, a step of it and a batch, all there."""
    model = models.create("vae", minigen.DataSpec((12,), "binary"), rng=0, hidden=(9,), latent_dim=3).to(kind)
    return model, training.make_step(model, learning_rate=1e-2, clip_norm=1.0, ema=0.9)


BATCH = (np.random.default_rng(1).random((8, 12)) < 0.4).astype(np.uint8)


def test_vae_step(device):
    """Five steps: parameters and metrics are the CPU's; after the first, nothing is waited for."""
    results = []
    for kind in ("cpu", "cuda"):
        model, step = vae(kind)
        batch = device.asarray(BATCH) if kind == "cuda" else BATCH
        for i in range(5):
            with standin.no_synchronisation() if kind == "cuda" and i else standin.nothing():
                metrics = step(batch, Generator(7).fold_in(i))
        results.append((model.state_dict(), {k: np.asarray(v.get() if kind == "cuda" else v)
                                             for k, v in metrics.items()}))
    for ours, theirs in zip(*results, strict=True):
        assert list(ours) == list(theirs)
        for key, value in ours.items():
            np.testing.assert_allclose(theirs[key], value, rtol=1e-4, atol=1e-5)


AUTOREGRESSIVE = {  # (key, spec, settings)
    "fvsbn": ("fvsbn", minigen.DataSpec((6,), "binary"), {}),
    "nade": ("nade", minigen.DataSpec((6,), "binary"), {"hidden": 5, "order": "random"}),
    "nade of levels": ("nade", minigen.DataSpec((4,), "discrete", 3), {"hidden": 5}),
    "nade without an order": ("nade", minigen.DataSpec((5,), "binary"), {"hidden": 4, "orderless": True}),
    "rnade": ("rnade", minigen.DataSpec((4,), "continuous"), {"hidden": 5, "components": 2, "order": "random"}),
    "made": ("made", minigen.DataSpec((6,), "binary"), {"hidden": (7, 6), "direct": True, "masks": 2}),
    "made of real numbers": ("made", minigen.DataSpec((4,), "continuous"), {"hidden": (7,), "components": 2}),
    "pixel_cnn": ("pixel_cnn", minigen.DataSpec((4, 3, 3), "discrete", 4),
                  {"channels": 6, "blocks": 1, "first_size": 3}),
    "gated_pixel_cnn of a class": (
        "gated_pixel_cnn", minigen.DataSpec((4, 3, 1), "binary", condition=minigen.DataSpec((1,), "discrete", 3)),
        {"channels": 4, "layers": 2, "first_size": 3, "skip_channels": 4}),
    "rnade of logistic distributions given a vector": (
        "rnade", minigen.DataSpec((4,), "continuous", condition=minigen.DataSpec((3,), "continuous")),
        {"hidden": 5, "components": 2, "family": "logistic"}),
    "nade of a class": ("nade", minigen.DataSpec((5,), "binary", condition=minigen.DataSpec((), "discrete", 3)),
                        {"hidden": 4}),
    "made given a vector": ("made", minigen.DataSpec((5,), "binary", condition=minigen.DataSpec((3,), "continuous")),
                            {"hidden": (6,)}),
    "pixel_cnn_pp given an image": (
        "pixel_cnn_pp", minigen.DataSpec((4, 3, 1), "discrete", 5, minigen.DataSpec((2, 3, 2), "discrete", 4)),
        {"channels": 3, "blocks": 1, "scales": 2, "components": 2}),
    "pixel_cnn_pp": ("pixel_cnn_pp", minigen.DataSpec((4, 3, 3), "discrete", 16),
                     {"channels": 3, "blocks": 1, "scales": 2, "components": 2, "dropout": 0.3}),
    "multiscale_pixel_cnn": ("multiscale_pixel_cnn", minigen.DataSpec((6, 6, 3), "discrete", 4),
                             {"channels": 6, "layers": 1, "scales": 2, "group_channels": 4, "components": 2}),
}


@pytest.mark.parametrize("name", AUTOREGRESSIVE)
def test_autoregressive_model(name, device):
    """Samples, densities and three training steps: the CPU's; after the first step nothing is waited for."""
    (key, spec, settings), results = AUTOREGRESSIVE[name], []
    conditions = None
    if spec.condition is not None:
        random, shape = np.random.default_rng(4), (4, *spec.condition.shape)
        real = spec.condition.kind == "continuous"
        conditions = random.standard_normal(shape) if real else random.integers(0, 3, shape)
    for kind in ("cpu", "cuda"):
        there = device.asarray if kind == "cuda" else np.asarray
        model = models.create(key, spec, rng=1, **settings).to(kind)
        x = model.sample(4, 3, conditions)
        assert isinstance(x, device.ndarray if kind == "cuda" else np.ndarray)
        condition = None if conditions is None else there(conditions)
        log_prob, step = model.score_samples(x, condition), training.make_step(model, learning_rate=1e-3)
        for i in range(3):
            with standin.no_synchronisation() if kind == "cuda" and i else standin.nothing():
                metrics = step(Batch(x, condition), Generator(7).fold_in(i))
        assert bool(metrics["finite"])
        results.append((x.get() if kind == "cuda" else x, log_prob, model.state_dict()))
    (x, log_prob, state), (x_there, log_prob_there, state_there) = results
    np.testing.assert_allclose(x_there, x, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(log_prob_there, log_prob, rtol=1e-4, atol=1e-4)
    for key, value in state.items():
        np.testing.assert_allclose(state_there[key], value, rtol=1e-3, atol=2e-4)


def test_a_step_that_is_not_finite_changes_nothing(device):
    model, step = vae("cuda")
    step(device.asarray(BATCH), Generator(0))
    before, state = model.state_dict(), step.state_dict()
    bias = model.decoder.layers[-1].bias
    kept = bias.data.copy()
    bias.data[...] = float("nan")
    bias.changed()
    metrics = step(device.asarray(BATCH), Generator(1))
    assert not bool(metrics["finite"])
    bias.data[...] = kept
    for key, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[key])
    after = step.state_dict()
    for key in ("elbo/optimizer/mean.float32", "elbo/optimizer/square.float32", "elbo/optimizer/steps"):
        np.testing.assert_array_equal(after[key], state[key])


def test_training_and_evaluation(device):
    """`fit` and `evaluate` with device "cuda": the figures are the CPU's."""
    x = np.repeat(BATCH, 5, axis=0)
    figures = []
    for kind in ("cpu", "cuda"):
        model = models.create("vae", minigen.DataSpec((12,), "binary"), rng=0, hidden=(9,), latent_dim=3)
        fitted = training.fit(model, x, epochs=2, device=kind, batch_size=16)
        figures.append([row["validation"]["elbo"] for row in fitted.metrics])
        samples = model.sample(3, 0)
        assert isinstance(samples, device.ndarray if kind == "cuda" else np.ndarray)
    np.testing.assert_allclose(figures[1], figures[0], rtol=1e-4)


@pytest.mark.parametrize("name", ["adam", "sgd"])
def test_captured_steps_are_the_steps(name, device):
    """A recorded graph, replayed: parameters and metrics of every step are those of steps that are not captured."""
    results = []
    for capture in (False, True):
        model = models.create("vae", minigen.DataSpec((12,), "binary"), rng=0, hidden=(9,), latent_dim=3).to("cuda")
        step = training.make_step(model, name, 1e-2, schedule=optim.schedules.cosine(20, 3), ema=0.9, clip_norm=1.0,
                                  capture=capture)
        rng, rows = Generator(5), []
        rng.words(3)
        for i in range(6):
            rows_of = BATCH[: 6 if i == 4 else 8]  # a last batch of another size has a graph of its own
            batch = device.asarray(rows_of)
            stream = rng.fold_in(i) if i < 2 else rng
            with standin.no_synchronisation() if i not in (0, 4) else standin.nothing():
                metrics = step(batch, stream)
            rows.append({key: float(value) for key, value in metrics.items()})
        results.append((rows, model.state_dict(), step.state_dict(), rng.position))
    (rows, parameters, state, position), captured = results
    assert position == captured[3]
    for a, b in zip(rows, captured[0], strict=True):
        assert a == b
    for ours, theirs in ((parameters, captured[1]), (state, captured[2])):
        for key, value in ours.items():
            np.testing.assert_array_equal(theirs[key], value)


def test_capture_needs_a_device():
    with pytest.raises(ValueError, match="capture: expected a model on a GPU"):
        training.make_step(models.create("vae", minigen.DataSpec((4,), "binary"), rng=0), capture=True)


def test_the_stand_in_offers_nothing_that_cupy_lacks():
    cupy = pytest.importorskip("cupy")
    special = pytest.importorskip("cupyx.scipy.special")
    assert standin.real_names(cupy, special) == []
