"""The heart: a write happens at most once, and a destructive one only when a person approved it."""
