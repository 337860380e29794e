"""The kinds of resources, in the one order that deploy.sh and teardown.sh follow.

deploy.sh calls infra_bash's ensure_NAME for each kind of a phase; teardown.sh deletes in the reverse of this order,
data last. To add a kind: its class, its place here, and its bash function in infra_bash/aws/.
"""

from collections.abc import Callable
from itertools import chain

from ops.stack.resources.alerts import Alarms, AlertSubscriptions, BudgetNotifications, Budgets, Dashboards
from ops.stack.resources.base import ComparedKind, DesiredStack, Requests, ResourceKind
from ops.stack.resources.functions import (
    FunctionCodes,
    FunctionConfigurations,
    FunctionResources,
    InvokeConfigs,
    Layers,
    Mappings,
    Permissions,
    Rules,
    RuleTargets,
)
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
from ops.stack.resources.queues import DeadLetterQueues, Queues, Subscriptions, Topics
from ops.stack.resources.s3 import BucketNotifications, BucketParts, Buckets, Lifecycles

# deploy.sh takes phases that do not need each other at the same time. Roles come first so that teardown.sh deletes
# them last: a role still names its function when a teardown has been stopped.
PHASES: dict[str, tuple[type[ResourceKind], ...]] = {
    "roles": (Roles, RoleBoundaries, RolePolicies, AttachedPolicies, LogGroups, LogRetentions),
    # Subscriptions come before any function knows a new table: a message that no queue receives is only published
    # again after a while.
    "stores": (Buckets, BucketParts, Lifecycles, Topics, DeadLetterQueues, Queues, Subscriptions),
    # Layers have no function ensure_layers: the packages' step publishes them.
    "layers": (Layers,),
    "functions": (FunctionCodes, FunctionConfigurations, FunctionResources, Mappings, InvokeConfigs, Permissions),
    "secrets": (Secrets,),
    "load_trigger": (BucketNotifications,),
    "alerts": (AlertSubscriptions, Alarms, Dashboards, Budgets, BudgetNotifications),
    # Last, since from here on the stack works by itself; deleted first, so that nothing is invoked any more.
    "schedules": (Rules, RuleTargets),
}
KINDS: dict[str, type[ResourceKind]] = {kind.name: kind for kind in chain.from_iterable(PHASES.values())}
# How the requests of each folder are made: to create a kind's resources, or to change them.
REQUESTS: dict[str, Callable[[DesiredStack], Requests]] = {
    **{kind.name: kind.desired for kind in KINDS.values() if kind.desired is not ResourceKind.desired},
    **{kind.changes_name: kind.changes for kind in KINDS.values() if kind.changes_name},
}
# The requests of these need the packages' names.
NEED_PACKAGES = (FunctionCodes, FunctionConfigurations, FunctionResources)
# What github.sh makes.
GITHUB_KINDS = (Providers, Boundaries, GitHubRoles, GitHubPolicies)
COMPARED: dict[str, type[ComparedKind]] = {**KINDS, **{kind.name: kind for kind in GITHUB_KINDS}}
