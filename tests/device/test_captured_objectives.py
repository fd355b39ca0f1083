"""A captured step of several objectives, with batch statistics, fresh batches, turns and clipped weights."""

import numpy as np
import pytest

from minigen import DataSpec, layers, ops, optim, training
from minigen.arrays import Generator
from minigen.autograd import Parameter
from minigen.data import Batch
from minigen.models import Model, Objective, Takes
from shim import emulator, standin

pytestmark = pytest.mark.skipif(not emulator.available(), reason=emulator.REASON)
ROWS = np.random.default_rng(1).standard_normal((40, 3)).astype("float32")


@pytest.fixture(params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request):
    """The stand-in for CuPy, or CuPy."""
    with standin.cupy_or_stand_in(request.param) as cupy:
        yield cupy


class Pair(Model):
    """A network with batch normalisation that descends every step, and an offset every second one."""

    takes = Takes(kinds=("continuous",), condition=("vector",))

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        self.norm, self.linear = layers.BatchNorm(3), layers.Linear(3, 1, rng)
        self.offset = Parameter(np.zeros(3, "float32"))

    def objectives(self):
        return [Objective("network", self.network_loss, [*self.norm.parameters(), *self.linear.parameters()],
                          after=self.clip, optimizer={"ema": 0.9}),
                Objective("offset", self.offset_loss, [self.offset], every=2, fresh=True,
                          optimizer={"optimizer": "sgd", "learning_rate": 0.1})]

    def network_loss(self, batch, rng, step):
        noise = rng.standard_normal(batch.x.shape, "float32", self.xp)
        y = self.linear(self.norm(batch.x + batch.condition + 0.1 * noise, train=True))
        return ops.square(y - 1).mean() * (1 + 0.1 * step), {"output": y.mean()}

    def offset_loss(self, batch, rng, step):
        return ops.square(batch.x - self.offset).mean(), {}

    def clip(self):
        self.linear.weight.assign(self.linear.weight.data.clip(-0.3, 0.3))


def test_a_captured_step_is_the_step(device):
    results = []
    for kind, capture in (("cpu", False), ("cuda", False), ("cuda", True)):
        there = device.asarray if kind == "cuda" else np.asarray
        model = Pair(DataSpec((3,), "continuous", condition=DataSpec((3,), "continuous"))).to(kind)
        step = training.make_step(model, "adam", 1e-2, schedule=optim.schedules.cosine(20, 3), capture=capture)
        rows = []
        for i in range(7):
            batch = Batch(there(ROWS[i:i + 8]), there(ROWS[i + 8:i + 16]))
            other = Batch(there(ROWS[i + 16:i + 24]), there(ROWS[i:i + 8]))
            with standin.no_synchronisation() if kind == "cuda" and i > 2 else standin.nothing():
                metrics = step(batch, Generator(5).fold_in(i), lambda other=other: other)
            rows.append({key: float(value) for key, value in metrics.items()})
        results.append((rows, model.state_dict(), step.state_dict()))
    plain, there, captured = results
    assert [("offset.loss" in row) for row in plain[0]] == [False, True, False, True, False, True, False]
    for ours, theirs in zip(plain[0], there[0], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-5)
    for ours, theirs in zip(there[0], captured[0], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-6)  # 1 + 0.1·step is rounded once more in the captured step
    for ours, theirs in ((there[1], captured[1]), (there[2], captured[2])):
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            np.testing.assert_allclose(theirs[key], value, rtol=1e-5, atol=1e-7, err_msg=key)
    assert np.abs(captured[1]["linear.weight"]).max() <= np.float32(0.3)
    assert np.abs(captured[1]["norm.running_mean"]).max() > 0


def test_batch_statistics_of_an_update_that_is_not_finite_are_left_out(device):
    for kind, capture in (("cpu", False), ("cuda", False), ("cuda", True)):
        there = device.asarray if kind == "cuda" else np.asarray
        model = Pair(DataSpec((3,), "continuous", condition=DataSpec((3,), "continuous"))).to(kind)
        step = training.make_step(model, capture=capture)
        good, bad = ROWS[:8], ROWS[:8].copy()
        bad[0, 0] = np.inf
        with np.errstate(all="ignore"):
            for i, x in enumerate((good, bad)):
                metrics = step(Batch(there(x), there(ROWS[8:16])), i, lambda there=there: Batch(there(ROWS[:4])))
                if i == 0:
                    before = model.state_dict()
        assert not bool(metrics["finite"])
        after = model.state_dict()
        for key in ("norm.running_mean", "norm.running_variance", "linear.weight", "norm.weight"):
            np.testing.assert_array_equal(after[key], before[key], err_msg=f"{kind} {capture} {key}")
