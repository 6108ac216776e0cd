"""The stage of the clients that are not ours."""

from tests.clients.conftest import stage

__all__ = ["stage"]
