"""How far each node is."""


class ProgressRegistry:
    def __init__(self, prompt_id, dynprompt) -> None:
        self.prompt_id = prompt_id

    def update_progress(self, node_id, value, max_value, image=None) -> None:
        pass


_registry = ProgressRegistry("", None)


def reset_progress_state(prompt_id, dynprompt) -> None:
    global _registry
    _registry = ProgressRegistry(prompt_id, dynprompt)


def get_progress_state() -> ProgressRegistry:
    return _registry
