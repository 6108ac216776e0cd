"""The fixture with which tests/clients runs programs that are not ours."""

from tests.clients.conftest import workspace

__all__ = ["workspace"]
