"""The rules of the state machine: functions of a batch (a write transaction), no HTTP and no async."""
