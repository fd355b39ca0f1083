"""Kill a training run with SIGKILL at many random moments and hold the end against a run that was never stopped.

    python benchmarks/kill_resume.py [--kills 50] [--epochs 60] [--seed 0] [--threads 1]

Each kill comes at a random moment of the time that a whole run takes, counted from the start of its process, so
some hit the start, some a step, some a checkpoint that is being written. Whenever the run comes to its end before
all kills are spent, its result is compared and a new one begins. The exit code is 0 if every run resumed and every end
was the same bit for bit: parameters, optimiser state, averages and metrics.jsonl.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]


def main():
    """Run the experiment and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        return experiment(Path(folder), options)


def experiment(folder, options):
    """Kill and resume until all kills are spent; 0 if every end was the same, else 1."""
    settings = ["hidden=32", "latent_dim=4", "ema=0.99", "bound_samples=2"]
    words = ["train", "vae", "--quiet", "--checkpoint-every", "5", *(f"--set={setting}" for setting in settings)]
    words += ["--threads", str(options.threads), "--epochs", str(options.epochs)]
    began = time.monotonic()
    code = command([*words, "--out", "whole"], folder).wait()
    duration = time.monotonic() - began
    print(f"one whole run takes {duration:.1f} s")
    random_moments = random.Random(options.seed)
    resumed = folder / "resumed"
    kills, ends, different, fresh = 0, 0, 0, 0
    while code == 0:
        fresh += not resumed.exists()
        process = command([*words, "--out", "resumed", *(["--resume"] if resumed.exists() else [])], folder)
        try:
            limit = random_moments.uniform(0.05, 0.6 * duration) if kills < options.kills else None
            code = process.wait(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            kills += 1
            continue
        if code == 0:
            ends += 1
            different += not same(folder / "whole", resumed)
            shutil.rmtree(resumed)
            if kills >= options.kills:
                break
    print(f"{kills} kills, {fresh} fresh starts, {ends} ends, {different} of them different from the whole run")
    if code != 0:
        print(f"a run ended with exit code {code}")
    return int(code != 0 or different > 0)


def command(words, folder):
    """Start the minigen command."""
    environment = {**os.environ, "PYTHONPATH": str(CHECKOUT)}
    return subprocess.Popen([sys.executable, "-m", "minigen", *words], cwd=folder, env=environment,
                            stdout=subprocess.DEVNULL)


def same(first, second):
    """Whether two run folders hold the same metrics and the same checkpoints, byte for byte."""
    names = ["metrics.jsonl", *sorted(f"checkpoints/{path.name}" for path in (first / "checkpoints").iterdir())]
    return all((first / name).read_bytes() == (second / name).read_bytes() for name in names)


if __name__ == "__main__":
    sys.exit(main())
