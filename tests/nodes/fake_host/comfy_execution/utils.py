"""Which node runs."""

import contextvars
from typing import NamedTuple


class ExecutionContext(NamedTuple):
    prompt_id: str
    node_id: str
    list_index: int | None


_running: contextvars.ContextVar[ExecutionContext | None] = contextvars.ContextVar("running", default=None)


def get_executing_context() -> ExecutionContext | None:
    return _running.get(None)


class CurrentNodeContext:
    def __init__(self, prompt_id, node_id, list_index=None) -> None:
        self.context = ExecutionContext(prompt_id, node_id, list_index)

    def __enter__(self) -> None:
        self._token = _running.set(self.context)

    def __exit__(self, exc_type, exc_val, exc_tb) -> None:
        _running.reset(self._token)
