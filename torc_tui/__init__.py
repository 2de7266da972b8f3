"""The torc console: a full-screen terminal interface."""
