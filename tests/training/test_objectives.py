"""Several objectives: settings of their own, turns, fresh batches, averages, what follows an update, and resumption."""

import signal
from dataclasses import dataclass, replace

import numpy as np
import pytest

import minigen
from minigen import DataSpec, ops, training
from minigen.arrays import Generator
from minigen.autograd import Parameter
from minigen.data import Batch
from minigen.layers import Buffer
from minigen.models import Model, Objective, Takes
from minigen.models import registry as model_registry
from minigen.training import Interrupted, TrainConfig, fit, make_step
from minigen.training import run as run_module
from minigen.training.config import parse_settings
from minigen.training.state import State
from training.toys import toy_data

DATA = toy_data(64)


@dataclass(frozen=True)
class Config:
    """How often each player moves, the bound on the critic's weights, and whether the generator asks for a batch."""

    critic_every: int = 1
    generator_every: int = 2
    clip: float = 0.0
    fresh: bool = False


class Game(Model):
    """A critic c that tells data from p = sigmoid(g) by c·(x - p), and a generator g that fools it.

    critic: -c·(mean x - p) + ½|c|²         generator: -c·p, with noise so that resumption needs the random state
    """

    Config = Config
    takes = Takes(kinds=("binary",))
    training = {"epochs": 3, "batch_size": 16}

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        self.critic = Parameter(np.full(spec.shape, 0.1, np.float32))
        self.generator = Parameter(np.zeros(spec.shape, np.float32))
        self.seen = []

    def objectives(self):
        config = self.config
        return [
            Objective("critic", self.critic_loss, [self.critic], every=config.critic_every, after=self.clip,
                      optimizer={"optimizer": "sgd", "learning_rate": 0.2}),
            Objective("generator", self.generator_loss, [self.generator], every=config.generator_every,
                      fresh=config.fresh, optimizer={"ema": 0.5}),
        ]

    def critic_loss(self, batch, rng, step):
        self.seen.append(("critic", step, batch.x.copy()))
        chance = minigen.stop_gradient(ops.sigmoid(self.generator))
        gap = (batch.x.astype(np.float32).mean(axis=0) - chance)
        return 0.5 * ops.square(self.critic).sum() - (self.critic * gap).sum(), {"weight": ops.abs(self.critic).sum()}

    def generator_loss(self, batch, rng, step):
        self.seen.append(("generator", step, batch.x.copy()))
        noise = rng.standard_normal(self.generator.shape, np.float32)
        chance = ops.sigmoid(self.generator + 0.1 * noise)
        return -(minigen.stop_gradient(self.critic) * chance).sum(), {"weight": ops.abs(self.generator).sum()}

    def clip(self):
        if self.config.clip:
            self.critic.assign(np.clip(self.critic.data, -self.config.clip, self.config.clip))

    def sample(self, n, rng, condition=None, given=None):
        chance = 1 / (1 + np.exp(-self.generator.data.astype(np.float64)))
        return rng.bernoulli(np.broadcast_to(chance, (n, *self.spec.shape))).astype(np.uint8)


@pytest.fixture
def registered(monkeypatch):
    """The game under the key "game", as a run folder needs it."""
    monkeypatch.setattr(model_registry, "key_of", lambda model: "game")
    monkeypatch.setattr(run_module.models, "key_of", lambda model: "game")
    monkeypatch.setattr(run_module.models, "create", lambda key, spec, rng=0, **config: Game(spec, Config(**config)))


def game(**config):
    return Game(DATA.spec, Config(**config))


def test_each_objective_has_its_own_optimiser_and_its_metrics_keep_its_name():
    model = game()
    step = make_step(model, "adam", 0.01)
    x = DATA.train[:16]
    start = model.critic.data.copy()
    first = step(x, 0)
    assert {"critic.loss", "critic.gradient_norm", "critic.learning_rate", "critic.weight", "finite"} == set(first)
    gradient = start - (x.mean(axis=0) - 0.5)
    np.testing.assert_allclose(model.critic.data, start - 0.2 * gradient, rtol=1e-6)  # plain descent at its own rate
    assert first["critic.learning_rate"] == pytest.approx(0.2) and not model.generator.data.any()
    second = step(x, 0)
    assert {"generator.loss", "critic.loss", "generator.weight", "critic.weight"} <= set(second)
    assert second["generator.learning_rate"] == pytest.approx(0.01)
    np.testing.assert_allclose(np.abs(model.generator.data), 0.01, rtol=1e-3)  # Adam's first step is its rate
    assert second["critic.weight"] != second["generator.weight"]


def test_a_first_objective_that_waits():
    fitted = fit(game(critic_every=2, generator_every=1), DATA, epochs=2, batch_size=16)
    assert {"critic.loss", "generator.loss"} <= set(fitted.metrics[0]["train"])
    assert fitted.metrics[0]["generator.learning_rate"] == 1e-3


def test_the_step_is_told_and_fresh_batches_differ():
    model = game(generator_every=1, fresh=True)
    state = State(model, DATA, TrainConfig(epochs=2, batch_size=16))
    for _ in range(2):
        for batch in state.loader:
            state.update(batch)
        state.end_epoch()
    critics = [entry for entry in model.seen if entry[0] == "critic"]
    generators = [entry for entry in model.seen if entry[0] == "generator"]
    assert [number for _, number, _ in critics] == [number for _, number, _ in generators] == list(range(8))
    assert all(not np.array_equal(ours[2], theirs[2]) for ours, theirs in zip(critics, generators, strict=True))
    assert len({ours[2].tobytes() for ours in generators}) == 8
    rows = {row.tobytes() for row in DATA.train}
    assert all(row.tobytes() in rows for entry in generators for row in entry[2])
    with pytest.raises(ValueError, match="objective generator takes a batch of its own"):
        make_step(game(generator_every=1, fresh=True))(DATA.train[:8], 0)


def test_objectives_that_ask_for_a_batch_do_not_get_the_same_one():
    model = game(generator_every=1)
    both = [replace(objective, fresh=True) for objective in model.objectives()]
    model.objectives = lambda: both
    state = State(model, DATA, TrainConfig(batch_size=16))
    state.update(next(iter(state.loader)))
    (_, _, first), (_, _, second) = model.seen
    assert not np.array_equal(first, second)


def test_weights_are_clipped_after_each_update():
    model = game(clip=0.05)
    step = make_step(model)
    for _ in range(5):
        step(DATA.train[:16], 0)
        assert np.abs(model.critic.data).max() <= np.float32(0.05)


def test_averages_are_kept_by_objective():
    model = game(generator_every=1)
    step, average = make_step(model, learning_rate=0.1), np.zeros(4)
    for t in range(1, 5):
        step(DATA.train[:16], Generator(t))
        decay = min(0.5, (1 + t) / (10 + t))
        average = decay * average + (1 - decay) * model.generator.data
    critic = model.critic.data.copy()
    with step.averaged():
        np.testing.assert_allclose(model.generator.data, average, rtol=1e-5)
        np.testing.assert_array_equal(model.critic.data, critic)


def test_the_run_s_settings_for_one_objective_win():
    _, fields = parse_settings(["critic.learning_rate=0.5", "generator.betas=0.5,0.9", "learning_rate=0.03"], Config)
    assert fields == {"learning_rate": 0.03,
                      "objectives": {"critic": {"learning_rate": 0.5}, "generator": {"betas": (0.5, 0.9)}}}
    config = TrainConfig(**fields)
    assert TrainConfig(**config.to_json()) == config
    model = game(generator_every=1)
    metrics = make_step(model, learning_rate=0.03, objectives=config.objectives)(DATA.train[:16], 0)
    assert metrics["critic.learning_rate"] == 0.5 and metrics["generator.learning_rate"] == 0.03
    with pytest.raises(ValueError, match="unknown objective 'critik'; did you mean 'critic'"):
        make_step(model, objectives={"critik": {"learning_rate": 1.0}})
    with pytest.raises(ValueError, match="'learning_rat' of an objective; did you mean 'learning_rate'"):
        parse_settings(["critic.learning_rat=1"], Config)
    with pytest.raises(ValueError, match="learning_rate: expected a number above 0"):
        TrainConfig(objectives={"critic": {"learning_rate": -1}})
    with pytest.raises(ValueError, match="critic: unknown setting 'epochs'"):
        TrainConfig(objectives={"critic": {"epochs": 1}})


def test_betas_reach_adam():
    """Two steps of Adam with betas (0.5, 0.8), written out."""
    model, x = game(generator_every=1), DATA.train[:16]
    step = make_step(model, learning_rate=0.1, objectives={"critic": {"optimizer": "adam", "betas": (0.5, 0.8)}})
    p, m, v = model.critic.data.astype(np.float64), 0.0, 0.0
    for t in (1, 2):
        chance = 1 / (1 + np.exp(-model.generator.data.astype(np.float64)))
        g = p - (x.mean(axis=0) - chance)
        m, v = 0.5 * m + 0.5 * g, 0.8 * v + 0.2 * g**2
        p = p - 0.2 * (m / (1 - 0.5**t)) / (np.sqrt(v / (1 - 0.8**t)) + 1e-8)
        step(x, t)
        np.testing.assert_allclose(model.critic.data, p, rtol=1e-5)


@pytest.mark.parametrize("stop", [1, 5, 8, 11])
def test_a_killed_game_goes_on_bit_for_bit(stop, tmp_path, monkeypatch, registered):
    settings = {"epochs": 3, "batch_size": 16, "schedule": "cosine"}
    config = {"clip": 0.3, "fresh": True}
    monkeypatch.setattr(training.loop, "write_pictures", lambda *args: None)
    fit(game(**config), DATA, tmp_path / "whole", **settings)
    update = State.update

    def interrupted(self, batch):
        if self.steps == stop - 1:
            signal.raise_signal(signal.SIGINT)
        return update(self, batch)

    monkeypatch.setattr(State, "update", interrupted)
    with pytest.raises(Interrupted):
        fit(game(**config), DATA, tmp_path / "broken", **settings)
    monkeypatch.setattr(State, "update", update)
    fit(game(**config), DATA, tmp_path / "broken", resume=True, **settings)
    for name in ("metrics.jsonl", "checkpoints/step-00000012.npz"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "broken" / name).read_bytes()


def test_objectives_of_one_name_are_refused():
    model = game()
    pair = model.objectives()
    model.objectives = lambda: [pair[0], Objective("critic", model.generator_loss, [model.generator])]
    with pytest.raises(ValueError, match="expected different names, got critic, critic"):
        make_step(model)


@pytest.mark.parametrize("fields, error, words", [
    ({"name": "a b"}, ValueError, "expected a word"), ({"name": 3}, ValueError, "expected a word"),
    ({"every": 0}, ValueError, "at least 1"), ({"every": 1.5}, TypeError, "an integer"),
    ({"every": True}, TypeError, "an integer"), ({"loss": None}, TypeError, "loss: expected a function"),
    ({"after": 1}, TypeError, "after: expected a function"), ({"parameters": []}, ValueError, "at least one"),
    ({"parameters": ["w"]}, TypeError, "expected Parameters, got a str"), ({"optimizer": []}, TypeError, "a dict"),
])
def test_bad_objectives_are_refused(fields, error, words):
    with pytest.raises(error, match=words):
        Objective(**{"name": "critic", "loss": print, "parameters": [Parameter(np.zeros(1))], **fields})


def test_parameters_may_come_from_an_iterator():
    parameter = Parameter(np.zeros(1))
    assert Objective("critic", print, iter([parameter])).parameters == (parameter,)


@pytest.mark.parametrize("settings, error, words", [
    ({"clip_norm": -1}, ValueError, "clip_norm: expected a number above 0"),
    ({"ema": 1.5}, ValueError, "ema: expected a number of at least 0 and below 1"),
    ({"lerning_rate": 1}, ValueError, "'lerning_rate'; did you mean 'learning_rate'"),
    ({"betas": 0.5}, TypeError, "betas: expected two numbers"),
    ({"optimizer": "sgd", "betas": (0.5, 0.9)}, ValueError, "optimizer sgd: unknown option 'betas'"),
    ({"schedule": "cos"}, ValueError, "schedule: expected constant, step, cosine or a function, got 'cos'"),
    ({"schedule": "cosine"}, ValueError, "schedule cosine needs the number of steps"),
    ({"schedule": "step", "decay_every": 0}, ValueError, "decay_every: expected an integer of at least 1"),
])
def test_wrong_settings_of_an_objective_are_named(settings, error, words):
    model = game()
    critic = Objective("critic", model.critic_loss, [model.critic], optimizer=settings)
    model.objectives = lambda: [critic]
    with pytest.raises(error, match=f"objective critic: .*{words}"):
        make_step(model)


@pytest.mark.parametrize("loss, error, words", [
    (lambda p: (1.0, {}), TypeError, "expected a scalar Tensor and a dict of metrics, got"),
    (lambda p: p.sum(), TypeError, "expected a scalar Tensor and a dict of metrics, got"),
    (lambda p: (p.sum(), {}, {}), TypeError, "expected a scalar Tensor and a dict of metrics, got"),
    (lambda p: (p * 1, {}), ValueError, r"loss: expected a scalar, got shape \(4,\)"),
    (lambda p: (p.sum(), {"loss": 1.0}), ValueError, "metric 'loss': the step itself gives one"),
    (lambda p: (p.sum(), {"finite": 1.0}), ValueError, "metric 'finite'"),
    (lambda p: (p.sum(), {"weight": p}), ValueError, r"metric 'weight': expected a number, got shape \(4,\)"),
])
def test_wrong_losses_are_named(loss, error, words):
    model = game()
    model.objectives = lambda: [Objective("critic", lambda batch, rng, step: loss(model.critic), [model.critic])]
    with pytest.raises(error, match=f"objective critic: .*{words}"):
        make_step(model)(DATA.train, 0)


def test_a_step_without_objectives_is_refused():
    model = game()
    model.objectives = list
    with pytest.raises(ValueError, match="objectives: expected at least one, got none"):
        make_step(model)
    with pytest.raises(ValueError, match="accumulate: expected an integer of at least 1"):
        make_step(game(), accumulate=0)


class Labelled(Model):
    """A loss that looks at all that comes with the examples."""

    takes = Takes(kinds=("binary",), condition=("vector",), missing=True, labels="optional", length=True)

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        self.weight = Parameter(np.zeros((), np.float32))
        self.seen = []

    def objectives(self):
        return [Objective("all", self.loss, self.parameters())]

    def loss(self, batch, rng, step):
        self.seen.append(batch)
        return ops.square(self.weight - 1), {}


def test_a_batch_brings_everything_to_the_loss():
    rows = np.arange(40)
    x = (rows[:, None] >> np.arange(6) & 1).astype(np.uint8)
    batch = Batch(x, condition=rows[:, None] * np.array([1.0, -1.0]), labels=rows % 3, observed=x == x,
                  length=np.ones(40, int))
    batch.observed[5, 0] = False
    model = Labelled(DataSpec((6,), "binary", condition=DataSpec((2,), "continuous")))
    fit(model, batch, epochs=1, batch_size=7)
    for seen in model.seen:
        number = seen.condition[:, 0].astype(int)
        np.testing.assert_array_equal(seen.labels, number % 3)
        np.testing.assert_array_equal(seen.x[seen.observed], x[number][seen.observed])
        np.testing.assert_array_equal(seen.observed[:, 0], number != 5)
        np.testing.assert_array_equal(seen.length, 1)


def test_a_model_that_does_not_learn_from_labels_is_not_given_any():
    x = np.zeros((40, 6), np.uint8)
    x[::2] = 1
    model = Labelled(DataSpec((6,), "binary"))
    model.takes = replace(model.takes, labels=None)
    fit(model, Batch(x, labels=np.arange(40)), epochs=1, batch_size=7)
    assert model.seen and all(batch.labels is None for batch in model.seen)


def test_a_model_without_a_likelihood_is_validated_by_its_samples(tmp_path, registered, capsys):
    from minigen.cli.figures import print_figures
    from minigen.evaluation import energy_distance, evaluate

    data = toy_data(600)
    fitted = fit(Game(data.spec, Config(generator_every=1)), data, tmp_path / "run", epochs=40, batch_size=60,
                 learning_rate=0.05, patience=25)
    scores = [row["validation"]["minus_energy_distance"] for row in fitted.metrics]
    assert fitted.best == {"epoch": int(np.argmax(scores)) + 1, "value": max(scores)} and max(scores) > scores[0]
    assert (tmp_path / "run" / "curves.png").exists()
    model = fitted.model
    figures = evaluate(model, data, "test", rng=1)
    assert set(figures) == {"energy_distance", "sliced_wasserstein", "coverage"}
    x = model.sample(len(data.test), Generator(9))
    other = energy_distance(x.astype(float), data.test.astype(float))
    assert abs(figures["energy_distance"]["value"] - other) < 5 * figures["energy_distance"]["standard_error"]
    print_figures(figures, None, "toy, test split")
    printed = capsys.readouterr().out
    assert "energy_distance (units of the data)" in printed and "0.0000\n" in printed.splitlines(True)[2]
    assert printed.splitlines()[1].split() == ["value", "perfect", "samples"]


class Noisy(Model):
    """Two objectives that record the noise that they were given; the second keeps what its loss saw in a buffer."""

    takes = Takes(kinds=("binary",))

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        self.first = Parameter(np.zeros((), np.float32))
        self.second = Parameter(np.zeros((), np.float32))
        self.last_loss = Buffer(np.zeros((), np.float32))
        self.broken = False
        self.noise = []
        self.more = 0  # numbers that the first objective draws besides

    def objectives(self):
        return [Objective("one", lambda batch, rng, step: self.loss_of(self.first, rng, self.more), [self.first]),
                Objective("two", lambda batch, rng, step: self.loss_of(self.second, rng), [self.second])]

    def loss_of(self, parameter, rng, more=0):
        rng.standard_normal((more,), np.float32)
        self.noise.append(rng.standard_normal((), np.float32))
        loss = parameter * (np.float32("nan") if self.broken else 1)
        self.last_loss.data = np.float32(7.0) + self.last_loss.data
        return loss, {}


def test_objectives_of_one_step_have_different_noise():
    model = Noisy(DATA.spec)
    step = make_step(model)
    step(DATA.train[:4], 0)
    assert len(set(map(float, model.noise))) == 2
    model.more = 5
    step(DATA.train[:4], 0)
    assert model.noise[3] == model.noise[1]  # whatever the other objective draws


def test_what_a_loss_records_is_kept_only_if_the_update_was_finite():
    model = Noisy(DATA.spec)
    step = make_step(model)
    assert step(DATA.train[:4], 0)["finite"]
    assert model.last_loss.data == 14
    model.broken = True
    assert not step(DATA.train[:4], 1)["finite"]
    assert model.last_loss.data == 14 and step.updates == 1
    step.explain(DATA.train[:4], 1)
    assert model.last_loss.data == 14
