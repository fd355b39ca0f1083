"""Whether a saved state fits: named arrays against those that they are to replace."""


def misfits(present, arrays) -> list[str]:
    """What of the named `arrays` is missing, unexpected or of another shape or dtype than in `present`, in words."""
    problems = [f"missing {name}" for name in present if name not in arrays]
    problems += [f"unexpected {name}" for name in arrays if name not in present]
    for name in (name for name in present if name in arrays):
        ours, theirs = present[name], arrays[name]
        if (ours.shape, ours.dtype) != (theirs.shape, theirs.dtype):
            problems.append(f"{name}: expected shape {ours.shape} and dtype {ours.dtype}, "
                            f"got {theirs.shape} and {theirs.dtype}")
    return problems
