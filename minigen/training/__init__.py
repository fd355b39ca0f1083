"""Training: the step, the loop, checkpoints, run folders and pictures."""

from .checkpoint import CheckpointError, read_checkpoint, write_checkpoint
from .config import TrainConfig, train_config
from .data_source import DataSource, load_source, load_truth
from .load import load
from .loop import Fitted, fit
from .metrics import RunError
from .report import write_pictures
from .run import Run
from .sample_files import write_samples
from .signals import Interrupted
from .state import TrainingDiverged
from .step import make_step

__all__ = [
    "CheckpointError", "DataSource", "Fitted", "Interrupted", "Run", "RunError", "TrainConfig", "TrainingDiverged",
    "fit", "load", "load_source", "load_truth", "make_step", "read_checkpoint", "train_config",
    "write_checkpoint", "write_pictures", "write_samples",
]
