"""What the RFCs say: pure halves with dicts, fetching halves against servers that we script."""
