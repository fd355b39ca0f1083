"""Where a run's data come from: what `data.load` finds, or a source whose density is known (`known:NAME`)."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path

from .. import data, known, models
from ..data.kinds import parse_kind

KNOWN = "known:"


@dataclass(frozen=True)
class DataSource:
    """The name or path of data, and how they are read, as a run keeps it.

    `kind` and the `labels` column are what `data.load` takes; `shape`, `levels`, `standardize` and `conditional` what
    `data.prepare` takes. A name "known:NAME" is a source of `minigen.known`. Raises ValueError or TypeError for a
    name, a kind or a column that is not valid.
    """

    name: str
    kind: str | tuple[str, ...] | None = None
    labels: str | int | None = None
    shape: tuple[int, ...] | None = None
    levels: int | None = None
    standardize: bool = False
    conditional: bool = False

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise ValueError(f"data: expected a name or a path, got {self.name!r}")
        object.__setattr__(self, "kind", parse_kind(self.kind))
        if isinstance(self.labels, bool) or not isinstance(self.labels, str | int | None):
            raise TypeError(f"labels: expected a column's name or number, got {self.labels!r}")
        if self.name.startswith(KNOWN) and (self.kind, self.labels) != (None, None):
            raise ValueError(f"data {self.name!r}: a known source has its own kind and labels, none can be given")
        if self.name.startswith(KNOWN) and self.prepared:
            raise ValueError(f"data {self.name!r}: a source is taken as it is, not with {', '.join(self.prepared)}")
        if self.shape is not None and not all(type(extent) is int for extent in self.shape):
            raise TypeError(f"shape: expected integers, got {self.shape!r}")

    @property
    def prepared(self) -> dict:
        """What `data.prepare` is asked for."""
        asked = {name: getattr(self, name) for name in ("shape", "levels", "standardize", "conditional")}
        return {name: value for name, value in asked.items() if value is not None and value is not False}

    def resolved(self):
        """The same data, a file's path made absolute."""
        if self.name.startswith(KNOWN) or self.name in data.available() or not Path(self.name).exists():
            return self
        return dataclasses.replace(self, name=str(Path(self.name).resolve()))

    def to_json(self):
        """A dict for a run's config.json."""
        optional = {"kind": self.kind, "labels": self.labels, **self.prepared}
        return {"name": self.name, **{key: list(value) if isinstance(value, tuple) else value
                                      for key, value in optional.items() if value is not None}}

    @classmethod
    def from_json(cls, value):
        """What `to_json` wrote; ValueError or TypeError for anything else. Other keys are left alone."""
        shape = value.get("shape")
        return cls(value.get("name"), value.get("kind"), value.get("labels"),
                   tuple(shape) if isinstance(shape, list) else shape, value.get("levels"),
                   value.get("standardize", False), value.get("conditional", False))


def load_source(source, seed=0, model=None, like=None):
    """The Dataset of a DataSource, a name or a path, split by `seed`.

    `model` is a model or a model's class: missing values are read if it takes them. `like` is a DataSource by whose
    training columns, not by the data's own, these are standardised. Raises as `data.load` does, and ValueError for data
    that have missing values or no labels where the model is not for such.
    """
    source = source if isinstance(source, DataSource) else DataSource(str(source))
    if source.name.startswith(KNOWN):
        dataset = known.load(source.name.removeprefix(KNOWN), seed=seed)
    else:
        missing = model is not None and model.takes.missing
        try:
            dataset = data.load(source.name, seed, source.kind, missing=missing, labels=source.labels)
        except data.MissingValues as error:
            raise data.MissingValues(f"{error}; models that take missing values: {_takers()}") from error
        if source.prepared:
            dataset = data.prepare(dataset, **source.prepared, standardizer=_standardizer(like, seed))
    if model is not None:
        key = models.key_of(model) or "the model"
        model.takes.check_beside(key, dataset.name, dataset.batch("train"))
    return dataset


def _standardizer(source, seed):
    if source is None:
        return None
    plain = dataclasses.replace(source, standardize=False, conditional=False)
    return data.Standardizer.fit(load_source(plain, seed).train)


def load_truth(source):
    """The `known.Source` that a DataSource or a name "known:NAME" stands for, or None for other data."""
    name = source.name if isinstance(source, DataSource) else str(source)
    return known.create(name.removeprefix(KNOWN)) if name.startswith(KNOWN) else None


def _takers():
    keys = [key for family in models.available().values() for key in family]
    return ", ".join(key for key in keys if models.model_class(key).takes.missing)
