"""The commands from outside: what they print, leave behind and load, and how signals end them."""

import json
import random
import signal
import subprocess
import time

import numpy as np
import pytest

import minigen
from cli.commands import done, run, start
from minigen.training import Run, read_checkpoint

TINY = ("train", "vae", "--quiet", "--threads", "1", "--set", "hidden=16", "--set", "latent_dim=2")


def trained(folder, *words):
    code, output, errors = run(*TINY, *words, cwd=folder)
    assert code == 0, errors
    return output, errors


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("commands")
    output, errors = trained(folder, "--epochs", "3")
    assert errors == ""
    lines = output.splitlines()
    assert lines[0].startswith("digits, test split, ") and lines[-1] == "run folder: runs/vae-digits"
    assert "elbo" in output and "iwae_bound (k = 500)" in output and "±" in output
    return folder


def test_train_leaves_a_run_that_python_loads(folder):
    path = folder / "runs" / "vae-digits"
    assert {"config.json", "metrics.jsonl", "checkpoints", "samples.png", "reconstructions.png", "traversal.png",
            "curves.png"} == {entry.name for entry in path.iterdir()}
    model = minigen.load(path)
    assert model.sample(5, rng=0).shape == (5, 8, 8, 1) and model.config.hidden == (16,)
    assert minigen.load(str(path)).config == model.config


def test_evaluate_says_the_same_in_both_forms(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    code, output, errors = run("evaluate", "runs/vae-digits", "--samples", "20", cwd=folder)
    assert code == 0 and "iwae_bound (k = 20)" in output and errors == ""
    result = json.loads(done(capsys, "evaluate", "runs/vae-digits", "--samples", "20", "--json"))
    assert result["data"] == "digits" and result["split"] == "test"
    for name, figure in result["figures"].items():
        assert f"{figure['value']:.2f} ± {figure['standard_error']:.2f}" in output, name
    model, data = minigen.load(folder / "runs" / "vae-digits"), minigen.data.load("digits")
    values = model.elbo(np.repeat(data.test, 50, axis=0), 7).data.reshape(-1, 50)
    error = values.mean(axis=1).std(ddof=1) / len(values) ** 0.5 + values.std(axis=1).mean() / len(values) ** 0.5
    assert abs(values.mean() - result["figures"]["elbo"]["value"]) < 5 * error
    assert result["figures"]["iwae_bound"]["samples"] == 20


def test_sample_writes_what_its_ending_says(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    words = ("sample", "runs/vae-digits", "-n", "70", "--seed", "3", "--out")
    assert run(*words, "a.npz", cwd=folder) == (0, "70 samples: a.npz\n", "")
    for name in ("a.npy", "a.png", "a.npz"):  # an existing file is replaced
        assert done(capsys, *words, name) == f"70 samples: {name}\n"
    with np.load(folder / "a.npz") as file:
        x = file["x"]
    assert x.shape == (70, 8, 8, 1) and set(np.unique(x)) == {0, 1}
    np.testing.assert_array_equal(x, np.load(folder / "a.npy"))
    assert (folder / "a.png").read_bytes().startswith(b"\x89PNG")
    done(capsys, "train", "vae", "--data", "a.npz", "--epochs", "1", "--quiet", "--out", "again")


def test_a_second_run_gets_a_name_of_its_own_and_resume_takes_the_latest(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    output = done(capsys, *TINY, "--epochs", "1", "--seed", "5")
    assert output.endswith("run folder: runs/vae-digits-2\n")
    output = done(capsys, "train", "vae", "--resume", "--epochs", "2", "--quiet")
    assert output.endswith("run folder: runs/vae-digits-2\n")
    assert len((folder / "runs" / "vae-digits-2" / "metrics.jsonl").read_text().splitlines()) == 2


def test_list_check_and_version(tmp_path, capsys):
    code, output, errors = run("list", cwd=tmp_path)
    assert code == 0 and "vae" in output and "digits" in output and errors == ""
    assert "vae" in json.loads(done(capsys, "list", "--json"))["models"]["latent"]
    output = done(capsys, "check")
    assert output.count("ok  ") == len(output.splitlines()) >= 6
    assert run("--version", cwd=tmp_path)[1] == f"minigen {minigen.__version__}\n"
    code, output, _ = run("train", "--help", cwd=tmp_path)
    assert code == 0 and "--checkpoint-every" in output


def test_a_progress_bar_has_loss_and_rate(tmp_path):
    words = [word for word in TINY if word != "--quiet"]
    code, output, errors = run(*words, "--epochs", "2", cwd=tmp_path)
    assert code == 0 and "loss" in errors and "rate" in errors and "epoch 2" in errors


@pytest.fixture(scope="module")
def whole(folder):
    """A run of 40 epochs that nothing stopped."""
    trained(folder, "--epochs", "40", "--out", "whole")
    return folder / "whole"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_at_a_checkpoint_and_says_how_to_go_on(whole, tmp_path, number):
    process = start(*TINY, "--epochs", "40", "--out", "parts of it", cwd=tmp_path)
    metrics = tmp_path / "parts of it" / "metrics.jsonl"
    while not metrics.exists() or metrics.stat().st_size == 0:
        assert process.poll() is None, process.communicate()
        time.sleep(0.005)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors.count("\n") == 1 and output == ""
    command = errors.strip().partition("resume with: ")[2]
    assert command == "minigen train vae --out 'parts of it' --resume"
    step = read_checkpoint(Run.open(tmp_path / "parts of it").latest_path())[1]["step"]
    assert f"stopped after step {step}" in errors and 0 < step < 40 * 11
    code, output, errors = run("train", "vae", "--out", "parts of it", "--resume", "--quiet", cwd=tmp_path)
    assert code == 0, errors
    assert_same_runs(whole, tmp_path / "parts of it")


def assert_same_runs(first, second):
    """Parameters, optimiser, metrics: all that a run computes is the same, bit for bit."""
    assert (first / "metrics.jsonl").read_bytes() == (second / "metrics.jsonl").read_bytes()
    for name in (Run.open(first).latest_path().name, "best.npz"):
        one, two = (read_checkpoint(path / "checkpoints" / name)[0] for path in (first, second))
        assert one.keys() == two.keys() and all(one[key].tobytes() == two[key].tobytes() for key in one)


@pytest.mark.slow
def test_killed_at_random_moments_it_resumes_bit_for_bit(tmp_path):
    # benchmarks/kill_resume.py does this many more times
    words = (*TINY, "--epochs", "20", "--checkpoint-every", "7", "--set", "bound_samples=2")
    code, _, errors = run(*words, "--out", "whole", cwd=tmp_path)
    assert code == 0, errors
    moments, parts = random.Random(0), tmp_path / "parts"
    for _ in range(4):
        process = start(*words, "--out", "parts", *(["--resume"] if parts.exists() else []), cwd=tmp_path)
        try:
            process.communicate(timeout=moments.uniform(0.3, 1.0))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
    code, _, errors = run(*words, "--out", "parts", *(["--resume"] if parts.exists() else []), cwd=tmp_path)
    assert code == 0, errors
    assert_same_runs(tmp_path / "whole", parts)
