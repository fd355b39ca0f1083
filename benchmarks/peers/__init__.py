"""PyTorch's side of each row, as a good user would write it: `build(variant="eager", **arguments) -> Work`."""
