"""The one place that says what is ours on the package indexes and registries.

Until PUBLISHED is true, no text, button, link, bundle or registry entry names a package of an index: a name that
is not ours yet could be somebody else's by the time that a reader types it. tests/packaging/test_files.py holds
every file to it.
"""

from __future__ import annotations

PUBLISHED = False
"""Whether the wheel of this project is on PyPI under the name po-mcp, put there by its owners."""
