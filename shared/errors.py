"""Every error the product raises on purpose.

    TotestreamError
    ├── TransientError        redelivery, or the next tick, will help
    │   ├── ServiceUnavailable    an AWS service, a database or Slack did not answer as it should
    │   └── NotYet                something this work needs is still on its way
    └── PermanentError        a person must look
        ├── MayPass               AWS says it of what is wrong, and for some minutes after a change of what is right
        │   ├── AwsRefused            a missing right or thing, expired credentials; a ServiceRefused, too
        │   └── MissingObject         an object that a record names is not in its bucket
        ├── ServiceRefused        wrong credentials, a missing right, a missing table
        ├── BadSetting            a setting or secret is missing or makes no sense
        ├── BadDeclaration        a warehouse table's module keeps not to the rules
        ├── BadDocument           a message, run record or manifest that cannot be read
        ├── Removed               an object that a record names was deleted by RETENTION_DAYS
        ├── CorruptObject         an object's content is not what its record says
        ├── OtherDeclaration      an object was written under a declaration that today's code cannot follow
        └── Refused               the request is understood and may not be done
            ├── TwoLogs               another run log feeds the same warehouse
            └── LogWentBack           the run log is an earlier state than what was made of it: numbers come twice

Messages are made of facts and, where there is one, end with the way out. None ever holds a
row's values or a secret: pg8000's and botocore's own texts can, so they are never copied.
"""


class TotestreamError(Exception):
    """The base of them all; never raised itself."""


class TransientError(TotestreamError):
    """Trying again later will help; `after_s` is how long the other side wants to be left alone first."""

    after_s = 0.0


class PermanentError(TotestreamError):
    """Trying again will not help: a person must look."""


# S3: for so long after versions were first turned on a GET may answer NoSuchKey. Rights spread in less.
SPREADS_S = 15 * 60


class MayPass(PermanentError):
    """It passes within SPREADS_S, or a person must look: whoever can, waits so long before one is called."""


class ServiceUnavailable(TransientError):
    """`cause` is the service's own code: an SQLSTATE, an AWS error code, or an exception's name."""

    def __init__(self, service: str, doing: str, cause: str, after_s: float = 0.0) -> None:
        self.service, self.cause, self.after_s = service, cause, after_s
        super().__init__(f"{service}: {doing} failed for now ({cause})")


class NotYet(TransientError):
    """What is awaited, said in full by the caller."""


class ServiceRefused(PermanentError):
    """`cause` as in ServiceUnavailable; `told` is the message without its way out, for a caller that knows a better;
    `names` are of what a database refused: table, column, constraint."""

    names: tuple[str, ...] = ()

    def __init__(self, service: str, doing: str, cause: str, fix: str) -> None:
        self.service, self.cause = service, cause
        self.told = f"{service}: {doing} was refused ({cause})"
        super().__init__(f"{self.told}; {fix}")


class AwsRefused(ServiceRefused, MayPass):
    """A policy, a bucket, a queue or a secret that was just made is not known everywhere at once."""


class BadSetting(PermanentError):
    def __init__(self, name: str, problem: str, fix: str) -> None:
        super().__init__(f"{name} {problem}; {fix}")


class BadDeclaration(PermanentError):
    """`name` is the warehouse table's."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name}: {' '.join(problem.split())}; mend shared/warehouse/{name}.py")


class BadDocument(PermanentError):
    def __init__(self, document: str, problem: str, fix: str = "") -> None:
        self.problem = problem
        super().__init__(f"{document} cannot be read: {problem}" + (f"; {fix}" if fix else ""))


class MissingObject(MayPass):
    def __init__(self, bucket: str, key: str) -> None:
        self.bucket, self.key = bucket, key
        super().__init__(f"s3://{bucket}/{key} is not there")


class Removed(PermanentError):
    """The object was loaded and is older than `days`, like everything up to `run`: neither damage nor an incident."""

    def __init__(self, bucket: str, key: str, days: int, run: int) -> None:
        self.bucket, self.key, self.days, self.run = bucket, key, days, run
        super().__init__(f"s3://{bucket}/{key} was removed after {days} days (RETENTION_DAYS)")


class CorruptObject(PermanentError):
    def __init__(self, name: str, problem: str) -> None:
        super().__init__(f"{name} is corrupt: {problem}")


class OtherDeclaration(PermanentError):
    """`written_under` is the former declaration's fingerprint, and of what it is one."""

    def __init__(self, name: str, problem: str, written_under: str, fix: str) -> None:
        super().__init__(f"{name} was written under {written_under}: {problem}; {fix}")


class Refused(PermanentError):
    """What is refused and why, said in full by the caller."""


class TwoLogs(Refused):
    """Two run logs for one warehouse: only the one that was begun last is loaded."""


class LogWentBack(Refused):
    """Run numbers were given to other runs before: the buckets were put back, or records deleted. Nothing goes on
    until a new log begins."""

    def __init__(self, found: str) -> None:
        super().__init__(
            f"{found}: the run log went back to an earlier state; "
            "restore the newer records in the ingestion bucket, or begin a new log: infra_bash/new_log.sh"
        )
