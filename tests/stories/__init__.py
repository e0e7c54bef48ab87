"""End to end: what people live through with a sign-in, over days and processes."""
