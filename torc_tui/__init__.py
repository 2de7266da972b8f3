"""The torc console: a full-screen terminal interface.

Where things go:

- something that can be done: an `Action` (`actions.py`) in a module of `verbs/`, listed in `verbs/__init__.py`. Keys,
  footer, `?`, palette and `:` follow from it. What changes something makes a `Plan` (`plans.py`) and gives it to
  `Console.carry_out`, which asks, does it and says what came of it.
- a screen: a `ConsoleScreen` (`screens/console_screen.py`) in a file of `screens/`, opened with `Console.open`; its
  address is read in `address.py`.
- something from the server: a request of `torc_core/client`, asked with `Store.ask`, or kept fresh with a `Watch`
  (`store.py`). Workers and watches never touch widgets: they post messages or `call_later`.
- a table: columns in `rendering/tables.py` (pure functions of a row), a source in `sources.py`, a `TablePane` on the
  screen, and on the server a `ConsoleTable` in `torc_server/api/console_tables.py`.
- text: `rendering/` makes lines of (text, role); `rendering/palette.py` says what a role looks like.
"""
