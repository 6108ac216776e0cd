"""The connector to Tryton: its translator against recorded answers, and all of it against a real server."""
