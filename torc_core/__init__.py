"""Everything headless of torc: vocabulary, workflow language, client, runner and command line."""

VERSION = "0.1.0"
"""The version of this distribution."""

API_VERSION = "0.12.3"
"""The torc release whose REST API and file format this distribution speaks."""
