"""A renderer of the public architecture in which everything is small that the published code lets be small."""

from neo_core.pictar.volumetric.family import renderer_config
from neo_core.pictar.volumetric.spade_generator import GeneratorConfig

TINY = renderer_config(
    picture=64,
    keypoints=5,
    appearance=(4, 2, 6),
    volume=(4, 4),
    motion=((1, 1, 2, 1), (8, 8, 16, 16)),
    hourglass=(2, 4, 16, 3, 7),
    generator=GeneratorConfig(features=16, width=32, blocks=6, rising=(16, 8), hidden=128, enlarge=2),
    stitching=((16, 16), (16, 8), (16, 16, 8)),
)
