"""The public API as people call it, for the type checker."""
