"""Memory of a console that stays open for weeks, and the pauses that looking through it makes."""

from __future__ import annotations

import gc

from textual._styles_cache import StylesCache


def forget_closed_screens() -> None:
    """Textual keeps what widgets drew in a cache of 1024 widgets, closed ones too: 10,000 objects a screen."""
    clear = getattr(StylesCache.get_inner_outer, "cache_clear", None)
    if clear is not None:
        clear()


COLLECT_EVERY_S = 0.5

MUCH = 2
"""So many thousands of objects are worth a look: rounds over what is young since the last look at everything."""

SELDOM = 1000
"""So many looks at what is young come before one at everything, unless that is asked for."""


def spare_the_collector() -> None:
    """What is there once the console is up stays to its end: the collector need not look at it again and again.

    A look at all of it takes 40 to 80 ms, and one at what came later up to 30 ms, in the middle of drawing a screen:
    the latter is to be asked for (`collect`) every COLLECT_EVERY_S, when nothing else is being done.
    """
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(young, middle, SELDOM)


def collect() -> None:
    """Free what is not used any more, when much was made since the last time."""
    if gc.get_count()[2] >= MUCH:
        gc.collect()
