"""`minigen check RUN`: the identities of a trained model, in order and with their exit code."""

import os

import numpy as np
import pytest

from minigen import models
from minigen.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with runs of a gaussian of three columns and of a variational autoencoder of five bits."""
    folder, before = tmp_path_factory.mktemp("check"), os.getcwd()
    os.chdir(folder)
    try:
        rng = np.random.default_rng(0)
        np.save("table.npy", rng.normal(size=(60, 3)) @ rng.normal(size=(3, 3)))
        np.save("bits.npy", rng.integers(0, 2, (80, 5)))
        assert main(["train", "gaussian", "--data", "table.npy", "--quiet", "--out", "gaussian"]) == 0
        words = ["--quiet", "--epochs", "2", "--set", "hidden=5", "--set", "latent_dim=2", "--set", "bound_samples=2"]
        assert main(["train", "vae", "--data", "bits.npy", *words, "--out", "vae"]) == 0
    finally:
        os.chdir(before)
    return folder


def check(capsys, *words):
    """(exit code, lines of output, errors)."""
    capsys.readouterr()
    code = main(["check", *map(str, words)])
    captured = capsys.readouterr()
    return code, captured.out.splitlines(), captured.err


def test_a_run_with_a_density(folder, capsys):
    code, lines, errors = check(capsys, folder / "gaussian", "--samples", "2000")
    assert code == 0 and errors == ""
    assert [line[:7] for line in lines[:-1]] == ["ok     "] * (len(lines) - 1)
    names = [line[8:].partition(":")[0] for line in lines[:-1]]
    assert names[:3] == ["samples", "normalisation", "sampler against density"]
    assert lines[-1] == f"{len(names)} passed, 0 failed, 0 skipped" and "2000 of them" in lines[0]
    assert check(capsys, folder / "gaussian", "--samples", "2000")[1] == lines
    assert check(capsys, folder / "gaussian", "--samples", "2000", "--seed", "1")[1] != lines


def test_a_run_with_a_bound(folder, capsys):
    code, lines, _ = check(capsys, folder / "vae", "--samples", "500")
    assert code == 0 and any(line.startswith("ok      elbo below the bound") for line in lines)


def test_a_failure_is_said_and_is_the_exit_code(folder, capsys, monkeypatch):
    kind = models.model_class("gaussian")
    exact = kind.log_prob
    monkeypatch.setattr(kind, "log_prob", lambda self, *args, **words: exact(self, *args, **words) + 0.1)
    code, lines, errors = check(capsys, folder / "gaussian", "--samples", "1000")
    assert code == 1 and errors == "" and any(line.startswith("FAILED  normalisation") for line in lines)
    assert " 0 failed" not in lines[-1]


@pytest.mark.parametrize("words, answer", [
    (("nowhere",), "does not exist"),
    (("gaussian", "--samples", "10"), "--samples: expected an integer of at least 100"),
    (("gaussian", "--kernels"), "--kernels"),
    (("--samples", "500"), "--samples: only a run's model"),
    (("gaussian", "--seed", "-1"), "--seed"),
])
def test_mistakes(folder, capsys, monkeypatch, words, answer):
    monkeypatch.chdir(folder)
    code, lines, errors = check(capsys, *words)
    assert code == 2 and lines == [] and errors.count("\n") == 1 and answer in errors
