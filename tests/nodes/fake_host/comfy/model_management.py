"""Devices, memory and the interrupt flag of a host without a graphics card."""

from weakref import WeakSet

import torch

OOM_EXCEPTION = torch.OutOfMemoryError
current_loaded_models: WeakSet = WeakSet()  # the host holds its models weakly, too
_interrupted = False


class InterruptProcessingException(BaseException):
    """Not an Exception: `except Exception` must let it through."""


def interrupt_current_processing(value=True) -> None:
    global _interrupted
    _interrupted = value


def processing_interrupted() -> bool:
    return _interrupted


def throw_exception_if_processing_interrupted() -> None:
    if _interrupted:
        interrupt_current_processing(False)
        raise InterruptProcessingException


def get_torch_device() -> torch.device:
    return torch.device("cpu")


def unet_offload_device() -> torch.device:
    return torch.device("cpu")


def text_encoder_device() -> torch.device:
    return torch.device("cpu")


def text_encoder_offload_device() -> torch.device:
    return torch.device("cpu")


def intermediate_device() -> torch.device:
    return torch.device("cpu")


def intermediate_dtype() -> torch.dtype:
    return torch.float32


def module_size(module) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values())


def load_models_gpu(
    models, memory_required=0, force_patch_weights=False, minimum_memory_required=None, force_full_load=False
) -> None:
    for patcher in models:
        patcher.model.to(patcher.load_device)
        current_loaded_models.add(patcher)


def load_model_gpu(model) -> None:
    load_models_gpu([model])


def free_memory(memory_required, device, keep_loaded=[], for_dynamic=False, pins_required=0, ram_required=0):  # noqa: B006
    freed = [patcher for patcher in current_loaded_models if patcher not in keep_loaded]
    for patcher in freed:
        patcher.model.to(patcher.offload_device)
        current_loaded_models.discard(patcher)
    return freed


def unload_all_models() -> None:
    free_memory(1e30, get_torch_device())


def unload_model_and_clones(model, unload_additional_models=True, all_devices=False) -> None:
    free_memory(1e30, get_torch_device(), [patcher for patcher in current_loaded_models if patcher is not model])


def soft_empty_cache(force=False) -> None:
    pass


def is_oom(e) -> bool:
    return isinstance(e, OOM_EXCEPTION)
