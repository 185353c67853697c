"""Stretches of words in which several things occur together."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from aggregator.features import Hit


def stretches(per_item: Sequence[Sequence[Hit]], most: int) -> Iterator[Hit]:
    """The stretches of at most `most` words that have each of the items, from left to right, with no word in common.

    Of those that are possible the one that ends first, again and again: so they are as many as there can be. Goes on
    by bisection to where all items are near: a thing that stands there ten thousand times in a row costs little more
    than one.
    """
    starts = [[hit.start for hit in hits] for hits in per_item]
    begin = 0
    while True:
        nexts = [bisect_left(own, begin) for own in starts]
        if any(number == len(own) for number, own in zip(nexts, starts, strict=True)):
            return
        # A stretch has all items, so it ends behind the first word of the one that comes last.
        earliest = max(own[number] for number, own in zip(nexts, starts, strict=True)) + 1 - most
        if earliest > begin:
            begin = earliest
            continue
        ends = [bisect_left(own, begin + 2 * most) for own in starts]
        window = [hits[first:end] for hits, first, end in zip(per_item, nexts, ends, strict=True)]
        if found := _first(window, most):
            yield found
        begin = found.end if found else begin + most


def _first(per_item: Sequence[Sequence[Hit]], most: int) -> Hit | None:
    """The stretch that ends first; it begins as late as it can."""
    latest = [-1] * len(per_item)  # by item, where its hit that begins last begins
    for end, start, item in sorted((hit.end, hit.start, item) for item, hits in enumerate(per_item) for hit in hits):
        latest[item] = max(latest[item], start)
        begin = min(latest)
        if begin >= 0 and end - begin <= most:
            return Hit(begin, end)
    return None
