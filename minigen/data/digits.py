"""The handwritten digits that the package carries; `digits.txt` beside them says whose they are."""

from pathlib import Path

from .binarize import threshold
from .dataset import Dataset, from_arrays
from .npz import read_npz

THRESHOLD = 8
_FILE = Path(__file__).with_name("digits.npz")


def digits(gray=False, seed=0, kind=None) -> Dataset:
    """1,797 digits of 8 x 8 pixels, shape (8, 8, 1), with labels 0 to 9; splits by `seed`.

    Binary (1 where the grey level is at least 8), or with `gray` discrete of 17 levels. Source: Alpaydin and
    Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning Repository (1998).
    """
    file = read_npz(_FILE)
    images = file["images"][..., None]
    images = images if gray else threshold(images, THRESHOLD)
    name = "digits:gray" if gray else "digits"
    return from_arrays(name, {"x": images}, kind=kind, seed=seed, labels={"x": file["labels"]})
