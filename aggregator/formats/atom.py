"""Atom 1.0 (RFC 4287): the richest of the three; full `atom:source`, links with their relation, tags with labels."""

from aggregator.formats._feedgen import generator
from aggregator.models import Feed
from aggregator.registry import Format


def render(feed: Feed) -> bytes:
    xml: bytes = generator(feed, "atom").atom_str(pretty=True)
    return xml


PLUGIN = Format("Atom", "application/atom+xml; charset=utf-8", "atom", render)
