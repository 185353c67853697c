"""Commands in this very process: one of its own takes seconds of which only the command is tested."""

from pathlib import Path

from click.testing import CliRunner, Result

from aggregator.cli import main


def aggregator(directory: Path, *arguments: str, **environment: str) -> Result:
    """Run a command to its end."""
    return CliRunner().invoke(main, ["--config", str(directory), *arguments], env=environment)
