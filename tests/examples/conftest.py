"""A user of the `torc` command, as for the tests of the command line."""

from tests.cli.conftest import torc, user_home

__all__ = ["torc", "user_home"]
