"""S3: the buckets, and the bell."""

import json
from collections.abc import Iterator
from typing import Any

from ops.stack.actual.base import Answers, Line, Thing, judged, normal, only, without

# What S3 takes where a document says nothing of it.
DEFAULT_SIZE = "all_storage_classes_128K"


class BucketDifferences(Answers):
    def bells(self) -> Iterator[Line]:
        """The whole document is put, so what others have written there is written again; and its file with it."""
        for name, want in self.want("bells").items():
            have = self.each("bells").get(name, {})
            yield from self._bell(name, want, {k: v for k, v in have.items() if k != "ResponseMetadata"})

    def _bell(self, bucket: str, want: Thing, have: Thing) -> Iterator[Line]:
        """Ours is known by its Id, also where it once was: S3 rang the loader itself."""
        document = {key: _not_ours(value) if isinstance(value, list) else value for key, value in have.items()}
        for key, ours in want.items():
            document[key] = document.get(key, []) + ours
        document = {key: value for key, value in document.items() if value != []}
        if _normal_bells(document) == _normal_bells(have):
            yield "ok", bucket, ""
            return
        request = {"Bucket": bucket, "NotificationConfiguration": document}
        (self.folder / "bells" / f"{bucket}.json").write_text(json.dumps(request))
        yield "update", bucket, ",".join(want)

    def lifecycles(self) -> Iterator[Line]:
        """The whole document is put, as with bells. A rule that is not ours stays, and is shown: it may delete data."""
        for bucket, want in self.want("lifecycles").items():
            have = self.each("lifecycles").get(bucket, {})
            theirs = [_by_filter(rule) for rule in have.get("Rules", ()) if not _is_our_rule(rule, want)]
            yield from (("stays", bucket, _said_of(rule)) for rule in theirs)
            document = {"Rules": [*theirs, *want["Rules"]]}
            if normal(document["Rules"]) == normal([_by_filter(rule) for rule in have.get("Rules", ())]):
                yield "ok", bucket, ""
                continue
            request = {"Bucket": bucket, "LifecycleConfiguration": document}
            if (size := have.get("TransitionDefaultMinimumObjectSize", DEFAULT_SIZE)) != DEFAULT_SIZE:
                request["TransitionDefaultMinimumObjectSize"] = size
            (self.folder / "lifecycles" / f"{bucket}.json").write_text(json.dumps(request))
            is_there = len(theirs) < len(have.get("Rules", ()))
            yield "update" if is_there else "create", bucket, ""

    def buckets(self) -> Iterator[Line]:
        have = {bucket["Name"]: {"Bucket": bucket["Name"]} for bucket in self.have("buckets").get("Buckets", [])}
        return judged(only(self.want("buckets"), "Bucket"), have)

    def bucket_parts(self) -> Iterator[Line]:
        want = {
            name: {key: value for key, value in part.items() if key != "Bucket"}
            for name, part in self.want("bucket_parts").items()
        }
        have = {name: _as_put(thing) for name, thing in self.each("bucket_parts").items()}
        for name in want:
            if name in have and (theirs := _other_tags(want[name], have[name])):
                want[name] = {"Tagging": {"TagSet": want[name]["Tagging"]["TagSet"] + theirs}}
                request = {"Bucket": name.partition(".")[0]} | want[name]
                (self.folder / "bucket_parts" / f"{name}.json").write_text(json.dumps(request))
        return judged(want, have)


def _other_tags(want: Thing, have: Thing) -> list[Thing]:
    """All of a bucket's tags are put at once, so those of others are put again."""
    ours = {tag["Key"] for tag in want.get("Tagging", {}).get("TagSet", [])}
    return [tag for tag in have.get("Tagging", {}).get("TagSet", []) if tag["Key"] not in ours]


def _is_our_rule(rule: Thing, want: Thing) -> bool:
    """By its Id, also one that we no longer want."""
    prefix = want["Rules"][0]["ID"].rpartition("-")[0]
    return str(rule.get("ID", "")).startswith(f"{prefix}-")


def _by_filter(rule: Thing) -> Thing:
    """S3 refuses a document in which some rules say their prefix in the former way, and some in today's."""
    return {"Filter": {"Prefix": rule["Prefix"]}} | without(rule, "Prefix") if "Prefix" in rule else rule


def _said_of(rule: Thing) -> str:
    expires = rule.get("Expiration", {})
    deletes = rule.get("Status") == "Enabled" and ("Days" in expires or "Date" in expires)
    return f"rule {rule.get('ID') or 'without a name'} is not ours" + (
        ", and deletes what is in use" if deletes else ""
    )


def _as_put(answer: Thing) -> Thing:
    """S3 answers some parts in other words than it is told them."""
    if "TagSet" in answer:
        return {"Tagging": {"TagSet": answer["TagSet"]}}
    if "Status" in answer:
        return {"VersioningConfiguration": {"Status": answer["Status"]}}
    encryption = "ServerSideEncryptionConfiguration"
    default = "ApplyServerSideEncryptionByDefault"
    if encryption in answer:
        return {encryption: {"Rules": [{default: rule.get(default)} for rule in answer[encryption]["Rules"]]}}
    return answer


def _not_ours(configurations: list[Thing]) -> list[Thing]:
    return [each for each in configurations if not each["Id"].endswith("-bell")]


def _normal_bells(document: Thing) -> Any:
    """S3 answers `Prefix` where it was told `prefix`."""
    return normal(json.loads(json.dumps(document).replace('"Prefix"', '"prefix"')))
