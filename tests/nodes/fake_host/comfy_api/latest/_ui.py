"""What a node shows under itself: saved files and text."""

import random
from pathlib import Path

import folder_paths
from PIL import Image as PILImage

from ._io import FolderType


class SavedResult(dict):
    def __init__(self, filename, subfolder, type) -> None:
        super().__init__(filename=filename, subfolder=subfolder, type=type.value)

    @property
    def filename(self) -> str:
        return self["filename"]

    @property
    def subfolder(self) -> str:
        return self["subfolder"]

    @property
    def type(self) -> FolderType:
        return FolderType(self["type"])


class SavedImages:
    def __init__(self, results, is_animated=False) -> None:
        self.results = results
        self.is_animated = is_animated

    def as_dict(self) -> dict:
        return {"images": self.results} | ({"animated": (True,)} if self.is_animated else {})


class PreviewImage:
    def __init__(self, image, animated=False, cls=None, **kwargs) -> None:
        self.values = [self._save(one) for one in image]
        self.animated = animated

    def as_dict(self) -> dict:
        return {"images": self.values, "animated": (self.animated,)}

    @staticmethod
    def _save(image) -> SavedResult:
        name = f"ComfyUI_temp_{random.getrandbits(32):08x}.png"
        picture = (image.cpu() * 255).clamp(0, 255).byte().numpy()
        PILImage.fromarray(picture).save(Path(folder_paths.get_temp_directory()) / name)
        return SavedResult(name, "", FolderType.temp)


class PreviewMask(PreviewImage):
    def __init__(self, mask, animated=False, cls=None, **kwargs) -> None:
        picture = mask.reshape(-1, *mask.shape[-2:], 1).expand(-1, -1, -1, 3)
        super().__init__(picture, animated, cls, **kwargs)


class PreviewVideo:
    def __init__(self, values, **kwargs) -> None:
        self.values = values

    def as_dict(self) -> dict:
        return {"images": self.values, "animated": (True,)}


class PreviewText:
    def __init__(self, value, **kwargs) -> None:
        self.value = value

    def as_dict(self) -> dict:
        return {"text": (self.value,)}
