"""What a frame of the mini costs: counted on made-up shapes, nothing is computed, and the same on every machine."""

import torch
from torch.utils.flop_counter import FlopCounterMode

from ..pictar.mini.guide import GUIDE, STILL_GUIDE
from ..pictar.mini.network import MINI, Mini, MiniConfig, Motion, Source, compose


def figures() -> dict[str, float]:
    """The rows of every size."""
    return {f"operations of the mini, {size}": operations(config) / 1e9 for size, config in MINI.items()}


@torch.no_grad()
def operations(config: MiniConfig) -> float:
    """Of a frame at the network's own resolution, once the photo is encoded."""
    side, half = config.side, config.side // 2
    with torch.device("meta"):
        mini = Mini(config)
        planes = (torch.empty(1, count, side, side) for count in (3, 1, 3))
        source = Source(*planes, torch.empty(1, STILL_GUIDE, half, half))
        flows = [torch.empty(1, 2, side, side) for _ in range(2)]
        volume = mini.encoder(source)
        with FlopCounterMode(display=False) as counter:
            drawn = mini(source, volume, Motion(*flows, torch.empty(1, GUIDE, half, half)))
            compose(drawn, source.picture, source.behind)
    return counter.get_total_flops()
