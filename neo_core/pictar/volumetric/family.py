"""The sizes of the volumetric renderer, and its five networks together."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ...runtime.compilation import Function, Tolerance, compiled, faster
from .appearance_extractor import AppearanceConfig, AppearanceExtractor
from .motion_extractor import MotionConfig, MotionExtractor
from .settling import fold_norms, settle
from .spade_generator import GeneratorConfig, SpadeGenerator
from .stitching import Stitching, StitchingConfig
from .warping_module import WarpingConfig, WarpingModule

SAME = Tolerance(most=2e-4)  # compiled networks in float32
ALIKE = Tolerance(mean=0.5 / 255)  # ... in half precision
TENSOR_CORES = 8  # channels that they want a multiple of


@dataclass(frozen=True)
class RendererConfig:
    appearance: AppearanceConfig
    motion: MotionConfig
    warping: WarpingConfig
    generator: GeneratorConfig
    stitching: StitchingConfig

    @property
    def side(self) -> int:
        """Pixels of a rendered frame, across and down."""
        generator = self.generator
        return (self.appearance.grid << len(generator.rising)) * generator.enlarge


def renderer_config(
    *,
    picture: int,
    keypoints: int,
    appearance: tuple[int, int, int],
    volume: tuple[int, int],
    motion: tuple[tuple[int, ...], tuple[int, ...]],
    hourglass: tuple[int, int, int, int, int],
    generator: GeneratorConfig,
    stitching: tuple[tuple[int, ...], ...],
) -> RendererConfig:
    """Settings in which what must be equal in several networks is said once.

    appearance: width, halvings, blocks; volume: channels, depth; motion: depths, widths; hourglass: compress, width,
    most, levels, mask.
    """
    width, halvings, blocks = appearance
    channels, depth = volume
    return RendererConfig(
        AppearanceConfig(picture, width, halvings, channels, depth, blocks),
        MotionConfig(picture, keypoints, *motion),
        WarpingConfig(keypoints, channels, depth, *hourglass, generator.features),
        generator,
        StitchingConfig(keypoints, *stitching),
    )


FAMILY = {
    "liveportrait": renderer_config(  # the public checkpoints
        picture=256,
        keypoints=21,
        appearance=(64, 2, 6),
        volume=(32, 16),
        motion=((3, 3, 9, 3), (96, 192, 384, 768)),
        hourglass=(4, 32, 1024, 5, 7),
        generator=GeneratorConfig(features=256, width=512, blocks=6, rising=(256, 64), hidden=128, enlarge=2),
        stitching=((128, 128, 64), (128, 128, 64), (256, 256, 128, 128, 64)),
    ),
    "small": renderer_config(  # the same at 20 GFLOP a frame: `training/keypoint_renderer.py`
        picture=256,
        keypoints=21,
        appearance=(32, 2, 3),
        volume=(16, 4),
        motion=((2, 2, 4, 2), (32, 64, 128, 256)),
        hourglass=(1, 16, 128, 4, 3),
        generator=GeneratorConfig(features=64, width=80, blocks=2, rising=(40, 16), hidden=16, enlarge=2),
        stitching=((128, 128, 64), (128, 128, 64), (128, 128, 64)),
    ),
}


def member(config: RendererConfig) -> str:
    """Which of the family has these sizes."""
    return next((name for name, known in FAMILY.items() if known == config), "a renderer of other sizes")


class Renderer(nn.Module):
    """The five networks of one checkpoint."""

    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.config = config
        self.appearance = AppearanceExtractor(config.appearance)
        self.motion = MotionExtractor(config.motion)
        self.warping = WarpingModule(config.warping)
        self.generator = SpadeGenerator(config.generator)
        self.stitching = Stitching(config.stitching)
        self._painter: Function | None = None

    def paint(self, features: Tensor) -> Tensor:
        """What the generator makes of features [B, F, g, g], compiled where that pays. [B, 3, S, S] in 0..1"""
        return (self._painter or self.generator)(features)

    def compile_where_it_pays(
        self, compiler: Callable[[Function], Function] = compiled, *, windows: bool = False
    ) -> "Renderer":
        """Compile what takes the most time and is a function of one tensor, once it is `ready`; what is not faster, or
        cannot be compiled here, stays. For a renderer that draws `windows` (`dynamic_roi`), which read the generator
        layer by layer, that stays as it is."""
        warping, generator, grid = self.config.warping, self.generator, self.config.appearance.grid
        hourglass = self.warping.hourglass
        first, device = hourglass.down[0].conv, self.generator.fc.weight.device
        dice = torch.Generator().manual_seed(0)

        def example(channels: int, dtype: torch.dtype, layout: torch.memory_format, *size: int) -> Tensor:
            return torch.randn(1, channels, *size, generator=dice).to(device, dtype, memory_format=layout)

        def same(layer: nn.Module) -> Tolerance:
            return SAME if layer.weight.dtype is torch.float32 else ALIKE

        seen = example(first.in_channels, first.weight.dtype, torch.channels_last_3d, warping.depth, grid, grid)
        features = example(warping.features, torch.float32, torch.channels_last, grid, grid)
        hourglass.forward = faster("the hourglass", hourglass.forward, (seen,), same(first), compiler)
        if not windows:
            close = same(generator.rising[0].conv_0)
            self._painter = faster("the generator", generator.forward, (features,), close, compiler)
        return self

    def ready(
        self,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
        *,
        tensor_cores: bool | None = None,
    ) -> "Renderer":
        """Settled, on a device; warping and generator in a precision of their own. The extractors, which see a source
        once, and the small networks on keypoints stay float32. `tensor_cores`: it will run on those (by default, if
        the device has them), which want channels in eights."""
        fold_norms(self)
        if torch.device(device).type == "cuda" if tensor_cores is None else tensor_cores:
            self.warping.align(TENSOR_CORES)
        settle(self).to(device)
        self.warping.narrow(dtype)
        self.generator.narrow(dtype)
        return self
