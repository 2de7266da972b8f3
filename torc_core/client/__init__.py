"""Typed HTTP client: requests (`endpoints`) are made once and sent by any client (`http`)."""
