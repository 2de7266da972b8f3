"""Memory of a console that stays open for weeks, and the pauses that looking through it makes."""

from __future__ import annotations

import gc

from textual._styles_cache import StylesCache


def forget_closed_screens() -> None:
    """Textual keeps what widgets drew in a cache of 1024 widgets, closed ones too: 10,000 objects a screen."""
    clear = getattr(StylesCache.get_inner_outer, "cache_clear", None)
    if clear is not None:
        clear()


def spare_the_collector() -> None:
    """What is there once the console is up stays to its end: the collector need not look at it again and again.

    A look at all of it takes 40 to 80 ms, in which no key is answered.
    """
    gc.freeze()
