"""Stretches of words in which several things occur together."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

from aggregator.features import Hit


def stretches(per_item: Sequence[Sequence[Hit]], most: int) -> Iterator[Hit]:
    """The stretches of at most `most` words that have each of the items, from left to right, with no word in common.

    Goes from one place where all have been seen to the next, by bisection: a thing that stands there ten thousand
    times in a row costs no more than one.
    """
    starts = [[hit.start for hit in hits] for hits in per_item]
    begin = 0
    while True:
        nexts = [bisect_left(own, begin) for own in starts]
        if any(number == len(own) for number, own in zip(nexts, starts, strict=True)):
            return
        last = max(own[number] for number, own in zip(nexts, starts, strict=True))
        # Of each item the last occurrence that begins no later: the shortest stretch that ends here.
        chosen = [hits[bisect_left(own, last + 1) - 1] for hits, own in zip(per_item, starts, strict=True)]
        found = Hit(min(hit.start for hit in chosen), max(hit.end for hit in chosen))
        if found.end - found.start <= most:
            yield found
            begin = found.end
        else:
            begin = found.start + 1
