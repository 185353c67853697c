"""Killed at any moment, nothing is lost, nothing is there twice or by half, and what was published stays.

AGGREGATOR_TEST_ALL=1 pytest -s tests/durability/test_kills.py     ten thousand times
"""

import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests import postgresql_server
from tests.durability.forker import MUTANTS
from tests.durability.judge import Judge
from tests.durability.passes import passes
from tests.durability.world import Site, World

IN_FULL = bool(os.environ.get("AGGREGATOR_TEST_ALL"))
KILLS = {"sqlite": 7000 if IN_FULL else 200, "postgresql": 3000 if IN_FULL else 100}
OF_A_WORLD = 200 if IN_FULL else 50  # kills; then another one begins, before its feeds are full and old items leave
LATEST = 2.0 if IN_FULL else 1.0  # seconds until a kill: on a busy machine a pass takes longer than one
ENOUGH = 2000  # kills, after which no mistake that has not been noticed ever will be


@pytest.fixture(params=["sqlite", "postgresql"])
def places(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Empty databases: the setting of another one each time, for each world has its own."""
    if request.param == "sqlite":
        yield lambda: "sqlite"
        return
    server: str = request.getfixturevalue("postgresql")
    with ExitStack() as stack:

        def another() -> str:
            name = postgresql_server.created(server)
            stack.callback(postgresql_server.drop, server, name)
            return f"{server}/{name}"

        yield another


@pytest.fixture
def place(places: Callable[[], str]) -> str:
    return places()


def killed(
    directory: Path, chance: random.Random, kills: int, database: str, mutant: str = "", latest: float = LATEST
) -> tuple[int, list[str]]:
    """Passes killed at random moments until so many were, or something is wrong: how many were, and what is."""
    made, longest, site = 0, 0.25, Site()  # seconds: about as long as a pass takes on this machine
    with site.served():
        world = World(directory, chance, site, database)
        judge = Judge(world)
        with passes(world, mutant) as some:
            world.go_on()
            faults = _faults(judge, some.make("here"))
            while made < kills and not faults:
                world.go_on()
                said = some.make(f"after {chance.uniform(0.01, longest):.4f}")
                made += said == "killed"
                longest = min(longest * 1.15, latest) if said == "killed" else longest * 0.75
                faults = _faults(judge, said, at_rest=said == "0")
            faults = faults or _faults(judge, some.make("after 600"), at_rest=True)
    return made, faults


def _faults(judge: Judge, said: str, *, at_rest: bool = False) -> list[str]:
    try:
        faults = judge.faults_at_rest() if at_rest else judge.faults()
    except Exception as error:  # a file or a table that cannot be read
        faults = [repr(error)]
    return faults if said == "0" or (said == "killed" and not at_rest) else [f"a pass has failed: {said}", *faults]


def test_killed_at_any_moment_nothing_is_lost_or_doubled(tmp_path: Path, places: Callable[[], str]) -> None:
    seed = random.randrange(2**32)
    place = places()
    chance, kills = random.Random(seed), KILLS[place.partition("+")[0]]
    print(f"seed {seed}")
    for number in count():
        made, faults = killed(tmp_path / str(number), chance, min(kills, OF_A_WORLD), place)
        kills -= made
        assert faults == []
        if kills <= 0:
            break
        place = places()


@pytest.mark.parametrize("mutant", [name for name in MUTANTS if name != "no sync"])
def test_a_mistake_is_noticed(tmp_path: Path, mutant: str) -> None:
    """The judge judges: each of these programs is found out."""
    kills, faults = killed(tmp_path, random.Random(1), ENOUGH, "sqlite", mutant, latest=2.0)
    print(f"found after {kills} kills: {faults[:3]}")
    assert faults
