"""What a model may offer, what it takes, and that nothing in the package guesses either."""

import ast
from pathlib import Path

import numpy as np
import pytest

import minigen
from minigen import DataSpec, models, ops
from minigen.arrays import as_generator
from minigen.autograd import Parameter
from minigen.data import Dataset
from minigen.evaluation import all_passed, evaluate, identities
from minigen.models import Model, Objective, Takes
from minigen.models.model import CAPABILITIES
from minigen.models.takes import condition_name
from minigen.training import fit, load_source

BITS = DataSpec((3,), "binary")
CLASS = DataSpec((), "discrete", 4)
KEYS = [key for keys in models.available().values() for key in keys]


class Coins(Model):
    """p(x | c) = Π_d Bernoulli(x_d; sigmoid(l_cd)), c one of several classes."""

    takes = Takes(kinds=("binary",), condition=("class",))

    def __init__(self, spec, config=None, *, rng=0):
        super().__init__(spec, config)
        rows = spec.condition.levels if spec.condition is not None else 1
        self.logits = Parameter(np.zeros((rows, spec.dimensions), np.float32))

    def log_prob(self, x, condition=None):
        return ops.bernoulli_log_prob(x.reshape(len(x), -1).astype(self.dtype), self._logits(condition, len(x)))

    def objectives(self):
        return [Objective("log_prob", self.loss, self.parameters())]

    def loss(self, batch, rng, step):
        log_prob = self.log_prob(batch.x, batch.condition).mean()
        return -log_prob, {"log_prob": log_prob}

    def sample(self, n, rng, condition=None, given=None):
        chances = 1 / (1 + np.exp(-self._logits(condition, n).data.astype(float)))
        return as_generator(rng).bernoulli(np.broadcast_to(chances, (n, self.spec.dimensions))).astype(np.uint8)

    def _logits(self, condition, n):
        condition = self.check_condition(condition, n)
        return self.logits if condition is None else ops.take(self.logits, condition, 0)


def test_a_model_of_one_s_own_trains_and_is_judged_without_registration():
    x = (np.random.default_rng(0).random((400, 3)) < [0.2, 0.5, 0.9]).astype(np.uint8)
    model = Coins(BITS)
    fit(model, x, epochs=60, batch_size=100, learning_rate=0.1)
    figures = evaluate(model, Dataset("coins", BITS, x, x, x), "test")["log_prob"]
    mean = x.mean(axis=0)
    entropy = -(mean * np.log(mean) + (1 - mean) * np.log1p(-mean)).sum()
    assert figures["value"] == pytest.approx(-entropy, abs=0.02)
    assert all_passed(identities(model, rng=1, samples=1000))


def test_a_condition_goes_through_training_evaluation_and_the_checks():
    rng = np.random.default_rng(1)
    condition = rng.integers(0, 4, 600)
    chances = np.array([[0.1, 0.5, 0.9], [0.9, 0.5, 0.1], [0.5, 0.1, 0.5], [0.3, 0.3, 0.3]])
    x = (rng.random((600, 3)) < chances[condition]).astype(np.uint8)
    spec = DataSpec((3,), "binary", condition=CLASS)
    splits = [slice(0, 400), slice(400, 500), slice(500, 600)]
    data = Dataset("coins", spec, *(x[rows] for rows in splits), condition={
        split: condition[rows] for split, rows in zip(("train", "validation", "test"), splits, strict=True)})
    model = Coins(spec)
    fit(model, data, epochs=80, batch_size=100, learning_rate=0.1)
    logits = model.logits.data.astype(float)
    expected = np.where(x == 1, -np.log1p(np.exp(-logits))[condition], -np.log1p(np.exp(logits))[condition]).sum(1)
    figure = evaluate(model, data, "test")["log_prob"]
    assert figure["value"] == pytest.approx(expected[500:].mean(), abs=1e-5)
    train = condition[:400]
    frequencies = np.stack([x[:400][train == c].mean(axis=0) for c in range(4)])
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), frequencies, atol=0.06)
    for c in range(4):
        assert all_passed(identities(model, rng=1, samples=1000, condition=np.array(c)))


def test_what_is_not_offered_says_so():
    model = Coins(BITS)
    assert model.offers("log_prob", "sample") and Coins.offers("objectives") and not model.offers("log_prob", "elbo")
    assert model.learns_by_gradient and model.initialise(None, 0) is None and Coins.data_settings(None) == {}
    for name in CAPABILITIES:
        if not model.offers(name):
            with pytest.raises(NotImplementedError, match=f"^Coins does not offer {name}$"):
                value = getattr(model, name)
                value(*["x"] * 2)
    with pytest.raises(ValueError, match="'ebo' is no capability of a model; did you mean 'elbo'"):
        model.offers("ebo")


def test_every_registered_model_declares_what_it_offers_and_takes():
    for key in KEYS:
        model = models.model_class(key)
        assert issubclass(model, Model) and isinstance(model.takes, Takes), key
        assert model.offers("objectives") or model.offers("fit_steps"), key
        assert model.offers("log_prob") or model.offers("elbo") or model.offers("predict_log_proba"), key


def test_nothing_in_the_package_guesses_what_a_model_offers():
    """No getattr or hasattr of a model outside models/model.py, in any spelling of the variable."""
    guesses = []
    for path in Path(minigen.__file__).parent.rglob("*.py"):
        if path.parts[-2:] == ("models", "model.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr"):
                target = ast.unparse(node.args[0])
                if target == "self":
                    continue
                if "model" in target.split(".")[-1] or target.split(".")[-1] in CAPABILITIES:
                    guesses.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
                if len(node.args) > 1 and isinstance(node.args[1], ast.Constant) and node.args[1].value in (
                        *CAPABILITIES, "takes_missing", "labels", "conditions_on_any", "report_pictures", "initialise"):
                    guesses.append(f"{path.name}:{node.lineno} {ast.unparse(node)}")
    assert not guesses, guesses


@pytest.mark.parametrize("takes, spec, words", [
    (Takes(kinds=("binary",)), DataSpec((3,), "continuous"), "takes binary data of any shape, got continuous data"),
    (Takes(), DataSpec((2,), ("binary", "continuous")), "got a table of binary and continuous columns"),
    (Takes(kinds=("binary",), mixed=True), DataSpec((2,), ("binary", "continuous")), "got a table of"),
    (Takes(rank=(3,)), DataSpec((8, 8), "binary"), r"images \(height, width, channels\), got examples of shape \(8, 8"),
    (Takes(), DataSpec((3,), "binary", condition=CLASS), "it models p\\(x\\), not p\\(x | condition\\)"),
    (Takes(condition=("class", "image")), DataSpec((3,), "binary", condition=DataSpec((2,), "continuous")),
     "it takes a class or an image as condition, got a vector"),
])
def test_refusals_of_a_spec(takes, spec, words):
    takes.check_spec("known", DataSpec(spec.shape, takes.kinds[0], 2 if takes.kinds[0] == "discrete" else None)
                     if takes.rank is None else DataSpec((4, 4, 1), "binary"))
    with pytest.raises(ValueError, match=f"^gadget: .*{words}"):
        takes.check_spec("gadget", spec)


def test_every_registered_model_refuses_in_the_same_words():
    for key in KEYS:
        takes = models.model_class(key).takes
        for kind in {"binary", "discrete", "continuous"} - set(takes.kinds):
            with pytest.raises(ValueError, match=f"^{key}: it takes .*, got {kind} data"):
                models.create(key, DataSpec((8, 8, 1), kind, 4 if kind == "discrete" else None))
        if not takes.condition:
            spec = DataSpec((8, 8, 1), takes.kinds[0], 4 if takes.kinds[0] == "discrete" else None, CLASS)
            with pytest.raises(ValueError, match=f"^{key}: it models p\\(x\\), not"):
                models.create(key, spec)


def test_missing_values_and_labels_are_refused_where_the_data_are_read(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    x[5, 1] = np.nan
    np.save(tmp_path / "holes.npy", x)
    with pytest.raises(ValueError, match="got nan in row 5, column 1.*models that take missing values: .*gaussian"):
        load_source(tmp_path / "holes.npy", model=models.model_class("rnade"))
    assert load_source(tmp_path / "holes.npy", model=models.model_class("gaussian")).observed is not None
    np.save(tmp_path / "plain.npy", rng.normal(size=(60, 3)))
    with pytest.raises(ValueError, match="have no labels, from which logistic_regression learns"):
        load_source(tmp_path / "plain.npy", model=models.model_class("logistic_regression"))


@pytest.mark.parametrize("spec, name", [
    (CLASS, "class"), (DataSpec((1,), "discrete", 3), "class"), (DataSpec((), "binary"), "class"),
    (DataSpec((2,), "discrete", 3), "vector"), (DataSpec((1,), "continuous"), "vector"),
    (DataSpec((5, 2), "continuous"), "sequence"), (DataSpec((8, 8, 1), "binary"), "image"),
])
def test_what_a_condition_is(spec, name):
    assert condition_name(spec) == name


def test_conditions_are_checked():
    model = Coins(DataSpec((3,), "binary", condition=CLASS))
    for one_for_all in (2, np.int64(2), np.array(2)):
        np.testing.assert_array_equal(model.check_condition(one_for_all, 3), [2, 2, 2])
    np.testing.assert_array_equal(model.check_condition([0, 3], 2), [0, 3])
    for bad, words in [(None, "expected a class for each example, got None"), (4, "integers from 0 to 3"),
                       (-1, "integers from 0 to 3"), (1.5, "integers from 0 to 3"),
                       (np.zeros((3, 2), int), r"expected shape \(2,\), or \(\) for all, got \(3, 2\)")]:
        with pytest.raises(ValueError, match=words):
            model.check_condition(bad, 2)
    with pytest.raises(ValueError, match="it models p\\(x\\), not p\\(x | condition\\), got a condition"):
        Coins(BITS).check_condition(1, 2)


def test_unknown_options_of_a_sampler_name_the_nearest():
    with pytest.raises(TypeError, match="Coins: sample: unknown option 'temperatur'; it takes no options"):
        Coins(BITS).sampling_options({"temperatur": 1.0})


@pytest.mark.parametrize("fields", [
    {"kinds": ("text",)}, {"rank": (7,)}, {"condition": ("colour",)}, {"labels": "maybe"},
])
def test_bad_declarations(fields):
    (name,) = fields
    with pytest.raises(ValueError, match=f"Takes {name}: expected"):
        Takes(**fields)
