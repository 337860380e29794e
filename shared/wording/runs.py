"""What a run waits for on its way into the warehouse."""

# By the state of a warehouse table in a run: shared/status/runs.py.
WAITING = {
    "waits_for_manifest": "waits for its manifest",
    "waits_for_loader": "waits for the loader",
}
