"""What we know: frozen attrs records, no I/O. One record or one kind of reading a file."""
