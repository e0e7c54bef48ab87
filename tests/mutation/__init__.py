"""How many small faults in the rooms that matter most the tests notice: ``python -m tests.mutation [ROOM ...]``."""
