"""Runs a command that must not outlive whoever started it.

Started as a program of its own: `python -I -S guard.py COMMAND…`, in a session of its own. Standard input is a pipe
that nobody writes to: its other end closes when the process that started this one lets go of it or is gone, however
that happened. Then the command ends, with all that it has started.
"""

import os
import signal
import subprocess
import sys
import threading
import time

MISSING = 127  # as a shell says that there is no such command
GRACE = 5.0  # seconds between asking the command to end and ending it


def _end() -> None:
    while os.read(0, 1):
        pass
    os.killpg(0, signal.SIGTERM)
    time.sleep(GRACE)
    os.killpg(0, signal.SIGKILL)


def main(command: list[str]) -> int:
    """The exit code of the command."""
    signal.signal(signal.SIGTERM, lambda number, frame: None)  # it is for the command; a handler is not inherited
    try:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        return MISSING
    threading.Thread(target=_end, daemon=True).start()
    return abs(process.wait())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
