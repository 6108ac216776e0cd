"""The HTTP APIs of the two vendors as the sandbox serves them, over one order book."""
