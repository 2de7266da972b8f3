"""The HTTP resources: each module validates, calls the engine and shapes the answer."""
