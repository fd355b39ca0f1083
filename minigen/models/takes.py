"""`Takes`: which data a model is for, and the refusal of all others."""

from dataclasses import dataclass

from ..protocols import KINDS, DataSpec

CONDITIONS = ("class", "vector", "image", "sequence")
RANKS = {1: "vectors", 2: "sequences", 3: "images"}  # by the number of axes of an example
SHAPES = {"vectors": "(columns,)", "sequences": "(time, channels)", "images": "(height, width, channels)"}


@dataclass(frozen=True)
class Takes:
    """Which data a model is for.

    - `kinds`: the kinds of numbers, out of "binary", "discrete" and "continuous"; with `mixed` also tables that have a
      kind for each column.
    - `rank`: how many axes an example may have (1: vectors, 2: sequences, 3: images), or None if examples of any shape
      are read as one row.
    - `condition`: what c may be in p(x | c), out of "class", "vector", "image" and "sequence"; () if the model is p(x).
    - `missing`: whether values may be missing, which are then marginalised.
    - `length`: whether sequences may end before their greatest length; what follows an end then counts for nothing.
    - `labels`: None if the model does not learn from labels, else "optional" or "required".
    """

    kinds: tuple[str, ...] = KINDS
    rank: tuple[int, ...] | None = None
    condition: tuple[str, ...] = ()
    missing: bool = False
    labels: str | None = None
    mixed: bool = False
    length: bool = False

    def __post_init__(self):
        for name, values, allowed in (("kinds", self.kinds, KINDS), ("condition", self.condition, CONDITIONS),
                                      ("rank", self.rank or (), RANKS), ("labels", (self.labels,), (
                                          None, "optional", "required"))):
            for value in values:
                if value not in allowed:
                    raise ValueError(f"Takes {name}: expected {', '.join(map(str, allowed))}, got {value!r}")

    def check_spec(self, model: str, spec: DataSpec) -> None:
        """Raise ValueError, with the name of the model, for data or a condition that it is not for."""
        mixed = not isinstance(spec.kind, str)
        kinds = spec.kind if mixed else (spec.kind,)
        other = [kind for kind in dict.fromkeys(kinds) if kind not in self.kinds]
        if (mixed and not self.mixed) or other:
            what = f"a table of {_listed(dict.fromkeys(kinds))} columns" if mixed else f"{spec.kind} data"
            raise ValueError(f"{model}: it takes {self.data}, got {what}{self._advice(spec)}")
        if self.rank is not None and len(spec.shape) not in self.rank:
            raise ValueError(f"{model}: it takes {self.data}, got examples of shape {spec.shape}")
        if spec.condition is not None and not self.condition:
            raise ValueError(f"{model}: it models p(x), not p(x | condition); it takes no condition")
        if spec.condition is not None and condition_name(spec.condition) not in self.condition:
            raise ValueError(f"{model}: it takes {_listed(map(_with_article, self.condition), 'or')} as condition, "
                             f"got {_with_article(condition_name(spec.condition))} ({spec.condition})")

    def check_beside(self, model: str, data: str, batch, learns: bool = True) -> None:
        """Raise ValueError for missing values or lengths that the model does not take, and for labels that it lacks.

        `data` is the name of the data, `batch` a `data.Batch` of them. A model that no longer `learns` needs no labels.
        """
        if batch.observed is not None and not self.missing:
            raise ValueError(f"data {data!r}: values are missing, and {model} does not take missing values")
        if batch.length is not None and not self.length:
            raise ValueError(f"data {data!r}: sequences have lengths of their own, and {model} does not take them")
        if learns and batch.labels is None and self.labels == "required":
            raise ValueError(f"data {data!r} have no labels, from which {model} learns; name the column of a table "
                             "that holds them (--labels COLUMN), or give arrays x and y in an .npz file")

    @property
    def data(self) -> str:
        """The data in words: "binary or discrete images (height, width, channels)"."""
        kinds = _listed(self.kinds, "or")
        if self.rank is None:
            tables = self.mixed and len(self.kinds) > 1
            shapes = "data of any shape, tables of several kinds too" if tables else "data of any shape"
        else:
            shapes = _listed([RANKS[rank] for rank in self.rank], "or")
            if len(self.rank) == 1:
                shapes += f" {SHAPES[shapes]}"
        return f"{kinds} {shapes}"

    def __str__(self):
        words = [self.data]
        if self.condition:
            words.append(f"also given {_listed(map(_with_article, self.condition), 'or')}")
        if self.labels is not None:
            words.append("labels needed" if self.labels == "required" else "labels if there are any")
        if self.missing:
            words.append("values may be missing")
        if self.length:
            words.append("sequences may differ in length")
        return "; ".join(words)

    def _advice(self, spec):
        if isinstance(spec.kind, str) and self.kinds == ("binary",):
            return "; binarize the data, or name a data set's binary variant"
        return ""


def condition_name(spec: DataSpec) -> str:
    """What a condition is: "class" (one discrete or binary number), "vector", "sequence" or "image"."""
    if spec.dimensions == 1 and spec.kind in ("discrete", "binary"):
        return "class"
    return {1: "vector", 2: "sequence", 3: "image"}.get(len(spec.shape), "vector")


def _with_article(word):
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"


def _listed(words, last="and"):
    """Words with commas between them, and `last` before the last one."""
    words = list(words)
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"
