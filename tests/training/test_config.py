"""Training settings: what is accepted, what is refused, and how text becomes settings."""

import dataclasses
import typing

import pytest

from minigen.training.config import TrainConfig, parse_settings, train_config


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    hidden: tuple[int, ...] = (200, 200)
    latent_dim: int = 10
    scale: float = 1.0
    tied: bool = False
    name: str = "x"
    limit: int | None = None
    rate: typing.Optional[float] = None  # noqa: UP045 - both spellings of an optional field are met


def test_defaults_and_overrides():
    class Model:
        training = {"epochs": 7, "batch_size": 32}

    assert train_config(Model()).epochs == 7
    assert train_config(Model(), epochs=9) == TrainConfig(epochs=9, batch_size=32)
    assert train_config() == TrainConfig()
    assert isinstance(TrainConfig(learning_rate=1).learning_rate, float)
    assert TrainConfig(**TrainConfig(ema=0.9, patience=3).to_json()) == TrainConfig(ema=0.9, patience=3)


@pytest.mark.parametrize(
    "fields, error",
    [
        ({"epochs": -1}, ValueError), ({"epochs": 2.5}, TypeError), ({"epochs": True}, TypeError),
        ({"epochs": None}, TypeError), ({"batch_size": 0}, ValueError), ({"batch_size": "64"}, TypeError),
        ({"learning_rate": 0}, ValueError), ({"learning_rate": float("nan")}, ValueError),
        ({"learning_rate": float("inf")}, ValueError), ({"optimizer": "adan"}, ValueError),
        ({"schedule": "linear"}, ValueError), ({"warmup": -1}, ValueError), ({"weight_decay": -0.1}, ValueError),
        ({"momentum": 1.0}, ValueError), ({"clip_norm": 0.0}, ValueError), ({"ema": 1.0}, ValueError),
        ({"ema": True}, TypeError), ({"accumulate": 0}, ValueError), ({"patience": 0}, ValueError),
        ({"seed": -1}, ValueError), ({"checkpoint_every": 0}, ValueError), ({"dtype": "float16"}, ValueError),
        ({"device": "tpu"}, ValueError), ({"threads": 0}, ValueError), ({"bound_samples": 0}, ValueError),
    ],
)
def test_bad_fields_are_named(fields, error):
    (name,) = fields
    with pytest.raises(error, match=f"^{name}: expected .*, got "):
        TrainConfig(**fields)


def test_an_unknown_field_names_the_nearest():
    with pytest.raises(TypeError, match="'lerning_rate'; did you mean 'learning_rate'"):
        train_config(lerning_rate=1)


def test_settings_from_text():
    model, train = parse_settings(
        ["hidden=400, 200", "latent_dim=20", "scale=2", "tied=yes", "name=a=b", "limit=none", "rate=1e-3",
         "epochs=3", "learning_rate=0.01", "clip_norm=None", "ema=0.9"],
        ModelConfig,
    )
    assert model == {"hidden": (400, 200), "latent_dim": 20, "scale": 2.0, "tied": True, "name": "a=b",
                     "limit": None, "rate": 1e-3}
    assert train == {"epochs": 3, "learning_rate": 0.01, "clip_norm": None, "ema": 0.9}
    assert parse_settings(["hidden=(7,)"], ModelConfig)[0] == {"hidden": (7,)}


@pytest.mark.parametrize(
    "text, words",
    [
        ("hidden", "expected key=value, got 'hidden'"),
        ("=3", "expected key=value, got '=3'"),
        ("hiden=3", "unknown setting 'hiden'; did you mean 'hidden'"),
        ("epoch=3", "unknown setting 'epoch'; did you mean 'epochs'"),
        ("zzzzzz=3", "unknown setting 'zzzzzz'; valid: accumulate, "),
        ("hidden=a,b", "hidden: expected integers separated by commas, got 'a,b'"),
        ("latent_dim=2.5", "latent_dim: expected an integer, got '2.5'"),
        ("scale=big", "scale: expected a number, got 'big'"),
        ("tied=maybe", "tied: expected true or false, got 'maybe'"),
        ("limit=x", "limit: expected an integer or none, got 'x'"),
        ("epochs=", "epochs: expected an integer, got ''"),
    ],
)
def test_bad_settings_say_what_was_expected(text, words):
    with pytest.raises(ValueError) as caught:
        parse_settings([text], ModelConfig)
    assert words in str(caught.value)


def test_a_setting_given_twice_is_refused():
    with pytest.raises(ValueError, match="hidden is given twice"):
        parse_settings(["hidden=1", "hidden=2"], ModelConfig)
