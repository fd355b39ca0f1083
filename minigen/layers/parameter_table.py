"""A module's parameters and buffers as a table of text."""

from ..autograd import Parameter


def parameter_table(title: str, rows) -> str:
    """Name, shape, dtype and number of elements of parameters and buffers, and the total. `rows` are (name, tensor)."""
    parameters = [tensor for _, tensor in rows if isinstance(tensor, Parameter)]
    total = sum(parameter.size for parameter in parameters)
    frozen = sum(parameter.size for parameter in parameters if parameter.frozen)
    cells = [("name", "shape", "dtype", "parameters", "")]
    for name, tensor in rows:
        kind = "buffer" if not isinstance(tensor, Parameter) else "frozen" if tensor.frozen else ""
        count = f"{tensor.size:,}" if isinstance(tensor, Parameter) else ""
        cells.append((name, str(tensor.shape), str(tensor.dtype), count, kind))
    cells.append(("total", "", "", f"{total:,}", f"{frozen:,} frozen" if frozen else ""))
    widths = [max(len(row[column]) for row in cells) for column in range(5)]
    lines = [title]
    for name, shape, dtype, count, kind in cells:
        line = f"  {name:<{widths[0]}}  {shape:<{widths[1]}}  {dtype:<{widths[2]}}  {count:>{widths[3]}}  {kind}"
        lines.append(line.rstrip())
    return "\n".join(lines)
