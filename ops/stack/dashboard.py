"""The CloudWatch dashboard of a stack, as the document that CloudWatch keeps."""

from collections.abc import Iterator, Sequence
from typing import Any

from ops.stack.alarms import LAMBDA, LOOK_S
from shared.alerts import metrics
from shared.names import Names

# CloudWatch's grid is 24 wide: two graphs in a row.
WIDTH, HEIGHT = 12, 6
# Three dashboards an account of so many metrics each cost nothing; one of more costs 3 USD a month.
MOST_METRICS = 50
OURS = {
    "Freshness of the stalest table, in seconds": (metrics.FRESHNESS,),
    "Incidents, tables behind and held": (metrics.OPEN_INCIDENTS, metrics.TABLES_BEHIND, metrics.TABLES_HELD),
    "Dead letters": (metrics.DEAD_LETTERS,),
    "Rows that wait, rows that were refused": (metrics.ROWS_WAITING, metrics.ROWS_QUARANTINED),
    "The age of the oldest run that a table lacks, in seconds": (metrics.OLDEST_MESSAGE,),
}
OF_A_FUNCTION = {"Errors": "Sum", "Duration": "Maximum"}
AGE = "ApproximateAgeOfOldestMessage"

# Title, statistic, and the lines in CloudWatch's words.
Graph = tuple[str, str, list[list[Any]]]


def dashboard(
    names: Names, functions: Sequence[str], transforms: Sequence[str], queues: Sequence[str]
) -> dict[str, Any]:
    """All three are whole names; `functions` are those that every stack has, `transforms` and `queues` the tables'."""
    graphs = [
        *_ours(names),
        *(_of_functions(metric, functions, "function") for metric in OF_A_FUNCTION),
        # Of many tables what is said of each goes first: our own metrics tell of the worst.
        _of_functions("Errors", transforms, "transform"),
        _ages(queues),
    ]
    return {"widgets": [_widget(names.region, place, *graph) for place, graph in enumerate(_free(graphs))]}


def _free(graphs: Sequence[Graph]) -> Iterator[Graph]:
    """Those that cost nothing: of one that would go beyond nothing is shown."""
    shown = 0
    for graph in graphs:
        if shown + len(graph[2]) <= MOST_METRICS:
            shown += len(graph[2])
            yield graph


def _ours(names: Names) -> Iterator[Graph]:
    for title, shown in OURS.items():
        yield title, "Maximum", [[names.prefix, metric.name, {"label": metric.meaning}] for metric in shown]


def _of_functions(metric: str, functions: Sequence[str], noun: str) -> Graph:
    lines = [[LAMBDA, metric, "FunctionName", function] for function in functions]
    return f"{metric} of each {noun}", OF_A_FUNCTION[metric], lines


def _ages(queues: Sequence[str]) -> Graph:
    lines = [["AWS/SQS", AGE, "QueueName", queue] for queue in queues]
    return "The age of each queue's oldest message, in seconds", "Maximum", lines


def _widget(region: str, place: int, title: str, statistic: str, lines: list[list[Any]]) -> dict[str, Any]:
    row, column = divmod(place, 2)
    shape = {"x": column * WIDTH, "y": row * HEIGHT, "width": WIDTH, "height": HEIGHT}
    graph = {"title": title, "metrics": lines, "stat": statistic, "period": LOOK_S}
    return {"type": "metric", **shape, "properties": {**graph, "region": region, "view": "timeSeries"}}
