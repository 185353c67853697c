"""The state of everything, for `aggregator status`."""

from typing import Any

from aggregator.config import Config
from aggregator.store import Database
from aggregator.store import articles as stored_articles
from aggregator.store import sources as stored_sources
from aggregator.store import topics as stored_topics


def status(config: Config, database: Database) -> dict[str, Any]:
    """Sources, topics and totals as plain values."""
    articles, stories = stored_articles.count(database)
    counts = stored_topics.counts(database)
    return {
        "state": str(config.state),
        "articles": articles,
        "stories": stories,
        "sources": [
            {
                "id": source.id,
                "name": source.name,
                "due_at": source.due_at.isoformat(timespec="seconds"),
                "failures": source.failures,
                "last_visit": source.visits[0].started_at.isoformat(timespec="seconds") if source.visits else None,
                "outcome": source.visits[0].outcome if source.visits else None,
                "new": source.visits[0].new if source.visits else 0,
                "error": source.visits[0].error if source.visits else None,
            }
            for source in stored_sources.statuses(database)
        ],
        "topics": [{"slug": slug, "stories": counts.get(slug, (0, None))[0]} for slug in config.topics],
    }


def print_status(facts: dict[str, Any]) -> None:
    """The same as tables."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    sources = Table("source", "last visit", "outcome", "new", "next visit", "error", box=None)
    for source in facts["sources"]:
        sources.add_row(
            source["name"],
            source["last_visit"] or "never",
            source["outcome"] or "",
            str(source["new"]),
            source["due_at"],
            source["error"] or "",
        )
    topics = Table("topic", "stories", box=None)
    for topic in facts["topics"]:
        topics.add_row(topic["slug"], str(topic["stories"]))
    console.print(f"{facts['articles']} articles in {facts['stories']} stories ({facts['state']})\n", highlight=False)
    console.print(sources)
    console.print(topics)
