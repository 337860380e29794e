"""The CloudWatch dashboard of a stack, as the document that CloudWatch keeps."""

from collections.abc import Iterator, Sequence
from typing import Any

from ops.stack.alarms import CHECK_S, LAMBDA
from shared.alerts import metrics
from shared.names import Names

# CloudWatch's grid is 24 wide: two graphs in a row.
WIDTH, HEIGHT = 12, 6
# An account has three dashboards of up to 50 metrics free of charge; a larger one costs 3 USD a month.
MAX_METRICS = 50
OUR_GRAPHS = {
    "Freshness of the stalest table, in seconds": (metrics.FRESHNESS,),
    "Incidents, tables behind and held": (metrics.OPEN_INCIDENTS, metrics.TABLES_BEHIND, metrics.TABLES_HELD),
    "Dead letters": (metrics.DEAD_LETTERS,),
    "Rows waiting, rows quarantined": (metrics.ROWS_WAITING, metrics.ROWS_QUARANTINED),
    "Age of the oldest run that a table has not loaded, in seconds": (metrics.OLDEST_MESSAGE,),
}
FUNCTION_METRICS = {"Errors": "Sum", "Duration": "Maximum"}
AGE = "ApproximateAgeOfOldestMessage"

# Title, statistic, and the metrics in the form that CloudWatch takes.
Graph = tuple[str, str, list[list[Any]]]


def dashboard(
    names: Names, functions: Sequence[str], transforms: Sequence[str], queues: Sequence[str]
) -> dict[str, Any]:
    """Return the dashboard's document. `functions` names the functions that every stack has, `transforms` and `queues`
    those of the warehouse tables."""
    graphs = [
        *_ours(names),
        *(_function_graph(metric, functions, "function") for metric in FUNCTION_METRICS),
        # Graphs of the tables come last and are left out first: our own metrics show the worst table.
        _function_graph("Errors", transforms, "transform"),
        _age_graph(queues),
    ]
    return {"widgets": [_widget(names.region, place, *graph) for place, graph in enumerate(_free(graphs))]}


def _free(graphs: Sequence[Graph]) -> Iterator[Graph]:
    """Yield the graphs that fit into the free metrics; a graph that does not fit is left out as a whole."""
    shown = 0
    for graph in graphs:
        if shown + len(graph[2]) <= MAX_METRICS:
            shown += len(graph[2])
            yield graph


def _ours(names: Names) -> Iterator[Graph]:
    for title, shown in OUR_GRAPHS.items():
        yield title, "Maximum", [[names.prefix, metric.name, {"label": metric.meaning}] for metric in shown]


def _function_graph(metric: str, functions: Sequence[str], noun: str) -> Graph:
    lines = [[LAMBDA, metric, "FunctionName", function] for function in functions]
    return f"{metric} by {noun}", FUNCTION_METRICS[metric], lines


def _age_graph(queues: Sequence[str]) -> Graph:
    lines = [["AWS/SQS", AGE, "QueueName", queue] for queue in queues]
    return "Age of each queue's oldest message, in seconds", "Maximum", lines


def _widget(region: str, place: int, title: str, statistic: str, lines: list[list[Any]]) -> dict[str, Any]:
    row, column = divmod(place, 2)
    shape = {"x": column * WIDTH, "y": row * HEIGHT, "width": WIDTH, "height": HEIGHT}
    graph = {"title": title, "metrics": lines, "stat": statistic, "period": CHECK_S}
    return {"type": "metric", **shape, "properties": {**graph, "region": region, "view": "timeSeries"}}
