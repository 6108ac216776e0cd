"""The cookies of an ERP, which lead later requests to the same server behind its balancer: few, small and writable.

An ERP that sets another one with each answer would make each request larger, until a server refuses all of them.
"""

from __future__ import annotations

from http.cookiejar import Cookie

import httpx2

_MAX_COOKIE_CHARS = 4096
"""Characters of a cookie with its attributes: what browsers keep at least (RFC 6265, section 6.1)."""
_MAX_COOKIES = 50
"""Cookies that are kept, which is what browsers keep of one host at least (RFC 6265, section 6.1)."""
_MAX_SENT_CHARS = 6000
"""Characters of all of them together: usual servers take 8,190 or 8,192 of one line, and a token stands in another."""


class KeptCookies:
    """The cookies that are sent with each request; where there are too many, those that were set first go.

    Attributes:
        jar: what `httpx2.Request` takes.
    """

    def __init__(self) -> None:
        self.jar = httpx2.Cookies()
        self._by_age: dict[tuple[str, str, str], Cookie] = {}

    def keep(self, response: httpx2.Response) -> None:
        """Keep the cookies of an answer."""
        if "set-cookie" not in response.headers:
            return
        # Before anything keeps them: an attribute may be as long as the head of an answer.
        fit = [(name, text) for name, text in response.headers.raw if len(text) <= _MAX_COOKIE_CHARS]
        head = httpx2.Response(response.status_code, headers=fit, request=response.request)
        self.jar.extract_cookies(head)
        self._note_ages()
        for key in [key for key, cookie in self._by_age.items() if not _is_writable(cookie)]:
            self._drop(key)
        while len(self._by_age) > _MAX_COOKIES or self._count_chars() > _MAX_SENT_CHARS:
            self._drop(next(iter(self._by_age)))

    def _note_ages(self) -> None:
        """Put what was set now behind what is older: one that is set anew is new."""
        now = {(cookie.domain, cookie.path, cookie.name): cookie for cookie in self.jar.jar}
        self._by_age = {key: cookie for key, cookie in self._by_age.items() if now.get(key) is cookie} | now

    def _count_chars(self) -> int:
        """Count the characters of the line that is sent, with the two that part one cookie from the next."""
        return sum(len(_write(cookie)) + 2 for cookie in self._by_age.values())

    def _drop(self, key: tuple[str, str, str]) -> None:
        del self._by_age[key]
        self.jar.jar.clear(*key)


def _write(cookie: Cookie) -> str:
    return f"{cookie.name}={cookie.value}"


def _is_writable(cookie: Cookie) -> bool:
    """Tell whether a cookie has no other signs than RFC 6265, section 4.1.1, allows."""
    # One beyond ASCII would keep every later request from being written.
    text = _write(cookie)
    return text.isascii() and text.isprintable()
