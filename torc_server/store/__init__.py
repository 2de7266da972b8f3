"""Schema, connections and the single writer."""
