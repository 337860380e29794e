"""The kinds of resources, in the one order that deploy.sh and teardown.sh follow.

For each kind of a phase deploy.sh calls the bash function ensure_NAME; teardown.sh deletes in reverse order, data last.
A new kind needs its class, its entry here, and its bash function in infra_bash/aws/.
"""

from collections.abc import Callable
from itertools import chain

from ops.stack.resources.alerts import Alarms, AlertSubscriptions, BudgetNotifications, Budgets, Dashboards
from ops.stack.resources.base import ComparedKind, DesiredStack, Requests, ResourceKind
from ops.stack.resources.functions import FunctionCodes, FunctionConfigurations, FunctionResources, Layers
from ops.stack.resources.github import Boundaries, GitHubPolicies, GitHubRoles, Providers
from ops.stack.resources.iam import (
    AttachedPolicies,
    LogGroups,
    LogRetentions,
    RoleBoundaries,
    RolePolicies,
    Roles,
    Secrets,
)
from ops.stack.resources.invocations import InvokeConfigs, Mappings, Permissions, Rules, RuleTargets
from ops.stack.resources.queues import DeadLetterQueues, Queues, Subscriptions, Topics
from ops.stack.resources.s3 import BucketNotifications, BucketParts, Buckets, Lifecycles

# deploy.sh runs phases in parallel where none needs the other. Roles come first so that teardown.sh deletes them last:
# after an interrupted teardown a role still names its function.
PHASES: dict[str, tuple[type[ResourceKind], ...]] = {
    "roles": (Roles, RoleBoundaries, RolePolicies, AttachedPolicies, LogGroups, LogRetentions),
    # Subscriptions come before the functions know a new table: a message that no queue receives is republished only
    # after REASK_AFTER_S.
    "stores": (Buckets, BucketParts, Lifecycles, Topics, DeadLetterQueues, Queues, Subscriptions),
    # There is no bash function ensure_layers: the step `upload` of a deploy publishes them.
    "layers": (Layers,),
    "functions": (FunctionCodes, FunctionConfigurations, FunctionResources, Mappings, InvokeConfigs, Permissions),
    "secrets": (Secrets,),
    "load_trigger": (BucketNotifications,),
    "alerts": (AlertSubscriptions, Alarms, Dashboards, Budgets, BudgetNotifications),
    # Last, because the schedules start the pipeline; deleted first, so that nothing is invoked any more.
    "schedules": (Rules, RuleTargets),
}
KINDS: dict[str, type[ResourceKind]] = {kind.name: kind for kind in chain.from_iterable(PHASES.values())}
# The method that makes the requests of each folder: to create a kind's resources, or to change them.
REQUESTS: dict[str, Callable[[DesiredStack], Requests]] = {
    **{kind.name: kind.desired for kind in KINDS.values() if kind.desired is not ResourceKind.desired},
    **{kind.changes_name: kind.changes for kind in KINDS.values() if kind.changes_name},
}
# The kinds whose requests contain the packages' names.
NEED_PACKAGES = (FunctionCodes, FunctionConfigurations, FunctionResources)
# The kinds that github.sh creates.
GITHUB_KINDS = (Providers, Boundaries, GitHubRoles, GitHubPolicies)
COMPARED: dict[str, type[ComparedKind]] = {**KINDS, **{kind.name: kind for kind in GITHUB_KINDS}}
