"""The part of the server nodes talk to; `instance` is set by whoever starts one."""


class PromptServer:
    instance: "PromptServer"

    def __init__(self, loop) -> None:
        self.client_id = None

    def send_progress_text(self, text, node_id, sid=None) -> None:
        pass

    def send_sync(self, event, data, sid=None) -> None:
        pass
