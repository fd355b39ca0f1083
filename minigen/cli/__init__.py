"""The `minigen` command: one file for each subcommand; they parse, call and print."""

from .main import main

__all__ = ["main"]
