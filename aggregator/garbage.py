"""When garbage is collected: between two pieces of work, since nobody else can do anything meanwhile."""

import gc


def settle() -> None:
    """Keep the collector from looking through all there is while something is being done: what has been loaded stays
    out of its sight, and full collections are made by who calls for them."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()
    gc.set_threshold(5000, 20, 1_000_000)
