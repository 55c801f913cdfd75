"""A model together with the devices it runs and rests on."""

from comfy.model_management import module_size


class ModelPatcher:
    def __init__(self, model, load_device, offload_device, size=0, weight_inplace_update=False) -> None:
        self.model = model
        self.load_device = load_device
        self.offload_device = offload_device
        self.size = size

    def model_size(self) -> int:
        return self.size or module_size(self.model)


CoreModelPatcher = ModelPatcher
