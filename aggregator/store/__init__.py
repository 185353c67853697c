"""Everything that is kept. One file per noun; all SQL of the project is here and nowhere else."""

from aggregator.store.database import Database

__all__ = ["Database"]
