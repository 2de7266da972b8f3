"""Pure functions from what the server says to what is shown: no widgets, no I/O."""
