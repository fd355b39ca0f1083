"""Every density model through the commands: train, evaluate, sample, stop and resume."""

import contextlib
import functools
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import minigen
from cli.commands import command, content, done, mistake
from minigen import models
from minigen.cli import main
from minigen.training import Run, RunError, loop

KEYS = models.available()["density"]
# Data and settings for the models that do not take a continuous table with holes.
TABLE = ("--data", "table.csv")
LABELLED = ("--data", "classes.csv", "--labels", "class", "--kind", "continuous,continuous,binary,discrete")
WORDS = {
    "bernoulli_mixture": ("--data", "bits.npy"),
    "gmm": (*TABLE, "--set", "restarts=2", "--set", "max_iterations=20"),
    "hmm": ("--data", "sequences.npy", "--set", "max_iterations=20"),
    "kde": ("--data", "whole.npy"),
    "logistic_regression": ("--data", "whole.csv", "--labels", "0"),
    "naive_bayes": LABELLED,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Small tables in files: with holes, with classes, of bits, of sequences."""
    folder, rng = tmp_path_factory.mktemp("density"), np.random.default_rng(0)
    x = np.concatenate([rng.standard_normal((60, 3)) * 0.5 + centre for centre in ([0, 0, 1], [3, 0, 0])])
    y = np.repeat([0, 1], 60)
    holes = rng.random(x.shape) < 0.15
    lines = [",".join("" if hole else f"{cell:.3f}" for cell, hole in zip(*pair, strict=True))
             for pair in zip(x, holes, strict=True)]
    (folder / "table.csv").write_text("a,b,c\n" + "\n".join(lines))
    rows = [f"{u:.3f},{'' if hole[0] else f'{v:.3f}'},{int(w > 0)},{int(abs(w) * 2)},{label if row % 9 else ''}"
            for row, ((u, v, w), hole, label) in enumerate(zip(x, holes, y, strict=True))]
    (folder / "classes.csv").write_text("u,v,flag,level,class\n" + "\n".join(rows))
    np.save(folder / "whole.npy", x)
    (folder / "whole.csv").write_text("\n".join(f"{label},{u:.3f},{v:.3f},{w:.3f}" for (u, v, w), label in
                                                zip(x, y, strict=True)))
    bits = (rng.random((120, 8)) < np.where(y[:, None], 0.8, 0.2)).astype(np.uint8)
    np.save(folder / "bits.npy", bits)
    np.save(folder / "sequences.npy", rng.integers(0, 4, (80, 7, 1)) // (1 + rng.integers(0, 2, (80, 7, 1))))
    return folder


@pytest.fixture
def here(folder, tmp_path, monkeypatch):
    """A folder to work in, with those files; pictures are left out."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop, "write_pictures", lambda *args: None)
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


def train_words(key):
    """Words that train a model on its table."""
    return ("train", key, *WORDS.get(key, TABLE), "--quiet", "--seed", "3")


@pytest.fixture(scope="module")
def trained(folder):
    """A function that trains a model by the command, once: (the path of its run, what was printed)."""

    @functools.cache
    def run(key):
        before = Path.cwd()
        try:
            os.chdir(folder)
            with contextlib.redirect_stdout(io.StringIO()) as output:
                assert main([*train_words(key), "--out", f"run-{key}"]) == 0
        finally:
            os.chdir(before)
        return folder / f"run-{key}", output.getvalue()

    return run


@pytest.mark.parametrize("key", KEYS)
def test_training_leaves_metrics_and_a_table(key, trained):
    run, output = trained(key)
    assert output.endswith(f"run folder: {run.name}\n")
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert "validation" in rows[-1] and len(rows) > 1


@pytest.mark.parametrize("key", KEYS)
def test_evaluation_repeats_the_table(key, trained, here, capsys):
    run, output = trained(key)
    figures = json.loads(done(capsys, "evaluate", run, "--json"))["figures"]
    classifies = models.model_class(key).takes.labels is not None and "--labels" in train_words(key)
    assert ("log_prob" in figures or classifies) and ("accuracy" in figures) == classifies
    table = done(capsys, "evaluate", run)
    assert all(name in table and f"{figure['value']:.2f}" in table for name, figure in figures.items())
    assert table.splitlines()[1:] == output.splitlines()[1:-1]


@pytest.mark.parametrize("key", KEYS)
def test_samples(key, trained, here, capsys):
    run, _ = trained(key)
    if key == "logistic_regression":
        assert "not examples" in mistake(capsys, "sample", run, "-n", "7", "--out", "x.npy")
    else:
        done(capsys, "sample", run, "-n", "7", "--out", "x.npy")
        assert np.load("x.npy").shape == (7, *minigen.load(run).spec.shape)


@pytest.mark.parametrize("key", KEYS)
def test_a_complete_run_resumes_to_itself(key, trained, here, capsys):
    run, output = trained(key)
    shutil.copytree(run, "run")
    before = content("run")
    again = done(capsys, "train", "--resume", "--out", "run", "--quiet")
    assert again.splitlines()[:-1] == output.splitlines()[:-1] and content("run") == before


@pytest.mark.parametrize("key", KEYS)
def test_a_fit_that_was_interrupted_ends_like_one_that_was_not(key, trained, here, monkeypatch, capsys):
    run, output = trained(key)
    with monkeypatch.context() as patch:  # Ctrl-C in the middle of a fit
        fit_steps = models.model_class(key).fit_steps

        def interrupted(self, *args, **words):
            for number, metrics in enumerate(fit_steps(self, *args, **words)):
                if number == 0:
                    signal.raise_signal(signal.SIGINT)
                yield metrics

        patch.setattr(models.model_class(key), "fit_steps", interrupted)
        code, _, errors = command(capsys, *train_words(key), "--out", "resumed")
    assert code == 130 and f"resume with: minigen train {key} --out resumed --resume" in errors
    assert errors.count("\n") == 1
    assert "stopped before it was complete" in mistake(capsys, "evaluate", "resumed")
    resumed = done(capsys, "train", key, "--resume", "--out", "resumed", "--quiet")
    assert resumed.splitlines()[:-1] == output.splitlines()[:-1]
    assert content("resumed") == content(run)


@pytest.mark.parametrize("key", ["gaussian", "ppca", pytest.param("gmm", marks=pytest.mark.slow)])
def test_the_gap_to_a_known_truth(key, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, output, errors = command(capsys, "train", key, "--data", "known:linear_factors", "--quiet")
    assert (code, errors) == (0, "") and "KL(data ‖ model): " in output
    code, text, _ = command(capsys, "evaluate", f"runs/{key}-known-linear_factors", "--json")
    gap = json.loads(text)["gap"]
    assert gap["name"] == "kl" and -4 * gap["standard_error"] < gap["value"] < 1
    assert f"{gap['value']:.4f} ± {gap['standard_error']:.4f} nats" in output


def test_a_gaussian_closes_the_gap_to_linear_factors(tmp_path, monkeypatch, capsys):
    # 10,000 examples leave a fitted Gaussian about (number of parameters) / 2n nats from the truth
    monkeypatch.chdir(tmp_path)
    code, _, _ = command(capsys, "train", "gaussian", "--data", "known:linear_factors", "--quiet")
    _, text, _ = command(capsys, "evaluate", "runs/gaussian-known-linear_factors", "--json")
    gap = json.loads(text)["gap"]
    assert abs(gap["value"] - minigen.load("runs/gaussian-known-linear_factors").parameter_count / 20_000) < (
        4.5 * gap["standard_error"] + 0.002)


def test_known_sources_are_sampled_too(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code, output, _ = command(capsys, "sample", "known:moons", "-n", "9", "--out", "x.npz", "--seed", "4")
    assert code == 0
    expected = minigen.known.create("moons").sample(9, minigen.Generator(4).fold_in(0))
    np.testing.assert_array_equal(np.load("x.npz")["x"], expected)


def test_the_list_says_what_each_is(tmp_path, monkeypatch, capsys):
    _, text, _ = command(capsys, "list", "--json")
    listed, (_, table, _) = json.loads(text), command(capsys, "list")
    table = " ".join(table.split())
    assert list(listed["models"]["density"]) == KEYS and list(listed["known"]) == minigen.known.available()
    for words in [words for family in listed["models"].values() for words in family.values()] + [
            *listed["known"].values()]:
        assert len(words) > 10 and " ".join(words.split()) in table and "\n" not in words


def passes_saved(run):
    """The number of passes in the latest checkpoint of a run, 0 before there is one."""
    try:
        return int(Run.open(run).latest_path().stem.removeprefix("step-"))
    except RunError:
        return 0


def end_process(words, run, number, passes):
    """Train in a process of its own, and send it a signal once so many passes are saved; its exit code and errors."""
    process = subprocess.Popen([sys.executable, "-m", "minigen", *map(str, words)], stderr=subprocess.PIPE,
                               stdout=subprocess.DEVNULL, text=True)
    while passes_saved(run) < passes and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    return process.returncode, errors


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_process_that_is_killed_and_one_that_is_interrupted(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(loop, "write_pictures", lambda *args: None)
    rng = np.random.default_rng(0)
    np.save("x.npy", rng.standard_normal((6000, 6)) + 3 * rng.integers(0, 3, (6000, 1)))
    words = ["train", "gmm", "--data", tmp_path / "x.npy", "--set", "restarts=2", "--set", "tolerance=0", "--set",
             "max_iterations=40", "--set", "n_components=6", "--checkpoint-every", "1", "--threads", "1", "--quiet"]
    code, _, errors = command(capsys, *words, "--out", "whole")
    assert (code, errors) == (0, "")
    assert end_process([*words, "--out", "run"], "run", signal.SIGKILL, 5)[0] == -signal.SIGKILL
    killed = passes_saved("run")
    resume = ["train", "gmm", "--out", "run", "--resume", "--quiet"]
    code, errors = end_process(resume, "run", signal.SIGINT, killed + 40)
    assert code == 130 and "stopped after pass" in errors and 5 <= killed < killed + 40 <= passes_saved("run") < 82
    code, _, errors = command(capsys, *resume)
    assert (code, errors) == (0, "") and content(tmp_path / "run") == content(tmp_path / "whole")


MISTAKES = [
    (("gaussian", "--data", "bits.npy"), "gaussian: it takes continuous data of any shape, got binary data"),
    (("gaussian", "--data", "known:mons"), "'mons'; did you mean 'moons'"),
    (("gaussian", "--data", "known:moons", "--labels", "a"), "own kind and labels"),
    (("vae", "--data", "table.csv"), "expected a number, got an empty cell; models that take missing values: "),
    (("gaussian", "--data", "table.csv", "--kind", "bits"), "kind: expected one of"),
    (("gaussian", "--data", "table.csv", "--kind", "continuous,binary"), "2 kinds"),
    (("gaussian", "--data", "table.csv", "--labels", "d"), "no column 'd'"),
    (("logistic_regression", "--data", "whole.npy"), "have no labels"),
    (("gaussian", "--data", "constant.npy", "--set", "floor=0"), "is constant"),
    (("gaussian", "--data", "table.csv", "--set", "covariance=tied"), "covariance: expected one of"),
    (("gmm", "--data", "table.csv", "--set", "method=gradient"), "gmm does not take missing values"),
]


@pytest.mark.parametrize("words, answer", MISTAKES)
def test_mistakes_are_one_line(words, answer, folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    np.save(folder / "constant.npy", np.column_stack([np.random.default_rng(0).standard_normal(40), np.ones(40)]))
    code, output, errors = command(capsys, "train", *words, "--quiet", "--out", tmp_path / "run")
    assert code == 2 and errors.count("\n") == 1 and answer in errors and not output


def test_other_data_are_evaluated_as_the_runs_own_were_read(folder, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ("--data", folder / "whole.csv", "--labels", "0", "--quiet", "--out", "run")
    code, _, _ = command(capsys, "train", "gaussian", *words)
    assert code == 0 and minigen.load("run").spec.shape == (3,)
    text = (folder / "whole.csv").read_text()
    (tmp_path / "other.csv").write_text("\n".join(text.splitlines()[:70]))
    code, text, _ = command(capsys, "evaluate", "run", "--data", "other.csv", "--json")
    assert code == 0 and json.loads(text)["data"].endswith("other.csv")
    code, _, errors = command(capsys, "evaluate", "run", "--data", "known:moons")
    assert code == 2 and "the model is for" in errors
