"""minigen beside PyTorch and others: time the rows of `rows.py` and write a table, a chart and the figures."""

import argparse
import importlib.util
import os
import shutil
import sys
import time
from pathlib import Path

from . import floor, report, rows, runner, startup

HERE = Path(__file__).resolve().parent


def main(arguments=None) -> int:
    """Run the command line; the exit code."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("keys", nargs="*", metavar="KEY", help="rows or groups of rows, such as vae, conv, startup")
    parser.add_argument("--list", action="store_true", help="show the rows and stop")
    parser.add_argument("--repeats", type=int, default=24, metavar="N", help="timed repeats of each side (default: 24)")
    parser.add_argument("--no-peer", action="store_true", help="time minigen alone")
    parser.add_argument("--no-compile", action="store_true", help="leave out torch.compile, which is slow to start")
    parser.add_argument("--out", type=Path, default=HERE / "results", metavar="DIR", help="folder of the results; rows "
                        "measured before on this machine stay in them (default: benchmarks/results)")
    parser.add_argument("--readme", action="store_true", help="also put the table into benchmarks/README.md")
    options = parser.parse_args(arguments)
    if options.repeats < 2:
        parser.error(f"--repeats: expected at least 2, got {options.repeats}")
    try:
        chosen = rows.select(options.keys)
    except ValueError as error:
        parser.error(str(error))
    if options.list:
        for row in chosen:
            print(f"{row.key:28} {row.step}")
        print(f"{'startup':28} import, first training step in a fresh process, installed size")
        return 0
    variants = _variants(options)
    if hasattr(os, "getloadavg") and os.getloadavg()[0] > 0.5:
        print(f"this machine is busy (load {os.getloadavg()[0]:.1f}): times will not be those of a quiet one")
    done = report.read(options.out)
    _measure_rates(done)
    rates, cpu = done["rates"], done["machine"]["cpu"]
    print(f"{cpu}: {rates['flops'] / 1e9:.0f} GFLOP/s, {rates['bandwidth'] / 1e9:.0f} GB/s", flush=True)
    for row in chosen:
        results = runner.measure(row, _variants_of(row, variants, options), options.repeats)
        done["rows"][row.key] = {
            "step": row.step, "unit": "ms", "per": row.per, "goals": row.goals, "flops": row.flops, "bytes": row.bytes,
            "peer": row.peer, "results": results, "date": time.strftime("%Y-%m-%d"),
        }
        _show(row.key, done["rows"][row.key])
    if not options.keys or "startup" in options.keys:
        for key, row in startup.measure(options.repeats, bool(variants)).items():
            done["rows"][key] = row
            _show(key, row)
    _measure_rates(done)
    done["rows"] = dict(sorted(done["rows"].items(), key=lambda entry: rows.order(entry[0])))
    report.write(done, options.out)
    if options.readme:
        report.fill(HERE / "README.md", done)
    print(f"written: {options.out}/results.json, table.md, chart.png")
    return 0


def _measure_rates(done):
    """Keep the best rates measured on this machine: other work can only make them lower."""
    done["rates"] = {name: max(rate, done["rates"].get(name, 0.0)) for name, rate in floor.measure().items()}


def _variants_of(row, variants, options):
    """The variants of a row's peer that can be timed here."""
    if row.peer == "torch":
        return [variant for variant in row.variants if variant in variants]
    return row.variants if not options.no_peer and importlib.util.find_spec(row.peer) else ()


def _variants(options):
    """The variants of PyTorch that can be timed here; prints what is missing for the others."""
    if options.no_peer:
        return ()
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed (pip install torch): minigen is timed alone")
        return ()
    if options.no_compile:
        return ("eager", "plain", "default")
    if not any(shutil.which(name) for name in ("c++", "g++", "clang++")):
        print("no C++ compiler was found: torch.compile is left out")
        return ("eager", "plain", "default")
    return ("plain", *rows.TRAINING)


def _show(key, row):
    results, unit = row["results"], row["unit"]
    shown = []
    for name, result in results.items():
        if "error" in result:
            shown.append(f"{name}: {result['error']}")
            continue
        value = result["median"] * 1e3 if unit == "ms" else result["median"]
        against = report.ratio(results, name)
        shown.append(f"{name} {value:.4g} {unit}" + (f" ({against:.2f})" if name != "minigen" and against else ""))
    print(f"{key:28} " + ", ".join(shown), flush=True)


if __name__ == "__main__":
    sys.exit(main())
