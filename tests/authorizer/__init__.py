"""The decisions: refresh, ask, step up, or leave it."""
