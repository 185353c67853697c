"""JSON Feed 1.1 (https://www.jsonfeed.org/version/1.1/). Score and reasons stand in the extension `_aggregator`."""

import json
from typing import Any

from aggregator.models import Feed, Item
from aggregator.registry import Format


def render(feed: Feed) -> bytes:
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": feed.title,
        "home_page_url": feed.page,
        "feed_url": feed.urls["jsonfeed"],
        "next_url": feed.previous.get("jsonfeed"),
        "description": feed.description,
        "language": feed.language,
        "hubs": [{"type": "WebSub", "url": hub} for hub in feed.hubs],
    }
    items = [_given(_item(item)) for item in feed.items]  # required, even where there are none
    for item in feed.withdrawn:
        items.append(_given(_item(item)) | {"_aggregator": _given({"about": item.trace, "withdrawn": True})})
    return json.dumps(_given(document) | {"items": items}, ensure_ascii=False).encode() + b"\n"


def _item(item: Item) -> dict[str, Any]:
    return {
        "id": item.id,
        "url": item.link,
        "title": item.title,
        "content_html": item.html,
        "summary": item.summary,
        "image": item.thumbnail,
        "date_published": item.published_at.isoformat(),
        "date_modified": item.updated_at.isoformat(),
        "authors": [{"name": name} for name in item.authors or (item.origin.name,)],
        "tags": [one.label or one.term for one in item.categories],
        "language": item.language,
        "attachments": [
            _given(
                {"url": one.url, "mime_type": one.media_type or "application/octet-stream", "size_in_bytes": one.length}
            )
            for one in item.enclosures
        ],
        "_aggregator": _given(
            {
                "about": item.trace,
                "score": item.score,
                "reasons": list(item.reasons),
                "source": _given({"title": item.origin.name, "url": item.origin.source_url}),
                "agency": item.agency,
                "comments": item.comments,
                "licence": item.licence,
                "categories": [
                    _given({"term": one.term, "scheme": one.scheme}) for one in item.categories if one.scheme
                ],
                "independent_sources": item.independent,
                "related": [_given({"title": one.name, "url": one.link}) for one in item.related],
                "also_in": [_given({"title": copy.name, "url": copy.link}) for copy in item.also],
            }
        ),
    }


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """Without what is absent: JSON Feed has no nulls."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {})}


PLUGIN = Format("JSON Feed", "application/feed+json; charset=utf-8", "json", render)
