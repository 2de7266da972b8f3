"""The workflow language: file -> specification -> plan."""
