"""A terminal of tmux: what a person sees of a host, and what they type."""

from __future__ import annotations

import secrets
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

TIMEOUT_S = 180.0
"""The longest that a person waits for a host on a computer that has much else to do."""
_LOOK_S, _PRESS_AGAIN_S = 0.1, 3.0


class Screen:
    """One program in a terminal."""

    def __init__(self) -> None:
        self._tmux = ["tmux", "-L", f"po-mcp-{secrets.token_hex(8)}", "-f", "/dev/null"]

    @classmethod
    @contextmanager
    def of(
        cls, command: Sequence[str], folder: Path, environment: Mapping[str, str], size: tuple[int, int] = (120, 50)
    ) -> Iterator[Screen]:
        """Run a program in a folder, in a terminal of so many columns and rows; it is ended afterwards."""
        screen = cls()
        columns, rows = size
        run = [*screen._tmux, "new-session", "-d", "-x", str(columns), "-y", str(rows), "-c", str(folder), *command]
        subprocess.run(run, env=dict(environment), check=True, timeout=60)
        try:
            yield screen
        except Exception as exc:
            exc.add_note(f"The screen showed:\n{screen.read()}")
            raise
        finally:
            subprocess.run([*screen._tmux, "kill-server"], capture_output=True, timeout=60)

    def read(self) -> str:
        """Return what the screen shows."""
        shown = subprocess.run([*self._tmux, "capture-pane", "-p"], capture_output=True, text=True, timeout=60)
        return shown.stdout

    def wait_for(self, *words: str) -> None:
        """Wait until the screen shows all words."""
        self._wait_for(lambda shown: all(word in shown for word in words), str(words))

    def wait_until(self, is_so: Callable[[str], bool]) -> None:
        """Wait until something is so, given what the screen shows."""
        self._wait_for(is_so, "what the host does next")

    def type(self, text: str) -> None:
        """Type text, and see it on the screen."""
        before = self.read().count(text)
        self._send("-l", "--", text)
        self._wait_for(lambda shown: shown.count(text) > before, f"{text} is typed")

    def press(self, *keys: str) -> None:
        """Press keys by tmux's names, one after another."""
        for key in keys:
            self._send("--", key)

    def press_enter_until(self, is_so: Callable[[str], bool]) -> None:
        """Press Enter, and again where it went by: hosts take one right after text for a part of what was pasted."""
        until = time.monotonic() + TIMEOUT_S
        while time.monotonic() < until:
            self._send("--", "Enter")
            if self._sees(is_so, _PRESS_AGAIN_S):
                return
        raise AssertionError(f"Enter had no effect within {TIMEOUT_S} s")

    def press_enter_on(self, words: str) -> None:
        """Press Enter until words are gone from the screen."""
        self.press_enter_until(lambda shown: words not in shown)

    def _wait_for(self, is_so: Callable[[str], bool], what: str) -> None:
        assert self._sees(is_so, TIMEOUT_S), f"{what}: not within {TIMEOUT_S} s"

    def _sees(self, is_so: Callable[[str], bool], timeout_s: float) -> bool:
        until = time.monotonic() + timeout_s
        while not is_so(self.read()):
            if time.monotonic() > until:
                return False
            time.sleep(_LOOK_S)
        return True

    def _send(self, *what: str) -> None:
        subprocess.run([*self._tmux, "send-keys", *what], check=True, timeout=60)
