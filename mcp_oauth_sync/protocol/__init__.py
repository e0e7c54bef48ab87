"""What the RFCs say: one document or endpoint per file."""
