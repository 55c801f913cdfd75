"""The part of the server nodes talk to; `instance` is set by whoever starts one."""

from types import SimpleNamespace

nodes = SimpleNamespace(EXTENSION_WEB_DIRS={})  # the host's module of that name: folder of a pack -> its web files


class PromptServer:
    instance: "PromptServer"

    def __init__(self, loop) -> None:
        self.client_id = None

    def send_progress_text(self, text, node_id, sid=None) -> None:
        pass

    def send_sync(self, event, data, sid=None) -> None:
        pass
