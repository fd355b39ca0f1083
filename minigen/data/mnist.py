"""MNIST from a folder of IDX files, downloaded into it if asked."""

import hashlib
import urllib.error
import urllib.request
from functools import partial
from pathlib import Path

import numpy as np

from ..arrays import Generator
from ..arrays.files import replacing
from ..protocols import DataSpec
from .binarize import Dynamic, stochastic, threshold
from .dataset import Dataset, from_arrays
from .errors import DataError
from .idx import read_idx
from .streams import SPLITS

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
# Size and SHA-256 of the files as first published. Only downloads are held to them: a local file may be a
# recompressed one.
FILES = {
    "train-images-idx3-ubyte": (9912422, "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
    "train-labels-idx1-ubyte": (28881, "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    "t10k-images-idx3-ubyte": (1648877, "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
    "t10k-labels-idx1-ubyte": (4542, "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
}
LEVELS = 256
THRESHOLD = 128
VARIANTS = ("gray", "threshold", "fixed", "dynamic")
_TIMEOUT = 30  # seconds without an answer


def mnist(folder, download=False, variant="gray", seed=0, kind=None) -> Dataset:
    """MNIST, shape (28, 28, 1): training images 0 to 49,999, validation the 10,000 after them, the test file.

    `variant` is "gray" (discrete, 256 levels), or binary: "threshold" (1 from level 128), "fixed" (1 with probability
    level / 255, drawn once by `seed`) or "dynamic" (the training images keep their levels, and `transform` draws binary
    ones for every batch; validation and test are those of "fixed"). `folder` holds the four IDX files, compressed or
    not; with `download`, missing files are fetched into it and checked. Raises ValueError for another variant, and
    DataError for files that are missing or not MNIST's.

    Source: Y. LeCun, C. Cortes, C. J. C. Burges, "The MNIST database of handwritten digits".
    """
    if variant not in VARIANTS:
        raise ValueError(f"variant: expected one of {', '.join(VARIANTS)}, got {variant!r}")
    if variant == "dynamic" and kind not in (None, "binary"):
        raise ValueError(f"kind: dynamically binarized data are binary, got {kind!r}")
    folder = Path(folder)
    if download:
        fetch(folder)
    files = {stem: _find(folder, stem) for stem in FILES}
    for stem, path in files.items():
        if path is None:
            raise DataError(f"{folder}: expected {stem}.gz there, unpacked or not (download=True fetches it)")
    images, labels = {}, {}
    for file in ("train", "t10k"):
        x, y = read_idx(files[f"{file}-images-idx3-ubyte"]), read_idx(files[f"{file}-labels-idx1-ubyte"])
        if x.ndim != 3 or x.dtype != np.uint8 or y.shape != x.shape[:1] or y.dtype.kind not in "iu":
            raise DataError(f"{folder}: {file}: expected images and as many labels, got {x.shape} and {y.shape}")
        images[file], labels[file] = x[..., None], y.astype(np.int64)
    # A folder with fewer images (an excerpt) keeps the same share for validation.
    cut = len(images["train"]) * 5 // 6
    gray = {"train": images["train"][:cut], "validation": images["train"][cut:], "test": images["t10k"]}
    labels = {"train": labels["train"][:cut], "validation": labels["train"][cut:], "test": labels["t10k"]}
    name = "mnist" if variant == "gray" else f"mnist:{variant}"
    if variant == "gray":
        return from_arrays(name, gray, kind=kind or "discrete", labels=labels)
    if variant == "threshold":
        binary = {split: threshold(x, THRESHOLD) for split, x in gray.items()}
        return from_arrays(name, binary, kind=kind or "binary", labels=labels)
    # Every split has its own stream, so that "dynamic" can skip the training images.
    binarized = {
        split: partial(stochastic, gray[split], Generator(seed).fold_in(number), LEVELS)
        for split, number in SPLITS.items()
    }
    if variant == "fixed":
        fixed = {split: binarize() for split, binarize in binarized.items()}
        return from_arrays(name, fixed, kind=kind or "binary", labels=labels)
    spec = DataSpec(gray["train"].shape[1:], "binary")
    held_out = {"validation": binarized["validation"](), "test": binarized["test"]()}
    return Dataset(name, spec, gray["train"], **held_out, labels=labels, transform=Dynamic(LEVELS))


def fetch(folder):
    """Download the files of MNIST that `folder` lacks. Raises DataError if no mirror gives the right ones."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for stem, (size, digest) in FILES.items():
            if _find(folder, stem) is None:
                _download(folder / f"{stem}.gz", size, digest)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{folder}: cannot be written: {error.strerror or error}") from error


def _find(folder, stem):
    names = (stem, stem.replace("-idx", ".idx"))
    paths = [folder / f"{name}{ending}" for name in names for ending in ("", ".gz")]
    return next((path for path in paths if path.is_file()), None)


def _download(path, size, digest):
    failures = []
    for mirror in MIRRORS:
        address = f"{mirror}{path.name}"
        try:
            with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:
                content = answer.read(size + 1)
        except (urllib.error.URLError, OSError, ValueError) as error:
            failures.append(f"{address}: {getattr(error, 'reason', None) or error}")
            continue
        got = hashlib.sha256(content).hexdigest()
        if got != digest:
            failures.append(f"{address}: expected {size} bytes with SHA-256 {digest}, got {len(content)} with {got}")
            continue
        with replacing(path) as file:
            file.write(content)
        return
    raise DataError(f"{path}: could not be downloaded: " + "; ".join(failures))
