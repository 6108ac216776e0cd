"""The SDK's models of messages, built as they are needed: a start waits for few of them."""

from __future__ import annotations

from contextlib import suppress


def build_models_late() -> None:
    """Let each model of the SDK's messages be built at its first use; to be called before `mcp` is imported.

    The SDK builds some 300 at its import, of every message in two eras of the protocol; a client uses one era and few
    of its messages. pydantic has a setting for that, `defer_build`, which models take from their base.
    """
    with suppress(ImportError):  # this base is none of the SDK's public names; without it a start takes longer
        from mcp_types._wire_base import WireModel

        WireModel.model_config["defer_build"] = True
