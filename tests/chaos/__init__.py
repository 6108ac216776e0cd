"""Replicas behind nginx on one PostgreSQL, in trouble under load: no write twice, none lost, each reported as it is."""
