"""The command line: which commands there are, and how mistakes and interrupts end a process."""

import argparse
import os
import sys

from ..protocols import nearest
from . import check, evaluate, list_, sample, train

COMMANDS = {"train": train, "sample": sample, "evaluate": evaluate, "list": list_, "check": check}
DONE, MISTAKE, INTERRUPTED = 0, 2, 130


class UsageError(ValueError):
    """A command line that cannot be understood."""


class Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of printing its usage and ending the process."""

    def error(self, message):
        """Raise UsageError, for `main` to print as every other mistake."""
        raise UsageError(f"{message} (see {self.prog} --help)")


def main(argv=None):
    """Run the `minigen` command with the given arguments (by default the process's) and return its exit code.

    0: done. 2: the user's mistake, said in one line on the standard error stream. 130: interrupted.
    """
    argv = sys.argv[1:] if argv is None else list(argv)
    debug = "--debug" in argv
    try:
        args = parse(argv)
        return args.command(args) or DONE
    except SystemExit as stop:  # --help and --version
        return stop.code or DONE
    except KeyboardInterrupt as stop:
        if debug:
            raise
        complain(str(stop) or "interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        # whoever read our output has gone; keep Python from complaining when it flushes at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except (ValueError, TypeError, OSError, MemoryError, ArithmeticError, NotImplementedError) as error:
        if debug:
            raise
        complain(explain(error))
        return MISTAKE


def parse(argv):
    """The parsed arguments; UsageError, with the nearest valid name, for anything unknown."""
    parser = Parser(prog="minigen", description="Train and study deep generative models.", allow_abbrev=False)
    parser.add_argument("--version", action="store_true", help="print the version and stop")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")
    parsers = {}
    for name, module in COMMANDS.items():
        words = module.__doc__.strip().splitlines()[0]
        parsers[name] = sub = commands.add_parser(name, help=words, description=words, allow_abbrev=False)
        module.add_arguments(sub)
        sub.add_argument("--debug", action="store_true", help="show where an error comes from")
        sub.set_defaults(command=module.run)
    chosen = next((word for word in argv if not word.startswith("-")), None)
    if chosen is not None and chosen not in parsers:
        raise UsageError(f"unknown command {chosen!r}{nearest(chosen, parsers)}")
    args, rest = parser.parse_known_args(argv)
    if rest:
        known = parsers[chosen]._option_string_actions if chosen else parser._option_string_actions
        what = "option" if rest[0].startswith("-") else "argument"
        hint = nearest(rest[0].partition("=")[0], known) if what == "option" else ""
        raise UsageError(f"unknown {what} {rest[0]!r}{hint}")
    if args.version:
        from .. import __version__

        print(f"minigen {__version__}")
        raise SystemExit(DONE)
    if chosen is None:
        raise UsageError(f"expected a command: {', '.join(parsers)} (see minigen --help)")
    return args


def complain(message):
    """Print one line on the standard error stream."""
    print("minigen: " + " ".join(message.split()), file=sys.stderr)


def explain(error):
    """An exception in words for somebody who knows nothing of its class."""
    if isinstance(error, MemoryError):
        return f"not enough memory{f': {error}' if str(error) else ''}"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}{f': {error.filename}' if error.filename else ''}"
    return str(error) or type(error).__name__
