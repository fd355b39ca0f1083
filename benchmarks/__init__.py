"""minigen measured beside PyTorch on the same machine: `python -m benchmarks`."""
