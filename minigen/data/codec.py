"""Turns text into integers and back."""

from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class CharacterCodec:
    """One integer for every character of the string `characters`: its index there.

    `levels` is the number of characters. Raises ValueError if a character comes twice, or for an empty string.
    """

    characters: str
    _numbers: dict = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        if not isinstance(self.characters, str) or not self.characters:
            raise ValueError(f"characters: expected a string of at least one character, got {self.characters!r}")
        numbers = {character: number for number, character in enumerate(self.characters)}
        if len(numbers) != len(self.characters):
            raise ValueError("characters: expected each character once")
        object.__setattr__(self, "_numbers", numbers)

    @classmethod
    def of(cls, text: str) -> "CharacterCodec":
        """The codec of all characters in `text`, in the order of their code points."""
        return cls("".join(sorted(set(text))))

    @property
    def levels(self) -> int:
        """The number of characters."""
        return len(self.characters)

    def encode(self, text: str) -> np.ndarray:
        """The integers of a text, shape (length,), uint8 for up to 256 characters and uint32 beyond.

        Raises ValueError that names the first character that the codec does not have.
        """
        dtype = np.uint8 if self.levels <= 256 else np.uint32
        try:
            return np.fromiter(map(self._numbers.__getitem__, text), dtype, len(text))
        except KeyError as error:
            where = text.index(error.args[0])
            raise ValueError(f"text: character {error.args[0]!r} at {where} is not one of the codec's") from None

    def decode(self, numbers) -> str:
        """The text of integers, an array of any shape read in order. Raises ValueError for an integer out of range."""
        numbers = np.asarray(numbers).reshape(-1)
        if numbers.dtype.kind not in "iu" and numbers.size:
            raise ValueError(f"numbers: expected integers, got {numbers.dtype}")
        if numbers.size and not (0 <= numbers.min() and numbers.max() < self.levels):
            raise ValueError(f"numbers: expected 0 to {self.levels - 1}, got {numbers.min()} to {numbers.max()}")
        return "".join(map(self.characters.__getitem__, numbers.tolist()))

    def to_json(self) -> dict:
        """The codec as a dict that JSON can hold."""
        return {"characters": self.characters}

    @classmethod
    def from_json(cls, value: dict) -> "CharacterCodec":
        """The codec that `to_json` wrote. Raises ValueError for anything else."""
        if not isinstance(value, dict) or set(value) != {"characters"}:
            raise ValueError(f"codec: expected a dict of characters, got {value!r}")
        return cls(value["characters"])
