"""Sources that fail, or a network that does."""

from datetime import UTC, datetime, timedelta

from aggregator.outage import HOSTS, Outage

NOW = datetime(2026, 11, 24, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def told(*visits: tuple[str, str | None]) -> tuple[Outage, list[datetime | None]]:
    outage = Outage()
    return outage, [
        outage.note(host, kind, NOW + number * MINUTE, answered_before=True)
        for number, (host, kind) in enumerate(visits)
    ]


def test_silence_of_several_hosts_is_an_outage() -> None:
    outage, _ = told(*((f"{n}.example", "dns") for n in range(HOSTS)))
    assert outage.is_on


def test_one_host_that_is_dead_is_none_however_often_it_fails() -> None:
    outage, _ = told(*[("a.example", "connect")] * 20)
    assert not outage.is_on


def test_any_answer_ends_it_even_a_refusal() -> None:
    dead = [(f"{n}.example", "timeout") for n in range(HOSTS + 3)]
    outage, since = told(*dead, ("b.example", "forbidden"))
    assert not outage.is_on
    assert since == [None] * len(dead) + [NOW]


def test_a_failure_for_which_nobody_was_asked_ends_no_outage() -> None:
    dead = [(f"{n}.example", "proxy") for n in range(HOSTS)]
    outage, _ = told(*dead, ("b.example", "inside"), ("c.example", "bug"))
    assert outage.is_on


def test_answers_between_failures_make_none() -> None:
    visits = [(f"{n}.example", "dns" if n % 3 else None) for n in range(30)]
    outage, since = told(*visits)
    assert not outage.is_on and set(since) == {None}


def test_hosts_that_have_been_dead_before_say_nothing() -> None:
    outage = Outage()
    for number in range(20):
        outage.note(f"{number}.example", "dns", NOW, answered_before=False)
    assert not outage.is_on


def test_an_outage_began_with_the_visit_that_began_first() -> None:
    outage = Outage()
    for number in range(HOSTS):
        outage.note(f"{number}.example", "timeout", NOW - number * MINUTE, answered_before=True)
    assert outage.note("a.example", None, NOW, answered_before=True) == NOW - (HOSTS - 1) * MINUTE
