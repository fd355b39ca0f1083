"""The settings of a training run: `TrainConfig`, and those that a model or an objective has of its own."""

import dataclasses
import math
import typing
from collections.abc import Mapping

from ..protocols import nearest
from .assignments import assigned, describe, field_types, members, parse_value

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
    "betas": ("two numbers of at least 0 and below 1",
              lambda value: len(value) == 2 and all(0 <= beta < 1 for beta in value)),
    "eps": _NOT_NEGATIVE,
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

# The settings that concern one objective's update: an `Objective.optimizer` and `objectives` may have them.
OF_AN_OBJECTIVE = ("optimizer", "learning_rate", "schedule", "warmup", "decay_every", "decay_factor", "weight_decay",
                   "momentum", "betas", "eps", "clip_norm", "ema")


@dataclasses.dataclass(frozen=True)
class TrainConfig:
    """How a model is trained; every field but the last is a number, a string, a tuple of numbers, or None.

    `objectives` maps the name of an objective to settings for it alone, those of `OF_AN_OBJECTIVE`. Raises TypeError
    or ValueError that names the field, what was expected and what came.
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
    betas: tuple[float, ...] | None = None  # Adam's decays of the means of the gradient and of its square
    eps: float | None = None  # what Adam and RMSProp add to the square root
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
    objectives: Mapping[str, Mapping] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        for name, hint in TYPES.items():
            object.__setattr__(self, name, checked(name, getattr(self, name), hint))
        objectives = {}
        if not isinstance(self.objectives, Mapping):
            raise TypeError(f"objectives: expected a dict from names to settings, got {self.objectives!r}")
        for objective, settings in self.objectives.items():
            if not isinstance(objective, str) or not isinstance(settings, Mapping):
                raise TypeError(f"objectives: expected a dict of settings, got {objective!r}: {settings!r}")
            objectives[objective] = {}
            for name, value in settings.items():
                if name not in OF_AN_OBJECTIVE:
                    hint = nearest(name, OF_AN_OBJECTIVE)
                    raise ValueError(f"objectives: {objective}: unknown setting {name!r}{hint}")
                objectives[objective][name] = checked(name, value, TYPES[name])
        object.__setattr__(self, "objectives", objectives)

    def to_json(self):
        """The settings as JSON can hold them: a dict of numbers, strings, lists, dicts and None."""
        listed = lambda value: list(value) if isinstance(value, tuple) else value  # noqa: E731
        settings = {name: listed(value) for name, value in dataclasses.asdict(self).items()}
        settings["objectives"] = {objective: {name: listed(value) for name, value in fields.items()}
                                  for objective, fields in self.objectives.items()}
        return settings


TYPES = {name: hint for name, hint in field_types(TrainConfig).items() if name != "objectives"}


def checked(name, value, hint):
    """The value of a setting, an integer as a float where it is one. Raises TypeError or ValueError if it is wrong."""
    kinds = members(hint)
    numbers = next((kind for kind in kinds if typing.get_origin(kind) is tuple), None)
    if numbers is not None and isinstance(value, tuple | list):
        if any(isinstance(number, bool) or not isinstance(number, int | float) for number in value):
            raise TypeError(f"{name}: expected {describe(hint)}, got {value!r}")
        value = tuple(float(number) for number in value)
    else:
        kinds = tuple(kind for kind in kinds if kind is not numbers)
        if isinstance(value, int) and not isinstance(value, bool) and float in kinds:
            value = float(value)
        if isinstance(value, bool) or not isinstance(value, kinds):
            raise TypeError(f"{name}: expected {describe(hint)}, got {value!r}")
    words, check = _RULES[name]
    finite = not isinstance(value, float) or math.isfinite(value)
    if value is not None and not (finite and check(value)):
        raise ValueError(f"{name}: expected {words}, got {value!r}")
    return value


def train_config(model=None, **fields):
    """The TrainConfig for a model or a model's class: its own `training` defaults, overridden by `fields`.

    Raises TypeError for an unknown field, with the nearest valid name.
    """
    settings = {**({} if model is None else model.training), **fields}
    valid = [field.name for field in dataclasses.fields(TrainConfig)]
    for name in settings:
        if name not in valid:
            raise TypeError(f"unknown training setting {name!r}{nearest(name, valid)}")
    return TrainConfig(**settings)


def parse_settings(assignments, model_config):
    """Sort `key=value` texts into the fields of a model's config and of TrainConfig, typed as those fields are.

    `model_config` is the model's config dataclass. `critic.learning_rate=1e-4` is a setting of the objective "critic"
    alone. Returns `(model_fields, train_fields)`. Raises ValueError for text without an equals sign, an unknown key
    (with the nearest valid name), a key given twice, or a value that is not of the field's type.
    """
    model_types, model_fields, train_fields = field_types(model_config), {}, {}
    for key, value in assigned(assignments).items():
        objective, dot, setting = key.rpartition(".")
        if dot:
            if setting not in OF_AN_OBJECTIVE:
                hint = nearest(setting, OF_AN_OBJECTIVE)
                raise ValueError(f"--set: unknown setting {setting!r} of an objective{hint}")
            settings = train_fields.setdefault("objectives", {}).setdefault(objective, {})
            settings[setting] = parse_value(key, value, TYPES[setting])
        elif key in model_types:
            model_fields[key] = parse_value(key, value, model_types[key])
        elif key in TYPES:
            train_fields[key] = parse_value(key, value, TYPES[key])
        else:
            raise ValueError(f"--set: unknown setting {key!r}{nearest(key, [*model_types, *TYPES])}")
    return model_fields, train_fields
