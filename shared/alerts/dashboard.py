"""The CloudWatch dashboard of a stack, as the document that CloudWatch keeps."""

from collections.abc import Iterator, Sequence
from typing import Any

from shared.alerts import metrics
from shared.alerts.alarms import LAMBDA, LOOK_S
from shared.names import Names

# CloudWatch's grid is 24 wide: two graphs in a row.
WIDTH, HEIGHT = 12, 6
OURS = {
    "Freshness of the stalest table, in seconds": (metrics.FRESHNESS,),
    "Incidents, tables behind and held": (metrics.OPEN_INCIDENTS, metrics.TABLES_BEHIND, metrics.TABLES_HELD),
    "Dead letters": (metrics.DEAD_LETTERS,),
    "Rows that wait, rows that were refused": (metrics.ROWS_WAITING, metrics.ROWS_QUARANTINED),
}
OF_A_FUNCTION = {"Errors": "Sum", "Duration": "Maximum", "Invocations": "Sum"}
AGE = "ApproximateAgeOfOldestMessage"

# Title, statistic, and the lines in CloudWatch's words.
Graph = tuple[str, str, list[list[Any]]]


def dashboard(names: Names, functions: Sequence[str], queues: Sequence[str]) -> dict[str, Any]:
    """`functions` and `queues` are whole names."""
    graphs = [*_ours(names), _ages(names, queues), *_of_functions(functions)]
    return {"widgets": [_widget(names.region, place, *graph) for place, graph in enumerate(graphs)]}


def _ours(names: Names) -> Iterator[Graph]:
    for title, shown in OURS.items():
        yield title, "Maximum", [[names.prefix, metric.name, {"label": metric.meaning}] for metric in shown]


def _ages(names: Names, queues: Sequence[str]) -> Graph:
    oldest = [names.prefix, metrics.OLDEST_MESSAGE.name, {"label": metrics.OLDEST_MESSAGE.meaning}]
    each = [["AWS/SQS", AGE, "QueueName", queue] for queue in queues]
    return "The age of each queue's oldest message, in seconds", "Maximum", [oldest, *each]


def _of_functions(functions: Sequence[str]) -> Iterator[Graph]:
    for metric, statistic in OF_A_FUNCTION.items():
        yield (
            f"{metric} of each function",
            statistic,
            [[LAMBDA, metric, "FunctionName", function] for function in functions],
        )


def _widget(region: str, place: int, title: str, statistic: str, lines: list[list[Any]]) -> dict[str, Any]:
    row, column = divmod(place, 2)
    shape = {"x": column * WIDTH, "y": row * HEIGHT, "width": WIDTH, "height": HEIGHT}
    graph = {"title": title, "metrics": lines, "stat": statistic, "period": LOOK_S}
    return {"type": "metric", **shape, "properties": {**graph, "region": region, "view": "timeSeries"}}
