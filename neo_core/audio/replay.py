"""States that another program's encoder made of one sound, in the place of an encoder."""

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from ..data_types import InputError
from .encoder import PIECE, AudioEncoder, of_unit_size, on_the_clock
from .features import FRAME, RATE, feature_count


class Replay(AudioEncoder):
    """Hears one sound only: the one that was encoded, whose length it compares."""

    def __init__(self, name: str, layers: Sequence[Tensor], samples: int, first: float) -> None:
        """`layers` [T, D] at 50 Hz, their first frame centred on `first` ms of a sound of `samples` at 16 kHz."""
        super().__init__()
        self.name, self.samples = name, samples
        hidden = torch.stack([layer.detach().cpu().float() for layer in layers])
        self.hidden = on_the_clock(hidden, first, feature_count(samples, RATE))  # [L, T, D]

    @property
    def layers(self) -> int:
        return self.hidden.shape[0]

    @property
    def width(self) -> int:
        return self.hidden.shape[2]

    @property
    def reach(self) -> int:
        return 0

    def survey(self, blocks: Iterable[Tensor]) -> None:
        """Raises InputError when it is another sound, as far as its length tells."""
        found = sum(block.shape[0] for block in blocks)
        if abs(found - self.samples) > FRAME:
            raise InputError(
                f"the sound lasts {found / RATE:.2f} s and the encoded one {self.samples / RATE:.2f} s; expected the "
                "sound that was encoded"
            )

    def stream(self, blocks: Iterable[Tensor], survey: None = None, piece: int = PIECE) -> Iterator[Tensor]:  # noqa: ARG002 - the sound is known
        yield from of_unit_size(self.hidden).split(piece, dim=1)
