"""Nested lists, tuples and dicts of values, taken apart and put together again."""


def flatten(structure):
    """The values in nested lists, tuples and dicts, as one list, and the function that rebuilds the structure.

    A value that is not a list, tuple or dict is a structure of one value. The function takes as many values, in the
    same order, and gives them back in lists, tuples, named tuples and dicts as they were.
    """
    if not isinstance(structure, list | tuple | dict):
        return [structure], lambda values: values[0]
    members = [flatten(member) for member in (structure.values() if isinstance(structure, dict) else structure)]

    def rebuild(values):
        values = iter(values)
        built = [rebuild_member([next(values) for _ in leaves]) for leaves, rebuild_member in members]
        if isinstance(structure, dict):
            return dict(zip(structure, built, strict=True))
        return type(structure)(*built) if hasattr(structure, "_fields") else type(structure)(built)

    return [leaf for leaves, _ in members for leaf in leaves], rebuild
