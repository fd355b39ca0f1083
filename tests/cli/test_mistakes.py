"""Every mistake that a user can make: exit code 2 and one clear line on the standard error stream."""

import itertools
import json
import os

import numpy as np
import pytest

import fuzz
from cli.commands import run as run_process
from minigen.cli import main
from minigen.training import read_checkpoint

TRAIN = ("train", "vae", "--quiet", "--epochs", "1", "--threads", "1")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with one finished run, runs/vae-digits, and some files that are not what they should be."""
    folder = tmp_path_factory.mktemp("mistakes")
    before = os.getcwd()
    os.chdir(folder)
    try:
        assert main([*TRAIN, "--set", "hidden=5", "--set", "bound_samples=2"]) == 0
        rng = np.random.default_rng(0)
        np.save("real.npy", rng.standard_normal((40, 6)))
        np.save("binary.npy", rng.integers(0, 2, (40, 6)))
        np.save("nan.npy", np.where(rng.random((40, 6)) < 0.1, np.nan, 1.0))
        np.save("object.npy", np.array([[1], [1, 2]], dtype=object), allow_pickle=True)
        np.save("empty.npy", np.zeros((0, 6)))
        np.save("scalar.npy", np.array(3))
        np.savez("shapes.npz", train=np.zeros((9, 4), "u1"), test=np.zeros((5, 3), "u1"))
        np.savez("others.npz", a=np.zeros(3), b=np.zeros(3))
        for name, text in [("ragged.csv", "1,0\n0,1,1\n"), ("nothing.csv", ""), ("words.csv", "1,zero\n0,1\n"),
                           ("short.txt", "abc"), ("file", "x")]:
            (folder / name).write_text(text)
        (folder / "folder").mkdir()
        (folder / "folder" / "thing").write_text("x")
    finally:
        os.chdir(before)
    return folder


def said(capsys, monkeypatch, folder, *words):
    """The one line that a command ends with, which it must end with exit code 2 to say."""
    monkeypatch.chdir(folder)
    capsys.readouterr()
    code = main([str(word) for word in words])
    captured = capsys.readouterr()
    assert code == 2, captured
    assert captured.err.startswith("minigen: ") and captured.err.count("\n") == 1, captured.err
    assert "Traceback" not in captured.err and not captured.out
    return captured.err


@pytest.mark.parametrize("words, answer", [
    ((), "expected a command: train, sample"),
    (("trian", "vae"), "unknown command 'trian'; did you mean 'train'"),
    (("train",), "expected a MODEL"),
    (("train", "vea"), "'vea'; did you mean 'vae'"),
    (("train", "vae", "extra"), "unknown argument 'extra'"),
    (("train", "vae", "--epoch", "3"), "unknown option '--epoch'; did you mean '--epochs'"),
    (("train", "vae", "--epochs", "three"), "invalid int value: 'three'"),
    (("train", "vae", "--epochs", "2.5"), "invalid int value: '2.5'"),
    (("train", "vae", "--epochs", "-1"), "epochs: expected a number of at least 0, got -1"),
    (("train", "vae", "--epochs"), "expected one argument"),
    (("train", "vae", "--data", "digit"), "'digit'; did you mean 'digits'"),
    (("train", "vae", "--data", ""), "data"),
    (("train", "vae", "--device", "gpu"), "device: expected cpu or cuda, got 'gpu'"),
    (("train", "vae", "--dtype", "float16"), "dtype: expected float32 or float64, got 'float16'"),
    (("train", "vae", "--threads", "0"), "threads"),
    (("train", "vae", "--seed", "-1"), "seed"),
    (("train", "vae", "--checkpoint-every", "0"), "checkpoint_every"),
    (("train", "vae", "--set", "hidden"), "expected key=value"),
    (("train", "vae", "--set", "latent_dims=3"), "'latent_dims'; did you mean 'latent_dim'"),
    (("train", "vae", "--set", "latent_dim=x"), "latent_dim: expected an integer, got 'x'"),
    (("train", "vae", "--set", "latent_dim=0"), "latent_dim"),
    (("train", "vae", "--set", "hidden=-3"), "hidden"),
    (("train", "vae", "--set", "activation=rely"), "activation"),
    (("train", "vae", "--set", "epochs=3", "--epochs", "4"), "epochs is given twice"),
    (("train", "vae", "--set", "optimizer=adan"), "optimizer"),
    (("train", "vae", "--set", "momentum=0.5"), "momentum"),
    (("train", "vae", "--set", "schedule=cosine", "--set", "warmup=100000"), "warmup"),
    (("train", "vae", "--data", "missing.npz"), "missing.npz: no such file"),
    (("train", "fvsbn", "--data", "real.npy"), "fvsbn: it takes binary data of any shape, got continuous data"),
    (("train", "fvsbn", "--data", "digits:gray"), "got discrete data; binarize the data, or name"),
    (("train", "vae", "--data", "nan.npy"), "expected a finite number, got nan"),
    (("train", "vae", "--data", "object.npy"), "object.npy"),
    (("train", "vae", "--data", "empty.npy"), "empty.npy"),
    (("train", "vae", "--data", "scalar.npy"), "scalar.npy"),
    (("train", "vae", "--data", "shapes.npz"), "expected examples of shape (4,)"),
    (("train", "vae", "--data", "others.npz"), "expected arrays train, validation and test"),
    (("train", "vae", "--data", "ragged.csv"), "ragged.csv"),
    (("train", "vae", "--data", "nothing.csv"), "nothing.csv: the file is empty"),
    (("train", "vae", "--data", "words.csv"), "words.csv"),
    (("train", "vae", "--data", "short.txt"), "short.txt"),
    (("train", "vae", "--data", "file"), "file"),
    (("train", "vae", "--data", "folder"), "folder"),
    (("train", "vae", "--out", "runs/vae-digits"), "holds another run; add --resume"),
    (("train", "vae", "--out", "folder"), "exists and is not empty"),
    (("train", "vae", "--out", "file"), "exists and is not a folder"),
    (("train", "vae", "--out", "file/below"), "cannot make the run folder file/below"),
    (("train", "vae", "--out", "."), "expected a name"),
    (("train", "vae", "--out", "x", "--name", "y"), "expected one of them"),
    (("train", "vae", "--name", "a/b"), "expected a folder's name"),
    (("train", "vae", "--resume", "--name", "vae-digit"), "does not exist; did you mean 'vae-digits'"),
    (("train", "vae", "--resume", "--out", "folder"), "has no config.json"),
    (("train", "made", "--resume", "--out", "runs/vae-digits"), "runs/vae-digits as made: it is a run of vae"),
    (("train", "vae", "--resume", "--seed", "1"), "changed setting: seed is 0 in the run and 1 now"),
    (("train", "vae", "--resume", "--set", "latent_dim=3"), "latent_dim is"),
    (("train", "vae", "--resume", "--set", "learning_rate=0.5"), "learning_rate is"),
    (("train", "vae", "--resume", "--dtype", "float64"), "dtype is 'float32' in the run and 'float64' now"),
    (("train", "vae", "--resume", "--data", "binary.npy"), "spec is"),
    (("sample",), "RUN"),
    (("sample", "runs/vae-digits"), "--out"),
    (("sample", "runs/vae-digit", "--out", "a.npz"), "did you mean 'vae-digits'"),
    (("sample", "folder", "--out", "a.npz"), "is not a run folder"),
    (("sample", "runs/vae-digits", "--out", "a.jpg"), "expected a file ending in .npz, .npy, .png"),
    (("sample", "runs/vae-digits", "-n", "0", "--out", "a.npz"), "-n: expected an integer of at least 1"),
    (("sample", "runs/vae-digits", "--out", "file/a.npz"), "Not a directory"),
    (("sample", "runs/vae-digits", "--out", "none/a.png"), "none"),
    (("sample", "runs/vae-digits", "--seed", "-1", "--out", "a.npz"), "seed"),
    (("evaluate", "folder"), "is not a run folder"),
    (("evaluate", "runs/vae-digits", "--data", "binary.npy"),
     "the model is for binary data of shape (8, 8, 1), the data are binary data of shape (6,)"),
    (("evaluate", "runs/vae-digits", "--samples", "0"), "--samples: expected an integer of at least 1"),
    (("evaluate", "runs/vae-digits", "--jason"), "unknown option '--jason'; did you mean '--json'"),
    (("check", "--seed", "-1"), "--seed"),
    (("list", "models"), "unknown argument 'models'"),
])
def test_mistakes(trained, capsys, monkeypatch, words, answer):
    before = sorted(trained.rglob("*"))
    assert answer in said(capsys, monkeypatch, trained, *words)
    assert sorted(trained.rglob("*")) == before  # and nothing was left behind


def test_cuda_where_there_is_none(trained, capsys, monkeypatch):
    try:
        import cupy
    except ImportError:
        cupy = None
    if cupy is not None and cupy.is_available():
        pytest.skip("there is a CUDA device")
    assert "cuda" in said(capsys, monkeypatch, trained, "train", "vae", "--device", "cuda")


def test_damaged_runs(trained, capsys, monkeypatch, tmp_path):
    import shutil

    shutil.copytree(trained / "runs" / "vae-digits", tmp_path / "run")
    best = tmp_path / "run" / "checkpoints" / "best.npz"
    content = best.read_bytes()
    for _, changed in itertools.islice(fuzz.mutations(content, np.random.default_rng(3)), 40):
        if changed != content:
            best.write_bytes(changed)
            assert "best.npz" in said(capsys, monkeypatch, tmp_path, "sample", "run", "--out", "a.npz")
    best.unlink()
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.unlink()
    assert "has no checkpoint" in said(capsys, monkeypatch, tmp_path, "evaluate", "run")
    settings = json.loads((tmp_path / "run" / "config.json").read_text())
    settings["model"] = "os.system"
    (tmp_path / "run" / "config.json").write_text(json.dumps(settings))
    assert "'os.system'" in said(capsys, monkeypatch, tmp_path, "train", "--resume", "--out", "run")


def test_divergence_is_one_line(tmp_path, capsys, monkeypatch):
    words = ("--set", "learning_rate=1e30", "--set", "optimizer=sgd")
    assert "training diverged in step" in said(capsys, monkeypatch, tmp_path, *TRAIN, *words)
    read_checkpoint(next((tmp_path / "runs" / "vae-digits" / "checkpoints").glob("step-*.npz")))


def test_debug_shows_where(tmp_path):
    code, output, errors = run_process("train", "vea", "--debug", cwd=tmp_path)
    assert code not in (0, 2) and "Traceback" in errors and "did you mean 'vae'" in errors


def small_files():
    """In a new process: no file may grow beyond 100,000 bytes, which fails as a full disk does."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


def test_a_full_disk_is_one_line(trained, tmp_path):
    words = (*TRAIN, "--out", "run", "--set", "hidden=200")
    code, output, errors = run_process(*words, cwd=tmp_path, preexec_fn=small_files)
    assert code == 2 and errors.count("\n") == 1 and "cannot make the run folder run: File too large" in errors
    assert os.listdir(tmp_path) == []
    run = trained / "runs" / "vae-digits"
    for name in ("x.npz", "x.npy"):
        words = ("sample", run, "-n", "20000", "--out", name)
        code, output, errors = run_process(*words, cwd=tmp_path, preexec_fn=small_files)
        assert code == 2 and errors.count("\n") == 1 and "File too large" in errors, errors
        assert os.listdir(tmp_path) == []
