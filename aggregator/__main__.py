"""`python -m aggregator` is the command `aggregator`, which fails in a line from its first moment on."""

import errno
import os
import signal
import sys

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def main() -> None:
    """Run the command; Ctrl-C while it is being loaded is exit code 130, an output that takes nothing more is 1."""
    given = signal.getsignal(signal.SIGINT)
    if given is signal.default_int_handler:  # which may raise where nobody can catch it, and tears what is loaded
        signal.signal(signal.SIGINT, _leave)
    from aggregator.cli import main as command

    signal.signal(signal.SIGINT, given)
    try:
        command(prog_name="aggregator")
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            raise
        print(f"aggregator: the output cannot be written: {error.strerror}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for what is left of it
        sys.exit(1)


def _leave(*_: object) -> None:
    os.write(2, b"\n")  # what the terminal shows for Ctrl-C stands in a line of its own
    os._exit(130)


if __name__ == "__main__":
    main()
