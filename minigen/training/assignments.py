"""From the text of a command line to settings: `key=value`, by the types of a dataclass's fields."""

import dataclasses
import types
import typing


def assigned(assignments) -> dict[str, str]:
    """`key=value` texts as a dict. Raises ValueError for text without an equals sign and for a key given twice."""
    values = {}
    for text in assignments:
        key, equals, value = (side.strip() for side in text.partition("="))
        if not equals or not key:
            raise ValueError(f"--set: expected key=value, got {text!r}")
        if key in values:
            raise ValueError(f"--set: {key} is given twice")
        values[key] = value
    return values


def parse_value(name, text, hint):
    """Turn `text` into the type `hint`: int, float, bool, str, a tuple of these, or one of them or None."""
    kinds = members(hint)
    if type(None) in kinds and text.lower() in ("none", "null"):
        return None
    for kind in kinds:
        if kind is type(None):
            continue
        try:
            return _convert(text, kind)
        except ValueError:
            continue
    raise ValueError(f"{name}: expected {describe(hint)}, got {text!r}")


def field_types(cls):
    """Name and type of every field of a dataclass, in order."""
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls) if field.init}


def _convert(text, kind):
    if typing.get_origin(kind) is tuple:
        element = typing.get_args(kind)[0]
        words = [word.strip() for word in text.strip("()[] ").split(",")]
        return tuple(_convert(word, element) for word in words if word)
    if kind is bool:
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        if text.lower() not in words:
            raise ValueError
        return words[text.lower()]
    return kind(text)


def _is_union(hint):
    return typing.get_origin(hint) in (typing.Union, types.UnionType)


def members(hint):
    """The types that a hint allows: those of a union, or the one."""
    return typing.get_args(hint) if _is_union(hint) else (hint,)


def describe(hint):
    """A type in words."""
    words = {int: "an integer", float: "a number", bool: "true or false", str: "a word", type(None): "none"}
    if _is_union(hint):
        return " or ".join(describe(member) for member in typing.get_args(hint))
    if typing.get_origin(hint) is tuple:
        plural = {int: "integers", float: "numbers"}.get(typing.get_args(hint)[0], "words")
        return f"{plural} separated by commas"
    return words.get(hint, str(hint))
