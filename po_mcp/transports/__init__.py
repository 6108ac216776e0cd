"""How a client reaches the server: standard input and output, or HTTP; and the signals that end it."""
