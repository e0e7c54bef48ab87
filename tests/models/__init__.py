"""The records: what is read from documents, what is kept, what is never shown."""
