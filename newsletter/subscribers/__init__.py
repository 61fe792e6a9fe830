"""The people: their addresses and what they agreed to."""
