"""Which requests are a web page's."""

import pytest

from local.origin_check import refusal

pytestmark = pytest.mark.fast

HERE = ("host", "127.0.0.1:4566")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:4566", "localhost:1", "LOCALHOST", "[::1]:80"])
def test_a_program_of_this_machine_is_answered(host: str) -> None:
    assert refusal([("host", host), ("content-type", "text/plain")]) == ""
    assert refusal([("host", host), ("sec-fetch-site", "none")]) == ""


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "evil.example:4566", "127.0.0.1.evil.example", "localhost.evil.example:80", ""),
        *("0.0.0.0", "127.0.0.2", "localhost:80@evil.example", "127.0.0.1:", "127.0.0.1:80 evil", "x.localhost"),
    ],
)
def test_a_name_that_a_page_chose_is_not(host: str) -> None:
    assert "Host" in refusal([("host", host)])


def test_there_is_one_host() -> None:
    assert refusal([]) and refusal([HERE, HERE]) and refusal([HERE, ("host", "evil.example")])


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:4566", ""])
def test_a_page_says_where_it_comes_from(origin: str) -> None:
    assert "web pages" in refusal([HERE, ("origin", origin)])


@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin", "", "NONE"])
def test_or_that_it_is_one(site: str) -> None:
    assert "web pages" in refusal([HERE, ("sec-fetch-site", site)])
