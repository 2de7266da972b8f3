"""The `torc` command, one module per command family."""
