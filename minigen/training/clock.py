"""When the next checkpoint is due."""

import time

INTERVAL = 30.0  # seconds between two checkpoints where no number of steps is asked for


class Clock:
    """Counts the time, or the steps, since the last checkpoint: one is due every `every` steps, or each half minute."""

    def __init__(self, every: int | None, steps: int):
        self.every = every
        self.saved(steps)

    def due(self, steps: int) -> bool:
        """Whether a checkpoint is due after so many steps of the run."""
        if self.every is None:
            return time.monotonic() - self._time > INTERVAL
        return steps - self.steps >= self.every

    def saved(self, steps: int) -> None:
        """Note that a checkpoint was written after so many steps."""
        self.steps = steps
        self._time = time.monotonic()
