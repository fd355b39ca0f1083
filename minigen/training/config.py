"""The settings of a training run, and how text from a command line becomes settings."""

import dataclasses
import math
import types
import typing

from ..protocols import nearest

OPTIMIZERS = ("adam", "adamw", "sgd", "rmsprop")
SCHEDULES = ("constant", "step", "cosine")

# what must hold for each field beyond its type: the words of the error and the check
_POSITIVE = ("a number above 0", lambda value: value > 0)
_NOT_NEGATIVE = ("a number of at least 0", lambda value: value >= 0)
_FRACTION = ("a number of at least 0 and below 1", lambda value: 0 <= value < 1)
_AT_LEAST_1 = ("an integer of at least 1", lambda value: value >= 1)
_RULES = {
    "epochs": _NOT_NEGATIVE,
    "batch_size": _AT_LEAST_1,
    "learning_rate": _POSITIVE,
    "optimizer": (f"one of {', '.join(OPTIMIZERS)}", lambda value: value in OPTIMIZERS),
    "schedule": (f"one of {', '.join(SCHEDULES)}", lambda value: value in SCHEDULES),
    "warmup": _NOT_NEGATIVE,
    "decay_every": _AT_LEAST_1,
    "decay_factor": _POSITIVE,
    "weight_decay": _NOT_NEGATIVE,
    "momentum": _FRACTION,
    "clip_norm": _POSITIVE,
    "ema": _FRACTION,
    "accumulate": _AT_LEAST_1,
    "patience": _AT_LEAST_1,
    "seed": ("an integer of at least 0", lambda value: value >= 0),
    "checkpoint_every": _AT_LEAST_1,
    "dtype": ("float32 or float64", lambda value: value in ("float32", "float64")),
    "device": ("cpu or cuda", lambda value: value in ("cpu", "cuda")),
    "threads": _AT_LEAST_1,
    "bound_samples": _AT_LEAST_1,
}


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How a model is trained; every field is a plain number, a string or None.

    Raises TypeError or ValueError that names the field, what was expected and what came.
    """

    epochs: int = 100
    batch_size: int = 64
    learning_rate: float = 1e-3
    optimizer: str = "adam"
    schedule: str = "constant"
    warmup: int = 0  # steps over which the learning rate rises linearly from 0
    decay_every: int = 30  # schedule "step": epochs between two reductions
    decay_factor: float = 0.1  # schedule "step": what the learning rate is multiplied with
    weight_decay: float | None = None  # None: the optimiser's own default
    momentum: float | None = None
    clip_norm: float | None = None  # largest global gradient norm
    ema: float | None = None  # decay of the parameters' exponential moving average
    accumulate: int = 1  # pieces into which each update's batch_size * accumulate examples are cut
    patience: int | None = None  # epochs without a better validation figure before stopping
    seed: int = 0
    checkpoint_every: int | None = None  # steps; None: when half a minute has passed, and at the end
    dtype: str | None = None  # of the parameters; None: as they are
    device: str = "cpu"
    threads: int | None = None
    bound_samples: int = 500  # importance samples of the final bound

    def __post_init__(self):
        hints = field_types(type(self))
        for name, hint in hints.items():
            value = getattr(self, name)
            if isinstance(value, int) and not isinstance(value, bool) and float in _members(hint):
                object.__setattr__(self, name, value := float(value))
            if isinstance(value, bool) or not isinstance(value, _members(hint)):
                raise TypeError(f"{name}: expected {_describe(hint)}, got {value!r}")
            words, check = _RULES[name]
            if value is not None and not (check(value) and (isinstance(value, str) or math.isfinite(value))):
                raise ValueError(f"{name}: expected {words}, got {value!r}")

    def to_json(self):
        """The settings as a dict of numbers, strings and None."""
        return dataclasses.asdict(self)


def train_config(model=None, **fields):
    """The TrainConfig for a model: its class's own `training` defaults, overridden by `fields`.

    Raises TypeError for an unknown field, with the nearest valid name.
    """
    settings = {**getattr(model, "training", {}), **fields}
    valid = field_types(TrainConfig)
    for name in settings:
        if name not in valid:
            raise TypeError(f"unknown training setting {name!r}{nearest(name, valid)}")
    return TrainConfig(**settings)


def parse_settings(assignments, model_config):
    """Sort `key=value` texts into the fields of a model's config and of TrainConfig, typed as those fields
    are.

    `model_config` is the model's config dataclass. Returns `(model_fields, train_fields)`. Raises ValueError
    for text without an equals sign, an unknown key (with the nearest valid name), a key given twice, or a
    value that is not of the field's type.
    """
    groups = (field_types(model_config), {}), (field_types(TrainConfig), {})
    seen = set()
    for text in assignments:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals or not key:
            raise ValueError(f"--set: expected key=value, got {text!r}")
        if key in seen:
            raise ValueError(f"--set: {key} is given twice")
        seen.add(key)
        for hints, fields in groups:
            if key in hints:
                fields[key] = parse_value(key, value, hints[key])
                break
        else:
            valid = [name for hints, _ in groups for name in hints]
            raise ValueError(f"--set: unknown setting {key!r}{nearest(key, valid)}")
    return groups[0][1], groups[1][1]


def parse_value(name, text, hint):
    """Turn `text` into the type `hint`: int, float, bool, str, a tuple of these, or one of them or None."""
    members = typing.get_args(hint) if _is_union(hint) else (hint,)
    if type(None) in members and text.lower() in ("none", "null"):
        return None
    for member in members:
        if member is type(None):
            continue
        try:
            return _convert(text, member)
        except ValueError:
            continue
    raise ValueError(f"{name}: expected {_describe(hint)}, got {text!r}")


def field_types(cls):
    """Name and type of every field of a dataclass, in order."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls) if field.init}


def _convert(text, kind):
    if typing.get_origin(kind) is tuple:
        element = typing.get_args(kind)[0]
        parts = [part for part in text.strip("()[] ").split(",") if part.strip()]
        return tuple(_convert(part.strip(), element) for part in parts)
    if kind is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if text.lower() not in words:
            raise ValueError
        return words[text.lower()]
    return kind(text)


def _is_union(hint):
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def _members(hint):
    return typing.get_args(hint) if _is_union(hint) else (hint,)


def _describe(hint):
    words = {int: "an integer", float: "a number", bool: "true or false", str: "a word", type(None): "none"}
    if _is_union(hint):
        return " or ".join(_describe(member) for member in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        plural = {int: "integers", float: "numbers"}.get(typing.get_args(hint)[0], "words")
        return f"{plural} separated by commas"
    return words.get(hint, str(hint))
