"""The doctor: each check on records, and whole examinations of every server of the bench."""
