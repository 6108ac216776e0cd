"""Where a person decides outside of the client: a page on this machine, and what a terminal shows too."""
