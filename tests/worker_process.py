"""The program with leases that end within seconds: `python -m tests.worker_process SECONDS --config DIR run …`."""

import sys
from datetime import timedelta

from aggregator import pipeline, visiting
from aggregator.cli import main

if __name__ == "__main__":
    pipeline.LEASE = visiting.LEASE = timedelta(seconds=float(sys.argv.pop(1)))
    main()
