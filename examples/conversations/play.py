"""Watch the conversations of this folder: each is played against a real server and a sandbox of its own.

.venv/bin/python examples/conversations/play.py --list
.venv/bin/python examples/conversations/play.py what_is_overdue
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the runner is the one of the tests

from tests.conversations.__main__ import main

main()
