"""minigen's side of each row: `build(**arguments) -> Work`."""
