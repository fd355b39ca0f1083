"""Stopping a training run politely."""

import contextlib
import signal
import threading


class Interrupted(KeyboardInterrupt):
    """Training was stopped by Ctrl-C or a termination signal after it finished its step and saved a
    checkpoint.

    `run` is the run folder (None without one) and `step` the number of updates that were done.
    """

    def __init__(self, message, run=None, step=0):
        super().__init__(message)
        self.run, self.step = run, step


class StopRequest:
    """Becomes true when somebody has asked the process to stop."""

    def __init__(self):
        self.signal = None

    def __bool__(self):
        return self.signal is not None


@contextlib.contextmanager
def stop_requests():
    """Within this context the first Ctrl-C or termination signal only sets the StopRequest that it gives.

    A second Ctrl-C raises KeyboardInterrupt at once. Signals reach only the main thread; elsewhere nothing
    changes.
    """
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return

    def handle(number, frame):
        if request and number == signal.SIGINT:
            raise KeyboardInterrupt
        request.signal = number

    before = {}
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, handle)
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)
