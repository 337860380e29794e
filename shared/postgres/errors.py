"""Errors of a database as ours: transient or permanent, with what to change, and without a row's values.

A server's words are copied only where they can be nothing but its own. A trigger, a function, a policy or a default
may raise any SQLSTATE, with any text and with any table, column and constraint for names. So the words count only when
the server says that its own code raised them (the field F, a file of PostgreSQL's), where that file's messages are
made of names, and while no function was being run (the field W is empty). Of all else the SQLSTATE is told alone.
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
# Of these classes a message is made of names: connecting, undefined or forbidden objects.
TELLING = ("08", "28", "3D", "3F", "42", "53", "55", "57")
# PostgreSQL's files whose messages of those classes are constant, or name what was connected to, or an object that is
# there. Not among them is what reads a name out of a text when a statement runs (regproc.c, namespace.c, parse_type.c
# for regclass): the text may be a row's.
NAMING = frozenset(
    {
        *("auth.c", "crypt.c", "hba.c", "miscinit.c", "postinit.c", "postmaster.c", "backend_startup.c", "proc.c"),
        *("postgres.c", "utility.c", "xlogfuncs.c", "md.c", "fd.c", "aclchk.c", "rls.c", "tablecmds.c", "heap.c"),
    }
)
# They name what is in a statement's text where they say at which place of the text (P): that text is ours.
PARSING = frozenset(
    {
        *("scan.l", "gram.y", "analyze.c", "parse_agg.c", "parse_clause.c", "parse_coerce.c", "parse_expr.c"),
        *("parse_func.c", "parse_oper.c", "parse_relation.c", "parse_target.c", "parse_type.c", "parse_utilcmd.c"),
        *("parse_node.c", "parse_cte.c", "parse_collate.c", "parse_param.c", "parse_merge.c", "namespace.c"),
    }
)
# They fill the fields t, c and n with the catalogue's names of a table, a column and a constraint.
CONSTRAINING = frozenset(
    {"execMain.c", "nbtinsert.c", "ri_triggers.c", "execIndexing.c", "execPartition.c", "domains.c", "tablecmds.c"}
)


class NoHostName(Exception):
    """A host's name is written as none can be."""


class NotPostgreSQL(Exception):
    """What answers is no PostgreSQL."""


class NoTls(Exception):
    """The server answered that it has no TLS."""


def translated(database: str, doing: str, error: Exception) -> ServiceRefused | ServiceUnavailable:
    """Return the library's, the network's or the server's error as ours."""
    if isinstance(error, DatabaseError) and isinstance(error.args[0], dict):
        return _from_server(database, doing, error.args[0])
    # pg8000 wraps what the network said.
    return _from_network(database, doing, error.__cause__ or error)


def not_connected(database: str, doing: str, error: Exception) -> ServiceRefused | ServiceUnavailable:
    """Return `translated`, with what to look at where a connection is not made."""
    found = translated(database, doing, error)
    if found.cause == UNCONVERTED:
        fix = "it does not convert the database's encoding to UTF-8: use a database made with ENCODING 'UTF8'"
        return _refused(database, doing, f"SQLSTATE {found.cause}", found.cause, fix)
    hint = HINTS.get(found.cause) if isinstance(found, ServiceUnavailable) else None
    return _unavailable(database, doing, f"{found.cause}: {hint}", found.cause) if hint else found


def _from_server(database: str, doing: str, facts: Mapping[str, str]) -> ServiceRefused | ServiceUnavailable:
    state = str(facts.get("C", "XX000"))
    said = " ".join([f"SQLSTATE {state}", *_names(facts), *_words(facts)])
    if state.startswith(TRANSIENT):
        return _unavailable(database, doing, said, state)
    refused = _refused(database, doing, said, state, _fix_of(state, facts))
    refused.names = tuple(_names(facts))
    return refused


def _words(facts: Mapping[str, str]) -> list[str]:
    state, file, message = facts.get("C", ""), facts.get("F", ""), facts.get("M", "")
    if not message or not state.startswith(TELLING):
        return []
    own = file in NAMING or (file in PARSING and "P" in facts)
    # A pooler has no files and sees no rows: its words are of connecting.
    of_pooler = "F" not in facts and "R" not in facts and state.startswith(("08", "28", "3D", "53"))
    return [message] if (own or of_pooler) and "W" not in facts else []


def _names(facts: Mapping[str, str]) -> list[str]:
    if facts.get("F") not in CONSTRAINING or "W" in facts:
        return []
    return [facts[field] for field in ("t", "c", "n") if field in facts]


# By SQLSTATE, the longest that fits: what to change.
FIXES: Mapping[str, str] = {
    "28": "mend the login in its secret (deploy.sh --put-secrets)",
    "28000": "let this login in from here (the server's pg_hba.conf; where that says hostssl, DATABASE_PLAINTEXT=no),"
    " or mend it in its secret (deploy.sh --put-secrets)",
    "3D": "the secret's dbname is not a database of this server",
    "42501": "grant this login the right it lacks",
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
            return _refused(database, doing, "what answers there is no PostgreSQL", cause, fix)
        case ssl.SSLError() if error.reason in _TLS_MISMATCH:
            fix = "the server must speak TLS 1.2 or later (ssl_min_protocol_version, ssl_ciphers)"
            return _refused(database, doing, f"{cause} {error.reason}", cause, fix)
        case ssl.SSLError() if error.reason in _NOT_TLS:
            fix = "look for what else answers in the server's place: a proxy, a load balancer, an attacker"
            return _refused(database, doing, f"{cause} {error.reason}: what came is not TLS", cause, fix)
        case NoHostName():
            fix = "mend host in the secret (deploy.sh --put-secrets)"
            return _refused(database, doing, "that is no host's name", cause, fix)
        case socket.gaierror() if error.errno != socket.EAI_AGAIN:
            fix = "mend host in the secret (deploy.sh --put-secrets)"
            return _refused(database, doing, "no host has that name", cause, fix)
        case ScramException():
            fix = "set the login's password anew at the server (ALTER ROLE … PASSWORD) and in its secret"
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
# Bytes in the clear after the server has agreed to TLS. OpenSSL's word depends on what they look like.
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


# OpenSSL's numbers (X509_V_ERR_…), the same for twenty years.
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
        return "the server's certificate, or its authority's, has expired: put a new one in place there"
    if code in _NOT_YET_VALID:
        return "the server's certificate is not valid yet: put another in place there, or mend the clock"
    return "put a certificate in place at the server that can be trusted"


def _refused(database: str, doing: str, said: str, cause: str, fix: str) -> ServiceRefused:
    error = ServiceRefused(database, doing, said, fix)
    error.cause = cause
    return error


def _unavailable(database: str, doing: str, said: str, cause: str) -> ServiceUnavailable:
    error = ServiceUnavailable(database, doing, said)
    error.cause = cause
    return error
