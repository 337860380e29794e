"""Distinguish a program of this machine from a web page that somebody opened, by the headers of its request."""

import re
from collections.abc import Iterable

_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)


def refusal(headers: Iterable[tuple[str, str]]) -> str:
    """Return why a request with these headers (lower-case names) is refused; '' if it is not from a web page.

    A page can reach 127.0.0.1 through a host name of its own that resolves to it: Host then contains that name. Every
    other request of a page carries Origin or Sec-Fetch-Site, which pages cannot change.
    """
    found = list(headers)
    hosts = [value for name, value in found if name == "host"]
    if len(hosts) != 1 or not _LOOPBACK.fullmatch(hosts[0]):
        return "the Host header must name 127.0.0.1 or localhost"
    if any(name == "origin" or (name == "sec-fetch-site" and value != "none") for name, value in found):
        return "web pages are not answered"
    return ""
