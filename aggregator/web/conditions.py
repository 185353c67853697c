"""The page `/sources`: how each source does, those first that somebody should look at.

Whose page it is says `serve.sources`. Whoever may see it, addresses in it have lost what may be a secret.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, get_args
from urllib.parse import urlencode

from aggregator import schedule
from aggregator.config import Config
from aggregator.pipeline import utc_now
from aggregator.store import Database
from aggregator.store import conditions as stored_conditions
from aggregator.store.conditions import SILENT, STATES, Condition, Order, State
from aggregator.web import charts
from aggregator.web.overview import DAYS, first_day
from aggregator.web.rendering import Frame, apart, moment, place, render, without_queries

NOT_HERE = (
    "How sources do is shown on this machine only, by its own address (localhost, 127.0.0.1).\n"
    "`serve: {sources: public}` in aggregator.yaml shows it to everybody; `aggregator status` says the same.\n"
)
ROWS = 50  # on a page
MOST_PAGES = 1000
MOST_LETTERS = 100  # that are looked for

ORDERS: dict[Order, str] = {
    "state": "what needs a look first",
    "name": "name",
    "latest": "newest article",
    "visit": "last visit",
    "next": "next visit",
}
WORDS: dict[State, str] = {
    "failing": "Failing",
    "silent": "Silent",
    "new": "Not visited yet",
    "fine": "Fine",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which sources, in which order, on which page: the query of the address. What cannot be understood is left out."""

    state: State | None = None
    query: str = ""
    order: Order = "state"
    page: int = 1

    def address(self, page: int) -> str:
        """The query of the address of another page of the same."""
        given = {"state": self.state, "q": self.query, "sort": self.order, "page": page if page > 1 else None}
        return "?" + urlencode({name: value for name, value in given.items() if value})


def asked(query: Mapping[str, str]) -> Asked:
    """What the query of an address asks for."""
    state, order, page = query.get("state"), query.get("sort"), query.get("page", "")
    return Asked(
        next((one for one in STATES if one == state), None),
        " ".join(query.get("q", "").replace("\0", "")[:MOST_LETTERS].split()),
        next((one for one in get_args(Order) if one == order), "state"),
        min(int(page), MOST_PAGES) if page.isascii() and page.isdigit() and 0 < len(page) <= 6 and int(page) else 1,
    )


def page(config: Config, database: Database, wanted: Asked) -> str:
    """The sources that are asked for."""
    now = utc_now()
    found = stored_conditions.page(
        database,
        now,
        since=first_day(now, DAYS),
        state=wanted.state,
        query=wanted.query,
        order=wanted.order,
        limit=ROWS + 1,
        offset=ROWS * (wanted.page - 1),
    )
    counts = stored_conditions.counts(database, now)
    return render(
        "sources",
        Frame(config.settings.base_url, has_sources=True, here="sources"),
        rows=[_row(one, now) for one in found[:ROWS]],
        counts=counts,
        total=sum(counts.values()),
        wanted=wanted,
        states=WORDS,
        orders=ORDERS,
        silent=SILENT,
        days=DAYS,
        earlier=wanted.address(wanted.page - 1) if wanted.page > 1 else None,
        later=wanted.address(wanted.page + 1) if len(found) > ROWS and wanted.page < MOST_PAGES else None,
    )


def _row(one: Condition, now: datetime) -> dict[str, Any]:
    next_at = max(one.due_at, one.free_at or one.due_at)
    trouble = schedule.trouble(one.state, one.last.kind if one.last else None, now)
    failed = one.failed
    return {
        "name": one.name,
        "place": place(one.url) if one.url else "",
        "state": one.condition,
        "since": moment(one.state.failing_since) if one.state.failing_since else None,
        "failures": one.failures,
        "last": apart(one.last.started_at, now) if one.last else None,
        "last_new": one.last.new if one.last else 0,
        "next": apart(next_at, now) if next_at > now else None,
        "plan": without_queries(one.plan),
        "latest": apart(one.latest_at, now) if one.latest_at else None,
        "a_day": sum(one.by_day.values()) / DAYS,
        "error": without_queries(failed.error or "") if failed else "",
        "error_at": apart(failed.started_at, now) if failed and not one.state.failing_since else None,
        "trouble": without_queries(trouble) if trouble else "",
        "chart": charts.by_day(one.by_day, now.date(), DAYS, "articles"),
        "hours": charts.by_hour(one.state.rhythm.by_hour, "News"),
    }
