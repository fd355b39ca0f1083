"""Every autoregressive model through the commands: train, evaluate, sample, complete, stop and resume."""

import contextlib
import io
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import minigen
from cli.commands import content, done, mistake
from minigen import data, models, plotting
from minigen.cli import main
from minigen.data.coloured_shapes import draw_shapes
from minigen.protocols import DataSpec
from minigen.training import Run, loop
from minigen.training.completion import kept_part

KEYS = models.available()["autoregressive"]
IMAGE_NETWORKS = ("gated_pixel_cnn", "pixel_cnn", "pixel_cnn_pp")  # all conditionals from one network on an image
CONDITIONAL = (*IMAGE_NETWORKS, "fvsbn", "made", "nade")  # of classes too
SMALL = {
    "fvsbn": (),
    "gated_pixel_cnn": ("channels=6", "layers=2", "first_size=3", "skip_channels=6"),
    "made": ("hidden=16", "order=random"),
    "multiscale_pixel_cnn": ("scales=2", "channels=6", "layers=1", "group_channels=4", "blocks=1"),
    "nade": ("hidden=8", "order=random"),
    "pixel_cnn": ("channels=6", "blocks=1", "first_size=3"),
    "pixel_cnn_pp": ("channels=6", "blocks=1", "scales=2", "components=2"),
    "rnade": ("hidden=4", "components=2"),
}


def settings(key, *more):
    """Words of a short training of a small model."""
    return [word for text in (*SMALL[key], "batch_size=100", *more) for word in ("--set", text)] + ["--quiet"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Small files: images of 8 grey levels and of colours, sequences, a table, rows of bits."""
    folder, rng = tmp_path_factory.mktemp("autoregressive"), np.random.default_rng(0)
    grey = data.load("digits:gray")
    some = np.concatenate([grey.train, grey.validation, grey.test])[:400]
    np.save(folder / "grey.npy", some)
    np.save(folder / "flat.npy", (some > 7).astype(np.uint8).reshape(-1, 64))
    coloured, labels = draw_shapes(120, minigen.Generator(0))
    np.savez(folder / "colours.npz", x=coloured[:, ::4, ::4], y=labels)
    np.save(folder / "table.npy", rng.standard_normal((150, 3)) @ rng.standard_normal((3, 3)) * 9 + [5, 0, 80])
    np.savez(folder / "missing_labels.npz", x=some[:50], y=np.arange(50) % 4 - 1)
    digits = data.load("digits")
    np.savez(folder / "bits.npz", x=digits.train[:300], y=digits.labels["train"][:300])
    return folder


@pytest.fixture
def here(folder, tmp_path, monkeypatch):
    """A folder to work in, with those files."""
    monkeypatch.chdir(tmp_path)
    for path in folder.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path


@pytest.fixture(scope="module")
def quick(folder):
    """A function that trains a small model and gives the path of its run and what was printed; pictures are left out.

    The same words give the same run: tests only read it.
    """
    made, pictures = {}, loop.write_pictures

    def trained(key, *words):
        if (key, *words) not in made:
            path, before = folder / f"run{len(made)}", Path.cwd()
            loop.write_pictures = lambda *args: None  # test_a_picture_of_each_class looks at pictures
            try:
                with contextlib.redirect_stdout(io.StringIO()) as output:
                    os.chdir(folder)
                    assert main(["train", key, *words, *settings(key, "schedule=constant"), "--seed", "3",
                                 "--epochs", "2", "--out", str(path)]) == 0
            finally:
                os.chdir(before)
                loop.write_pictures = pictures
            made[key, *words] = path, output.getvalue()
        return made[key, *words]

    return trained


def source(key):
    """Words that name data for a model."""
    return ("--data", "table.npy", "--standardize") if key == "rnade" else ("--data", "bits.npz")


@pytest.mark.parametrize("key", KEYS)
def test_training_ends_with_a_table_that_evaluation_repeats(key, quick, here, capsys):
    run, output = quick(key, *source(key))
    assert output.endswith(f"run folder: {run}\n") and "log_prob" in output and "bits per dimension" in output
    figure = json.loads(done(capsys, "evaluate", run, "--json"))["figures"]["log_prob"]
    assert f"{figure['value']:.2f} ± {figure['standard_error']:.2f}" in output  # read as it was for training
    assert done(capsys, "evaluate", run).splitlines() == output.splitlines()[:-1]


@pytest.mark.parametrize("key", KEYS)
def test_samples(key, quick, here, capsys):
    run, _ = quick(key, *source(key))
    model = minigen.load(run)
    done(capsys, "sample", run, "-n", "7", "--out", "x.npz", "--seed", "5")
    with np.load("x.npz") as file:
        x = file["x"]
    assert x.shape == (7, *model.spec.shape) and np.isfinite(model.score_samples(x)).all()
    done(capsys, "sample", run, "-n", "7", "--out", "x.npy", "--seed", "5")
    np.testing.assert_array_equal(np.load("x.npy"), x)
    done(capsys, "sample", run, "-n", "7", "--out", "x.npy", "--seed", "5", "--set", "temperature=1")
    np.testing.assert_array_equal(np.load("x.npy"), x)
    done(capsys, "sample", run, "-n", "7", "--out", "cold.npy", "--seed", "5", "--set", "temperature=0")
    cold = np.load("cold.npy")
    np.testing.assert_array_equal(cold, np.repeat(cold[:1], 7, axis=0))
    if key != "rnade":
        done(capsys, "sample", run, "-n", "7", "--out", "picture.png")
        assert (here / "picture.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("key", KEYS)
def test_completions(key, quick, here, capsys):
    run, _ = quick(key, *source(key))
    dataset = data.load(source(key)[1], seed=3)
    test = (data.prepare(dataset, standardize=True) if key == "rnade" else dataset).test[:6]
    told = done(capsys, "sample", run, "-n", "6", "--complete", "0.5", "--out", "c.npz")
    with np.load("c.npz") as file:
        completed, kept = file["x"], kept_part(minigen.load(run), 0.5)
    assert told == f"6 examples of which {kept.sum()} of {kept.size} numbers are kept: c.npz\n"
    assert kept.sum() == len(kept.reshape(-1)) // 2
    np.testing.assert_array_equal(completed[:, kept], test[:, kept].astype(completed.dtype))
    assert (completed[:, ~kept] != test[:, ~kept]).any()
    if key == "rnade":
        assert "are not images" in mistake(capsys, "sample", run, "--complete", "0.5", "--out", "c.png")
    else:
        done(capsys, "sample", run, "--complete", "0.5", "--out", "c.png")
        assert (here / "c.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("key", KEYS)
def test_a_resumed_run_is_one_that_never_stopped(key, quick, here, monkeypatch, capsys):
    monkeypatch.setattr(loop, "write_pictures", lambda *args: None)
    run, output = quick(key, *source(key))
    words = (*source(key), *settings(key, "schedule=constant"), "--seed", "3", "--epochs", "1")
    first = done(capsys, "train", key, *words, "--out", "parts").splitlines()
    second = done(capsys, "train", key, "--resume", "--epochs", "2", "--out", "parts", "--quiet").splitlines()
    assert content("parts") == content(run)
    assert second[:-1] == output.splitlines()[:-1] != first[:-1]


@pytest.mark.parametrize("key, given", [("nade", ("orderless=true", "orderings=2")), ("made", ("direct=true",))])
def test_other_orders_are_completed_too(key, given, here, monkeypatch, capsys):
    monkeypatch.setattr(loop, "write_pictures", lambda *args: None)
    done(capsys, "train", key, "--data", "flat.npy", *settings(key, *given), "--epochs", "1", "--out", "run")
    done(capsys, "sample", "run", "--complete", "0.5", "--out", "c.npy")
    kept, test = kept_part(minigen.load("run"), 0.5), data.load("flat.npy").test[:8]
    if key == "nade":  # any set may be given: the upper half
        np.testing.assert_array_equal(kept, np.arange(64) < 32)
    np.testing.assert_array_equal(np.load("c.npy")[:, kept], test[:, kept])
    done(capsys, "sample", "run", "--complete", "0.5", "--out", "c.png")  # a row of 64 bits is a square image
    assert (here / "c.png").stat().st_size > 1000


def test_a_mixture_of_orders_cannot_complete(here, monkeypatch, capsys):
    monkeypatch.setattr(loop, "write_pictures", lambda *args: None)
    words = ("--data", "flat.npy", *settings("made", "masks=2"))
    done(capsys, "train", "made", *words, "--epochs", "1", "--out", "run")
    done(capsys, "sample", "run", "-n", "3", "--out", "x.npy")
    assert "train it with masks=1" in mistake(capsys, "sample", "run", "--complete", "0.5", "--out", "c.npy")


@pytest.mark.parametrize("key", CONDITIONAL)
def test_a_model_of_classes_is_evaluated_given_them(key, quick, here, capsys):
    run, output = quick(key, "--data", "bits.npz", "--conditional")
    model, dataset = minigen.load(run), data.load("bits.npz", seed=3)
    assert model.spec.condition == DataSpec((), "discrete", 10) and Run.open(run).source.conditional
    assert done(capsys, "evaluate", run).splitlines() == output.splitlines()[:-1]
    value = model.score_samples(dataset.test, dataset.labels["test"]).mean()
    figures = json.loads(done(capsys, "evaluate", run, "--json"))["figures"]
    assert figures["log_prob"]["value"] == pytest.approx(value)


@pytest.mark.parametrize("key", ["gated_pixel_cnn", "made"])
def test_samples_of_classes(key, quick, here, monkeypatch, capsys):
    """Which classes samples are drawn of, and how many columns their pictures have."""
    run, _ = quick(key, "--data", "bits.npz", "--conditional")
    model = models.model_class(key)
    classes, sample = [], model.sample

    def watched(self, n, rng, condition=None, given=None, **options):
        classes.append(np.array(condition))
        return sample(self, n, rng, condition, given, **options)

    monkeypatch.setattr(model, "sample", watched)
    grids, draw_grid = [], plotting.image_grid
    monkeypatch.setattr(plotting, "image_grid", lambda *args, **words: grids.append(words) or draw_grid(*args, **words))
    done(capsys, "sample", run, "--condition", "3", "-n", "5", "--out", "x.npy")
    assert done(capsys, "sample", run, "--condition", "all", "-n", "30", "--out", "x.png") == "30 samples: x.png\n"
    done(capsys, "sample", run, "-n", "12", "--out", "x.npy")
    assert done(capsys, "sample", run, "--out", "x.png") == "80 samples: x.png\n"
    done(capsys, "sample", run, "--complete", "0.5", "-n", "4", "--out", "x.npy")
    expected = [np.full(5, 3), np.repeat(np.arange(10), 3), np.arange(12) * 10 // 12, np.repeat(np.arange(10), 8),
                data.load("bits.npz", seed=3).labels["test"][:4]]
    assert [condition.tolist() for condition in classes] == [array.tolist() for array in expected]
    assert [words.get("columns") for words in grids] == [3, 8]  # a row for each class


def test_classes_that_there_are_not(quick, here, capsys):
    run, _ = quick("gated_pixel_cnn", "--data", "bits.npz", "--conditional")
    assert "--condition: expected a class from 0 to 9" in mistake(
        capsys, "sample", run, "--condition", "10", "--out", "x.npy")
    for wrong in ("-1", "three", "2.0", ""):
        assert "expected a class from 0 to 9, or all" in mistake(
            capsys, "sample", run, f"--condition={wrong}", "--out", "x.npy")
    assert "--condition" in mistake(capsys, "sample", run, "--complete", "0.5", "--condition", "1", "--out", "x.npy")


def test_a_picture_of_each_class(here, capsys):
    words = ("--data", "bits.npz", "--conditional", *settings("pixel_cnn"))
    done(capsys, "train", "pixel_cnn", *words, "--epochs", "1", "--out", "run")
    assert {path.name for path in (here / "run").glob("*.png")} == {"samples.png", "curves.png"}


def test_a_model_of_classes_learns_from_them(here, monkeypatch, capsys):
    # of each image only the class says which of two it is
    monkeypatch.setattr(loop, "write_pictures", lambda *args: None)
    labels = np.arange(200) % 2
    images = np.zeros((200, 4, 4, 1), np.uint8)
    images[labels == 1] = 1
    np.savez("two.npz", x=images, y=labels)
    words = [*settings("gated_pixel_cnn", "learning_rate=0.03", "ema=0.9", "schedule=constant"), "--epochs", "12"]
    done(capsys, "train", "gated_pixel_cnn", "--data", "two.npz", "--conditional", *words, "--out", "run")
    done(capsys, "sample", "run", "--condition", "all", "-n", "8", "--out", "x.npy")
    x = np.load("x.npy").reshape(8, -1)
    assert x[:4].mean() < 0.1 and x[4:].mean() > 0.9


@pytest.mark.parametrize("words, spec, key", [
    (("--data", "flat.npy", "--shape", "8,8,1"), DataSpec((8, 8, 1), "binary"), "pixel_cnn"),
    (("--data", "grey.npy", "--levels", "4"), DataSpec((8, 8, 1), "discrete", 4), "gated_pixel_cnn"),
    (("--data", "grey.npy", "--levels", "2", "--shape", "64"), DataSpec((64,), "binary"), "made"),
    (("--data", "grey.npy", "--kind", "continuous", "--standardize", "--shape", "64"),
     DataSpec((64,), "continuous"), "rnade"),
    (("--data", "colours.npz", "--levels", "8", "--conditional"),
     DataSpec((8, 8, 3), "discrete", 8, DataSpec((), "discrete", 4)), "pixel_cnn_pp"),
    (("--data", "colours.npz", "--levels", "8"), DataSpec((8, 8, 3), "discrete", 8), "multiscale_pixel_cnn"),
    (("--data", "shapes", "--shape", "32,32,3"), DataSpec((32, 32, 3), "discrete", 256), "pixel_cnn_pp"),
])
def test_how_data_are_read_is_part_of_the_run(words, spec, key, here, monkeypatch, capsys):
    monkeypatch.setattr(loop, "write_pictures", lambda *args: None)
    if "shapes" in words:  # fewer, for speed
        monkeypatch.setattr(sys.modules[draw_shapes.__module__], "COUNT", 60)
    output = done(capsys, "train", key, *words, *settings(key), "--epochs", "1", "--out", "run")
    assert minigen.load("run").spec == spec
    assert done(capsys, "evaluate", "run").splitlines() == output.splitlines()[:-1]
    done(capsys, "train", "--resume", "--epochs", "2", "--out", "run", "--quiet")
    done(capsys, "sample", "run", "-n", "2", "--complete", "0.75", "--out", "c.npy")
    assert np.load("c.npy").shape == (2, *spec.shape)
    if spec.kind != "continuous":
        done(capsys, "sample", "run", "-n", "2", "--complete", "0.75", "--out", "c.png")


def test_a_run_is_not_resumed_with_data_in_another_form(here, monkeypatch, capsys):
    monkeypatch.setattr(loop, "write_pictures", lambda *args: None)
    words = ("--data", "grey.npy", "--levels", "4")
    done(capsys, "train", "made", *words, *settings("made"), "--epochs", "1", "--out", "run")
    for other in (("--levels", "5"), ("--shape", "64"), ("--levels", "2"), ("--kind", "continuous")):
        answer = "levels: expected" if "continuous" in other else "spec is"
        assert answer in mistake(capsys, "train", "--resume", *other, "--out", "run")
    done(capsys, "train", "made", "--resume", *words, "--epochs", "2", "--out", "run", "--quiet")


def test_other_data_are_standardised_as_the_runs_own(here, monkeypatch, capsys):
    monkeypatch.setattr(loop, "write_pictures", lambda *args: None)
    done(capsys, "train", "rnade", "--data", "table.npy", "--standardize", *settings("rnade"), "--epochs", "1", "--out",
         "run")
    np.save("moved.npy", np.load("table.npy") + [0, 30, 0])
    figure = json.loads(done(capsys, "evaluate", "run", "--data", "moved.npy", "--json"))["figures"]["log_prob"]
    own, other = data.load("table.npy"), data.load("moved.npy")
    x = data.Standardizer.fit(own.train).transform(other.test)
    assert figure["value"] == pytest.approx(minigen.load("run").score_samples(x).mean(), rel=1e-6)


@pytest.mark.parametrize("key", IMAGE_NETWORKS)
def test_receptive_fields(key, here, monkeypatch, capsys):
    monkeypatch.setattr(loop, "write_pictures", lambda *args: None)
    words = ("--data", "colours.npz", "--conditional") if key == "gated_pixel_cnn" else ("--data", "bits.npz")
    done(capsys, "train", key, *words, *settings(key), "--epochs", "0", "--out", "run")
    # Two layers of 3 × 3 see two rows up. Two masked squares, the first without its centre, see 5 and 4 pixels of them
    # and 2 to the left; two gated layers 5 of each; the network of two scales has enough layers to see everything.
    seen = {"pixel_cnn": (5 + 4 + 2, 4 + 2), "gated_pixel_cnn": (5 + 5 + 2, 5 + 2), "pixel_cnn_pp": (36, 11)}
    centre, above = seen[key]
    told = done(capsys, "check", "run", "--receptive-field").splitlines()
    assert told == [f"pixel (4, 4) depends on {centre} of the 36 before it", "picture: run/receptive_field.png"]
    assert (here / "run" / "receptive_field.png").read_bytes().startswith(b"\x89PNG")
    told = done(capsys, "check", "run", "--receptive-field", "1,3")
    assert told.startswith(f"pixel (1, 3) depends on {above} of the 11 before it\n")
    for wrong in ("1", "1,2,3", "a,b", ""):
        assert "--receptive-field: expected ROW,COLUMN" in mistake(capsys, "check", "run", f"--receptive-field={wrong}")
    for wrong in ("8,0", "0,8", "-1,0"):
        assert "expected a row below 8 and a column below 8" in mistake(
            capsys, "check", "run", f"--receptive-field={wrong}")
    assert "--samples" in mistake(capsys, "check", "run", "--samples", "500", "--receptive-field")


def test_no_receptive_field(here, monkeypatch, capsys):
    monkeypatch.setattr(loop, "write_pictures", lambda *args: None)
    for key in ("fvsbn", "multiscale_pixel_cnn", "nade"):
        done(capsys, "train", key, *settings(key), "--epochs", "0", "--out", key)
        assert "one network on images" in mistake(capsys, "check", key, "--receptive-field")
    assert "name a run folder" in mistake(capsys, "check", "--receptive-field")
    assert "name a run folder" in mistake(capsys, "check", "--receptive-field", "fvsbn")


@pytest.mark.parametrize("words, answer", [
    (("multiscale_pixel_cnn", "--conditional"), "it models p(x), not p(x | condition)"),
    (("pixel_cnn", "--data", "grey.npy", "--conditional"), "a condition needs labels of all splits"),
    (("pixel_cnn", "--data", "missing_labels.npz", "--conditional"), "a condition needs a label of every example"),
    (("pixel_cnn", "--shape", "8,8"), "(height, width, channels), got examples of shape (8, 8)"),
    (("pixel_cnn", "--shape", "8,9,1"), "shape: expected 64 numbers in all, as (8, 8, 1) has, got (8, 9, 1)"),
    (("pixel_cnn", "--shape", "-8,-8,1"), "shape"),
    (("pixel_cnn", "--shape", "8x8x1"), "--shape: expected integers such as 28,28,1, got '8x8x1'"),
    (("pixel_cnn", "--shape", ""), "--shape: expected integers such as 28,28,1, got ''"),
    (("made", "--levels", "4"), "levels: expected an integer from 2 to the number of levels of discrete data, got 4 "
                                "for binary data"),
    (("made", "--data", "grey.npy", "--levels", "18"), "got 18 for 17 levels"),
    (("made", "--data", "grey.npy", "--levels", "1"), "got 1 for 17 levels"),
    (("made", "--data", "grey.npy", "--levels", "four"), "invalid int value: 'four'"),
    (("made", "--data", "table.npy", "--levels", "4"), "for continuous data"),
    (("made", "--standardize"), "standardize: expected continuous data, got binary data"),
    (("made", "--data", "known:moons", "--standardize"), "a source is taken as it is, not with standardize"),
    (("rnade",), "rnade: it takes continuous data of any shape, got binary data"),
    (("nade", "--data", "table.npy"), "nade: it takes binary or discrete data of any shape, got continuous data"),
    (("fvsbn", "--data", "grey.npy"), "fvsbn: it takes binary data of any shape, got discrete data"),
    (("gated_pixel_cnn", "--data", "flat.npy"), "images (height, width, channels), got examples of shape (64,)"),
    (("pixel_cnn", "--data", "table.npy"), "it takes binary or discrete images (height, width, channels), got contin"),
    (("pixel_cnn", "--set", "first_size=9"), "expected images of at least 9 × 9 pixels"),
    (("pixel_cnn", "--set", "first_size=4"), "first_size: expected a positive odd integer, got 4"),
    (("gated_pixel_cnn", "--data", "colours.npz"), "channels: expected a multiple of the 3 colours, got 32"),
    (("pixel_cnn_pp", "--set", "scales=5"), "expected images of at least 16 × 16 pixels"),
    (("pixel_cnn_pp", "--set", "dropout=1"), "dropout"),
    (("multiscale_pixel_cnn", "--set", "scales=4"), "extents that are multiples of 8"),
    (("made", "--set", "order=reverse"), "order: expected one of natural, random, got 'reverse'"),
    (("made", "--set", "masks=0"), "masks: expected an integer of at least 1, got 0"),
    (("nade", "--set", "order_seed=1"), "order_seed"),
    (("rnade", "--data", "table.npy", "--set", "family=cauchy"), "family: expected one of"),
    (("rnade", "--data", "table.npy", "--set", "floor=0"), "floor: expected a number above 0, got 0"),
    (("fvsbn", "--set", "l2=-1"), "l2: expected a number of at least 0"),
])
def test_training_mistakes(words, answer, here, capsys):
    assert answer in mistake(capsys, "train", *words, "--epochs", "1", "--quiet", "--out", "run")
    assert not (here / "run").exists()


def test_sampling_mistakes(here, monkeypatch, capsys):
    monkeypatch.setattr(loop, "write_pictures", lambda *args: None)
    done(capsys, "train", "fvsbn", "--epochs", "0", "--quiet", "--out", "run")
    before = sorted(here.rglob("*"))
    for words, answer in [
        (("run", "--condition", "3"), "--condition: the model is p(x), not p(x | condition)"),
        (("run", "--complete", "0"), "--complete: expected a fraction above 0 and below 1, got 0.0"),
        (("run", "--complete", "1.5"), "--complete: expected a fraction above 0 and below 1, got 1.5"),
        (("run", "--complete", "nan"), "--complete: expected a fraction above 0 and below 1, got nan"),
        (("run", "--complete", "half"), "invalid float value: 'half'"),
        (("run", "--complete", "0.5", "-n", "0"), "-n: expected an integer of at least 1, got 0"),
        (("known:moons", "--complete", "0.5"), "--complete: expected a run folder"),
        (("known:moons", "--condition", "1"), "--condition: the model is p(x), not p(x | condition)"),
        (("nowhere", "--complete", "0.5"), "nowhere is not a run folder"),
    ]:
        assert answer in mistake(capsys, "sample", *words, "--out", "x.npy")
    assert sorted(here.rglob("*")) == before
    assert "the model is for" in mistake(capsys, "evaluate", "run", "--shape", "64")
    assert "a source is taken as it is" in mistake(capsys, "evaluate", "run", "--data", "known:moons", "--shape", "2")
