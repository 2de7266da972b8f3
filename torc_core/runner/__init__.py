"""The job runner: starts processes, watches them, and exchanges results for work with the server."""
