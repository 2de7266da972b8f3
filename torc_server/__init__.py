"""The torc server: owns the SQLite state and decides which jobs are ready."""
