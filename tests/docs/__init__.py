"""The documents: what they say of the code is so, and their recipes work."""
