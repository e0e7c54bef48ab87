"""The examples, run as their readers run them, and the texts that they print."""
