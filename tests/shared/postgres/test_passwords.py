"""Every login that psql can use works, by each of PostgreSQL's ways to ask for a password."""

from collections.abc import Iterator

import pytest
from pg8000.native import identifier, literal

from local.postgres import Server, throw_away
from shared.aws.secrets import Login
from shared.errors import ServiceRefused
from shared.postgres.connection import connect
from shared.postgres.native import prepared

pytestmark = pytest.mark.fast

PASSWORDS = {
    "plain": "correct horse",
    "emoji": "pa\N{GRINNING FACE}ss",
    "tab": "pa\tss",
    "newline": "pa\nss",
    "control": "pa\x01\x7fss",
    "mixed direction": "abc\u05d0\u05d1",
    "right to left": "\u05d0\u05d1\u05d2",
    "right to left with a digit at its end": "\u06271",
    "non-breaking space": "pa\u00a0ss",
    "ideographic space": "pa\u3000ss",
    "soft hyphen": "pa\u00adss",
    "only a soft hyphen": "\u00ad",
    "zero-width space": "pa\u200bss",
    "zero-width joiner": "pa\u200dss",
    "compatibility": "\u2168\u00aa\ufb01",
    "composed": "Zo\u00eb",
    "decomposed": "Zoe\u0308",
    "private use": "pa\ue000ss",
    "no character": "pa\ufffess",
    "unassigned when SASLprep was written": "pa\u0221\u0560ss",
    "deprecated": "pa\u0340ss",
    "tagged": "pa\U000e0041ss",
    "quotes": "pa'\"\\\\$ss%s:x",
    "long": "é" * 400,
    "blanks around": "  pass  ",
    "an equals sign and a comma": "a=b,c=2C",
}
USERS = ["plain", "Zo\u00eb \N{GRINNING FACE}", "tab\there", "a=b,c", "qu\"o'te", "\u05d0bc"]


@pytest.fixture(scope="module")
def by_all_ways() -> Iterator[Server]:
    """A server that takes a login as its database says: by SCRAM, by MD5, or in clear."""
    with throw_away() as server:
        with server.superuser() as admin:
            for name in ("scram", "md5", "clear"):
                admin.run(f"CREATE DATABASE {name}")
            (file,) = admin.run("SHOW hba_file")[0]
            lines = "host md5 all all md5\nhost clear all all password\nhost all all all scram-sha-256\n"
            with open(file, "w") as hba:  # noqa: PTH123
                hba.write(lines)
            admin.run("SELECT pg_reload_conf()")
        yield server


def enter(server: Server, way: str, user: str, password: str) -> None:
    login = Login("127.0.0.1", server.port, way, user, password)
    with connect("source", login, ca="", plaintext=True, timeout_s=30) as connection:
        assert connection.one("SELECT current_user") == [user]


def give(server: Server, way: str, user: str, password: str) -> None:
    kind = "md5" if way == "md5" else "scram-sha-256"
    with server.superuser() as admin:
        admin.run(f"SET password_encryption = '{kind}'")
        admin.run(f"DROP ROLE IF EXISTS {identifier(user)}")
        admin.run(f"CREATE ROLE {identifier(user)} LOGIN PASSWORD {literal(password)}")


@pytest.mark.parametrize("way", ["scram", "md5", "clear"])
@pytest.mark.parametrize("password", PASSWORDS.values(), ids=PASSWORDS)
def test_a_password_that_psql_can_use_works(password: str, way: str, by_all_ways: Server) -> None:
    give(by_all_ways, way, "somebody", password)
    enter(by_all_ways, way, "somebody", password)
    with pytest.raises(ServiceRefused, match="28P01.*deploy.sh --put-secrets") as raised:
        enter(by_all_ways, way, "somebody", password + "x")
    assert password not in str(raised.value)


@pytest.mark.parametrize("way", ["scram", "md5", "clear"])
@pytest.mark.parametrize("user", USERS)
def test_so_does_every_name(user: str, way: str, by_all_ways: Server) -> None:
    give(by_all_ways, way, user, "secret")
    enter(by_all_ways, way, user, "secret")


def test_what_saslprep_does_not_take_is_left_as_it_is() -> None:
    assert prepared("pa\u00a0ss".encode()) == b"pa ss"
    assert prepared("pa\u00adss".encode()) == b"pass"
    for left in (b"pa\tss", "pa\N{GRINNING FACE}ss".encode(), b"\xff\xfe", b"", "\u00ad".encode()):
        assert prepared(left) == left
