"""Data: readers of files, the carried digits, splits, preprocessing and batches.

Read `batch.py` and `dataset.py` first: what passes through training. `loading.py` finds a data set by name or path and
calls a reader: `table.py`, `npz.py`, `idx.py`, `text.py`, `mnist.py`, `cifar.py`, `digits.py`, `coloured_shapes.py`.
`kinds.py` tells binary, discrete and continuous data apart, `splitting.py` splits them, `preprocess.py`, `binarize.py`
transform them, `loader.py` makes batches. `streams.py` names the random numbers of all these.
"""

from . import binarize
from .batch import Batch, as_batch
from .cifar import cifar, read_cifar
from .codec import CharacterCodec
from .coloured_shapes import shapes
from .dataset import Dataset, from_arrays
from .digits import digits
from .errors import DataError, MissingValues
from .idx import read_idx
from .loader import Loader
from .loading import available, load
from .mnist import mnist
from .npz import read_npy, read_npz
from .prepare import prepare
from .preprocess import Standardizer, dequantize, quantize
from .splitting import split, split_indices
from .table import read_csv
from .text import read_text

__all__ = [
    "Batch",
    "CharacterCodec",
    "DataError",
    "Dataset",
    "Loader",
    "MissingValues",
    "Standardizer",
    "as_batch",
    "available",
    "binarize",
    "cifar",
    "dequantize",
    "digits",
    "from_arrays",
    "load",
    "mnist",
    "prepare",
    "quantize",
    "read_cifar",
    "read_csv",
    "read_idx",
    "read_npy",
    "read_npz",
    "read_text",
    "shapes",
    "split",
    "split_indices",
]
