"""Generated input: what no server, person or disk should send, and what must hold whatever they do.

The tests run a fixed number of examples, the same every time. ``python -m tests.fuzz --minutes 30`` runs them, and
every other test of the suite that generates its input, for as long as wanted and with new examples each time.
"""
