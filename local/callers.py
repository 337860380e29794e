"""Who calls a server of this stack: a program of this machine, or a web page that somebody looks at."""

import re
from collections.abc import Iterable

_LOOPBACK = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:\d+)?", re.IGNORECASE)


def complaint(headers: Iterable[tuple[str, str]]) -> str:
    """Why a request with these headers, names in small letters, is refused; '' when it is no web page's.

    A page can reach 127.0.0.1 by a name of its own that it lets point there: then that name is in Host. Every other
    request of a page says so in Origin or in Sec-Fetch-Site, which pages cannot change.
    """
    found = list(headers)
    hosts = [value for name, value in found if name == "host"]
    if len(hosts) != 1 or not _LOOPBACK.fullmatch(hosts[0]):
        return "the Host header must name 127.0.0.1 or localhost"
    if any(name == "origin" or (name == "sec-fetch-site" and value != "none") for name, value in found):
        return "web pages are not answered"
    return ""
