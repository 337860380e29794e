"""Every error the product raises on purpose.

    TotestreamError
    ├── TransientError        redelivery, or the next tick, will help
    │   ├── ServiceUnavailable    a database or Slack did not answer as it should
    │   │   └── AwsUnavailable        a service of AWS did not
    │   └── NotYet                something that this work needs has not arrived
    └── PermanentError        a person must look
        ├── MayPass               either wrong, or right and changed so recently that not all of AWS knows it yet
        │   ├── AwsRefused            a missing right or resource, expired credentials; also a ServiceRefused
        │   └── MissingObject         an object that a record names is not in its bucket
        ├── ServiceRefused        wrong credentials, a missing right, a missing table
        ├── BadSetting            a setting or secret is missing or makes no sense
        ├── BadDeclaration        a warehouse table's module breaks the rules
        ├── BadDocument           a message, run record or manifest that cannot be read
        ├── Removed               an object that a record names was deleted by RETENTION_DAYS
        ├── CorruptObject         an object's content is not what its record says
        ├── OtherDeclaration      an object was written under a declaration that today's code cannot follow
        └── Refused               the request is understood and may not be done
            ├── TwoLogs               another run log feeds the same warehouse
            └── LogWentBack           the run log is older than what was made from it: numbers would be used twice

Messages are made of facts and, where there is one, end with the fix. None ever holds a row's values or a secret:
pg8000's and botocore's own texts can, so they are never copied. Nothing parses or compares a message: programs read
`code`, which documents, dead letters and log lines hold.
"""

from typing import ClassVar


class TotestreamError(Exception):
    """The base of all errors below; never raised itself.

    `code` is stored in documents and dead letters: it never changes. Lambda reports an error by its class's name, so
    the two are the same (tests/shared/test_errors.py).
    """

    code: ClassVar[str] = "TotestreamError"

    @property
    def detail(self) -> str:
        """Return the message without the service's name, for readers who know which service it is about."""
        return str(self)


class TransientError(TotestreamError):
    """Trying again later will help; `after_s` is how long the other side wants to be left alone first."""

    code = "TransientError"

    after_s = 0.0


class PermanentError(TotestreamError):
    """Trying again will not help: a person must look."""

    code = "PermanentError"


# S3: for so long after versions were first turned on a GET may answer NoSuchKey. Rights spread in less.
SPREADS_S = 15 * 60


class MayPass(PermanentError):
    """An error that passes within SPREADS_S, or needs a person: callers that can wait do so before they report it."""

    code = "MayPass"


class ServiceUnavailable(TransientError):
    """`cause` is the service's own code: an SQLSTATE, an AWS error code, or an exception's name. `fix` says
    what to check where it does not pass."""

    code = "ServiceUnavailable"

    def __init__(self, service: str, doing: str, cause: str, after_s: float = 0.0, fix: str = "") -> None:
        self.service, self.cause, self.after_s = service, cause, after_s
        self._detail = f"{doing} failed for now ({cause})" + (f"; {fix}" if fix else "")
        super().__init__(f"{service}: {self._detail}")

    @property
    def detail(self) -> str:
        return self._detail


class AwsUnavailable(ServiceUnavailable):
    """A service of AWS did not answer as it should."""

    code = "AwsUnavailable"


class NotYet(TransientError):
    """Something that this work needs has not arrived; the caller gives the whole message."""

    code = "NotYet"


class ServiceRefused(PermanentError):
    """`cause` as in ServiceUnavailable; `told` is the message without its fix, for a caller that knows a better one;
    `names` are the table, column and constraint that a database named."""

    code = "ServiceRefused"
    names: tuple[str, ...] = ()

    def __init__(self, service: str, doing: str, cause: str, fix: str) -> None:
        self.service, self.cause = service, cause
        self.told = f"{service}: {doing} was refused ({cause})"
        self._detail = f"{doing} was refused ({cause}); {fix}"
        super().__init__(f"{service}: {self._detail}")

    @property
    def detail(self) -> str:
        return self._detail


class AwsRefused(ServiceRefused, MayPass):
    """AWS refused a call. A policy, bucket, queue or secret that was just created is not known everywhere at once."""

    code = "AwsRefused"


class BadSetting(PermanentError):
    """A setting or secret is missing or makes no sense."""

    code = "BadSetting"

    def __init__(self, name: str, problem: str, fix: str) -> None:
        super().__init__(f"{name} {problem}; {fix}")


class BadDeclaration(PermanentError):
    """`name` is the warehouse table's."""

    code = "BadDeclaration"

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {' '.join(problem.split())}; correct shared/warehouse/{name}.py")


class BadDocument(PermanentError):
    """A message, run record or manifest cannot be read."""

    code = "BadDocument"

    def __init__(self, document: str, problem: str, fix: str = "") -> None:
        self.problem = problem
        super().__init__(f"{document} cannot be read: {problem}" + (f"; {fix}" if fix else ""))


class MissingObject(MayPass):
    """An object that a record names is not in its bucket."""

    code = "MissingObject"

    def __init__(self, bucket: str, key: str) -> None:
        self.bucket, self.key = bucket, key
        super().__init__(f"s3://{bucket}/{key} is not there")


class Removed(PermanentError):
    """RETENTION_DAYS removed the object: it was loaded and older than `days`, like all objects of the runs up to `run`.
    Neither damage nor an incident."""

    code = "Removed"

    def __init__(self, bucket: str, key: str, days: int, run: int) -> None:
        self.bucket, self.key, self.days, self.run = bucket, key, days, run
        super().__init__(f"s3://{bucket}/{key} was removed after {days} days (RETENTION_DAYS)")


class CorruptObject(PermanentError):
    """An object exists and is not what its record says."""

    code = "CorruptObject"

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} is corrupt: {problem}")


class OtherDeclaration(PermanentError):
    """`written_under` names the previous declaration and its fingerprint."""

    code = "OtherDeclaration"

    def __init__(self, name: str, problem: str, written_under: str, fix: str) -> None:
        super().__init__(f"{name} was written under {written_under}: {problem}; {fix}")


class Refused(PermanentError):
    """A request is understood and may not be done; the caller gives the whole message."""

    code = "Refused"


class TwoLogs(Refused):
    """Two run logs feed one warehouse: only the one that began last is loaded."""

    code = "TwoLogs"


class LogWentBack(Refused):
    """Run numbers were given to other runs before: the buckets were restored, or records deleted. Nothing continues
    until a new log begins."""

    code = "LogWentBack"

    def __init__(self, found: str) -> None:
        super().__init__(
            f"{found}: the run log went back to an earlier state; "
            "restore the newer records in the ingestion bucket, or begin a new log: infra_bash/new_log.sh"
        )


def error_code(error: BaseException) -> str:
    """Return the stored code of one of our errors, or the class's name of another, which is then a bug."""
    return error.code if isinstance(error, TotestreamError) else type(error).__name__
