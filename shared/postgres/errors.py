"""Translate a database's errors to ours: transient or permanent, with what to change, and without a row's values.

A server's message is copied only where it cannot hold a row's values. A trigger, a function, a policy or a default may
raise any SQLSTATE, with any text and with any names of table, column and constraint. So a message is copied only when
the server says that its own code raised it (the field F, a file of PostgreSQL's), that file's messages consist of
names, and no function was being run (the field W is empty). For everything else only the SQLSTATE is reported.
"""

import socket
import ssl
from collections.abc import Mapping

from pg8000.exceptions import DatabaseError
from scramp import ScramException

from shared.errors import ServiceRefused, ServiceUnavailable

# SQLSTATE classes and codes after which the same work can succeed: connection lost, rolled back for another
# transaction, too many connections, lock timeout, cancelled or shut down, I/O error, idle timeout, a server that takes
# no writes (a standby that is being promoted).
TRANSIENT = ("08", "40", "53", "55P03", "57", "58", "25P03", "25006")
# Messages of these classes consist of names: connecting, undefined or forbidden objects.
TELLING = ("08", "28", "3D", "3F", "42", "53", "55", "57")
# PostgreSQL's files whose messages of those classes are constant, or name what was connected to, or an existing object.
# Files that read a name out of a text while a statement runs (regproc.c, namespace.c, parse_type.c for regclass) are
# left out: the text may be a row's.
NAMING = frozenset(
    {
        *("auth.c", "crypt.c", "hba.c", "miscinit.c", "postinit.c", "postmaster.c", "backend_startup.c", "proc.c"),
        *("postgres.c", "utility.c", "xlogfuncs.c", "md.c", "fd.c", "aclchk.c", "rls.c", "tablecmds.c", "heap.c"),
    }
)
# These name what is in a statement's text where they give its position there (P): that text is ours.
PARSING = frozenset(
    {
        *("scan.l", "gram.y", "analyze.c", "parse_agg.c", "parse_clause.c", "parse_coerce.c", "parse_expr.c"),
        *("parse_func.c", "parse_oper.c", "parse_relation.c", "parse_target.c", "parse_type.c", "parse_utilcmd.c"),
        *("parse_node.c", "parse_cte.c", "parse_collate.c", "parse_param.c", "parse_merge.c", "namespace.c"),
    }
)
# These fill the fields t, c and n with the catalogue's names of a table, a column and a constraint.
CONSTRAINING = frozenset(
    {"execMain.c", "nbtinsert.c", "ri_triggers.c", "execIndexing.c", "execPartition.c", "domains.c", "tablecmds.c"}
)


class NoHostName(Exception):
    """A host name with characters that no host name can have."""


class NotPostgreSQL(Exception):
    """The other side does not speak PostgreSQL's protocol."""


class NoTls(Exception):
    """The server answered that it has no TLS."""


def translated(database: str, doing: str, error: Exception) -> ServiceRefused | ServiceUnavailable:
    """Return the library's, the network's or the server's error as ours."""
    if isinstance(error, DatabaseError) and isinstance(error.args[0], dict):
        return _from_server(database, doing, error.args[0])
    # pg8000 wraps the network's error.
    return _from_network(database, doing, error.__cause__ or error)


def not_connected(database: str, doing: str, error: Exception) -> ServiceRefused | ServiceUnavailable:
    """Return the translated error of a failed connection, with what to check."""
    found = translated(database, doing, error)
    if found.cause == UNCONVERTED:
        fix = "it does not convert the database's encoding to UTF-8: use a database made with ENCODING 'UTF8'"
        return _refused(database, doing, f"SQLSTATE {found.cause}", found.cause, fix)
    hint = HINTS.get(found.cause) if isinstance(found, ServiceUnavailable) else None
    return _unavailable(database, doing, f"{found.cause}: {hint}", found.cause) if hint else found


def _from_server(database: str, doing: str, facts: Mapping[str, str]) -> ServiceRefused | ServiceUnavailable:
    state = str(facts.get("C", "XX000"))
    text = " ".join([f"SQLSTATE {state}", *_names(facts), *_words(facts)])
    if state.startswith(TRANSIENT):
        return _unavailable(database, doing, text, state)
    refused = _refused(database, doing, text, state, _fix_of(state, facts))
    refused.names = tuple(_names(facts))
    return refused


def _words(facts: Mapping[str, str]) -> list[str]:
    state, file, message = facts.get("C", ""), facts.get("F", ""), facts.get("M", "")
    if not message or not state.startswith(TELLING):
        return []
    own = file in NAMING or (file in PARSING and "P" in facts)
    # A pooler has no source files and sees no rows: its messages are about connecting.
    of_pooler = "F" not in facts and "R" not in facts and state.startswith(("08", "28", "3D", "53"))
    return [message] if (own or of_pooler) and "W" not in facts else []


def _names(facts: Mapping[str, str]) -> list[str]:
    if facts.get("F") not in CONSTRAINING or "W" in facts:
        return []
    return [facts[field] for field in ("t", "c", "n") if field in facts]


# What to change, by the longest SQLSTATE prefix that matches.
FIXES: Mapping[str, str] = {
    "28": "correct the login in its secret (deploy.sh --put-secrets)",
    "28000": "let this login in from here (the server's pg_hba.conf; where that says hostssl, DATABASE_PLAINTEXT=no),"
    " or correct it in its secret (deploy.sh --put-secrets)",
    "3D": "the secret's dbname is not a database of this server",
    "42501": "grant this login the privilege that it lacks",
    "22P05": "a text has a character that the database's encoding lacks: use a database made with ENCODING 'UTF8'",
}
HIDDEN = "exempt this login from the policy (ALTER ROLE … BYPASSRLS), or the table from having one"
UNCONVERTED = "0A000"
OTHERWISE = "compare the database with what deploy.sh expects of it"


def _fix_of(state: str, facts: Mapping[str, str]) -> str:
    if facts.get("F") == "rls.c":
        return HIDDEN
    fits = [code for code in FIXES if state.startswith(code)]
    return FIXES[max(fits, key=len)] if fits else OTHERWISE


# ---- the network, TLS and the library


def _from_network(database: str, doing: str, error: BaseException) -> ServiceRefused | ServiceUnavailable:
    cause = type(error).__name__
    match error:
        case ssl.SSLCertVerificationError():
            return _refused(database, doing, _of_certificate(error), cause, _fix_of_certificate(error))
        case NoTls():
            fix = "switch TLS on at the server (ssl = on)"
            return _refused(database, doing, "the server offers no TLS", cause, fix)
        case NotPostgreSQL():
            fix = "the secret's host and port must be those of a PostgreSQL server"
            return _refused(database, doing, "what answers there is not PostgreSQL", cause, fix)
        case ssl.SSLError() if error.reason in _TLS_MISMATCH:
            fix = "the server must speak TLS 1.2 or later (ssl_min_protocol_version, ssl_ciphers)"
            return _refused(database, doing, f"{cause} {error.reason}", cause, fix)
        case ssl.SSLError() if error.reason in _NOT_TLS:
            fix = "find out what answers instead of the server: a proxy, a load balancer, an attacker"
            return _refused(database, doing, f"{cause} {error.reason}: what came is not TLS", cause, fix)
        case NoHostName():
            fix = "correct host in the secret (deploy.sh --put-secrets)"
            return _refused(database, doing, "that is not a valid host name", cause, fix)
        case socket.gaierror() if error.errno != socket.EAI_AGAIN:
            fix = "correct host in the secret (deploy.sh --put-secrets)"
            return _refused(database, doing, "no host has that name", cause, fix)
        case ScramException():
            fix = "set the login's password again at the server (ALTER ROLE … PASSWORD) and in its secret"
            return _refused(database, doing, "the server's part of the SCRAM login is wrong", cause, fix)
        case UnicodeError():
            fix = "its encoding is not what it says: use a database made with ENCODING 'UTF8'"
            return _refused(database, doing, "the server sent text that is not UTF-8", cause, fix)
        case _:
            return _unavailable(database, doing, cause, cause)


_NO_ROUTE = (
    "if it stays so, check host and port in the secret, SUBNET_IDS and SECURITY_GROUP_IDS, and that the database's own"
    " security group lets those in"
)
# What passes by itself, as a rule.
HINTS: Mapping[str, str] = {
    "ConnectionRefusedError": "nobody listens there; if it stays so, check host and port in the secret, and the server",
    "ConnectionResetError": "the server hung up; if it stays so, look into its log",
    "TimeoutError": f"no answer; {_NO_ROUTE}",
    "OSError": _NO_ROUTE,
    "gaierror": "the name server did not answer",
}
_TLS_MISMATCH = (
    "UNSUPPORTED_PROTOCOL",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "NO_SHARED_CIPHER",
)
# Unencrypted bytes after the server has agreed to TLS. OpenSSL's reason depends on what they look like.
_NOT_TLS = (
    "WRONG_VERSION_NUMBER",
    "PACKET_LENGTH_TOO_LONG",
    "HTTP_REQUEST",
    "HTTPS_PROXY_REQUEST",
    "BAD_RECORD_TYPE",
    "UNEXPECTED_MESSAGE",
    "UNEXPECTED_RECORD",
    "RECORD_LAYER_FAILURE",
)


# OpenSSL's numbers (X509_V_ERR_…), unchanged for twenty years.
_NOT_YET_VALID, _EXPIRED = (9, 13), (10, 14)
_OTHER_NAME, _OTHER_ADDRESS = 62, 64
_UNKNOWN_AUTHORITY = (2, 18, 19, 20, 21, 27)


def _of_certificate(error: ssl.SSLCertVerificationError) -> str:
    return f"{type(error).__name__}: {error.verify_message.rstrip('.')}"


def _fix_of_certificate(error: ssl.SSLCertVerificationError) -> str:
    code = error.verify_code
    if code in _UNKNOWN_AUTHORITY:
        return "DATABASE_CA must name the PEM file of the authority that signed the server's certificate (deploy.sh)"
    if code in (_OTHER_NAME, _OTHER_ADDRESS):
        return (
            "host in the secret must be the name that is in the server's certificate, as subjectAltName; its CN does"
            " not count (deploy.sh --put-secrets)"
        )
    if code in _EXPIRED:
        return "the server's certificate, or its authority's, has expired: install a new one there"
    if code in _NOT_YET_VALID:
        return "the server's certificate is not valid yet: install another one there, or correct the clock"
    return "install a certificate at the server that can be verified"


def _refused(database: str, doing: str, text: str, cause: str, fix: str) -> ServiceRefused:
    error = ServiceRefused(database, doing, text, fix)
    error.cause = cause
    return error


def _unavailable(database: str, doing: str, text: str, cause: str) -> ServiceUnavailable:
    error = ServiceUnavailable(database, doing, text)
    error.cause = cause
    return error
