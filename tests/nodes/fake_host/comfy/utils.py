"""The progress bar and the reader of weight files."""

from safetensors.torch import load_file

PROGRESS_BAR_HOOK = None


def set_progress_bar_global_hook(function) -> None:
    global PROGRESS_BAR_HOOK
    PROGRESS_BAR_HOOK = function


def load_torch_file(ckpt, safe_load=False, device=None, return_metadata=False):
    return load_file(ckpt)


class ProgressBar:
    def __init__(self, total, node_id=None) -> None:
        self.total = total
        self.current = 0
        self.node_id = node_id

    def update_absolute(self, value, total=None, preview=None) -> None:
        self.total = total or self.total
        self.current = min(value, self.total)
        if PROGRESS_BAR_HOOK is not None:
            PROGRESS_BAR_HOOK(self.current, self.total, preview, node_id=self.node_id)

    def update(self, value) -> None:
        self.update_absolute(self.current + value)
