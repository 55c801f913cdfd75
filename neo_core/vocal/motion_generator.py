"""What the generators of motion share: the conditions of a window, how sound and motion come in, and what comes out.

A generator reads a noisy window x_t and answers with the clean one, as an offset from the portrait's own motion: zero
weights give a still face. Every signal has learned null tokens of its own, trained exactly as sampling uses them.

Letters: B batch, D width, W frames of the window, P frames of the clean prefix before it, A audio tokens under both
(and a little beyond), L layers of the audio encoder, F width of its features, C = 63 channels of motion, E states.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from ..data_types import EMOTIONS, Emotion, InputError
from ..motion_space import SIZE
from ..nn.embedding import TimestepEmbedding
from ..nn.norm import Modulated, Modulation, modulate
from ..nn.position import no_place, rotary_table


@dataclass(frozen=True)
class WindowConfig:
    """What every generator of motion says about its windows; the defaults are the embedded model's."""

    audio_layers: int
    audio_width: int
    width: int = 192
    depth: int = 4
    heads: int = 4
    mlp_ratio: float = 3
    rotary: int = 12  # dims of a sub-head that turn with time
    rotary_base: float = 100.0  # the slowest pair turns once in about 280 frames
    window: int = 80
    prefix: int = 10
    lookahead: int = 6  # audio frames heard beyond the window: lips prepare for the next sound
    audio_mixes: int = 2  # learned blends of the encoder's layers, side by side
    emotions: int = 0  # states that it can be asked for (`EMOTIONS`), or none
    audio_encoder: str = "embedded"  # that it was trained on: the family, and after a slash the weights if known

    @property
    def audio_tokens(self) -> int:
        return self.prefix + self.window + self.lookahead


@dataclass(frozen=True)
class Conditions:
    """What steers a window. Motion here is normalised (`MotionGenerator.normalise`). A signal that is left out keeps
    its tensors but is not looked at: learned null tokens stand in its place, in training and in sampling alike."""

    audio: Tensor  # [B, L, 2 A, F] hidden states of the encoder, two per motion frame
    heard: Tensor  # [B, A] bool: False before the sound begins, after it ends, and where audio is left out
    geometry: Tensor  # [B, 60]
    style: Tensor  # [B, 16]
    identity: Tensor  # [B] bool: geometry and style are known
    reference_motion: Tensor  # [B, C]
    reference: Tensor  # [B] bool: the portrait's own motion vector is known
    prefix_motion: Tensor  # [B, P, C] the frames before the window
    prefix: Tensor  # [B] bool: there are such frames
    emotion: Tensor  # [B, E] each state's strength; zeros: none is asked for, and all is as the voice sounds

    def without(self, *signals: str) -> "Conditions":
        """The same with some signals ("audio", "identity", "reference") left out."""
        names = [{"audio": "heard"}.get(signal, signal) for signal in signals]
        return replace(self, **{name: torch.zeros_like(getattr(self, name)) for name in names})

    def to(self, device: torch.device) -> "Conditions":
        return Conditions(*(getattr(self, f.name).to(device) for f in fields(self)))

    def normalised(self, model: "MotionGenerator") -> "Conditions":
        """From motion in its own units to what the network reads."""
        prefix, reference = model.normalise(self.prefix_motion), model.normalise(self.reference_motion)
        return replace(self, prefix_motion=prefix, reference_motion=reference)

    @staticmethod
    def stack(several: list["Conditions"]) -> "Conditions":
        """Several condition sets as one batch, in order."""
        return Conditions(*(torch.cat([getattr(c, f.name) for c in several]) for f in fields(Conditions)))


@dataclass(frozen=True)
class Scene:
    """What the network makes of the conditions of a window: the same at every step."""

    prefix: Tensor  # [B, P, D] tokens of the frames before
    peers: list[Tensor]  # tokens [B, n, D] of each stream beside motion, sound first
    person: Tensor | None  # [B, D] what modulates beside the flow time, where identity does
    base: Tensor  # [B, C] the motion that zero output means
    table: Tensor  # [2, T, R / 2] rotary table of the tokens of all streams, motion first


def read(layer: nn.Linear, x: Tensor) -> Tensor:
    """A linear map of what comes from outside, in the precision of the network."""
    return layer(x.to(layer.weight.dtype))


class AudioInput(nn.Module):
    """All hidden states of the encoder -> tokens at the motion rate: LayerNorm each, blend with learned softmax weights
    ("features from all internal representation layers [...] are fused together"), fold pairs 50 -> 25 Hz, project."""

    def __init__(self, config: WindowConfig) -> None:
        super().__init__()
        depth = torch.linspace(0, 1, config.audio_layers)
        middle = torch.linspace(1, 0, config.audio_mixes)[:, None]  # the first blend leans to late layers, where phones
        self.layer_logits = nn.Parameter(-2 * (depth - middle).abs())  # are; the last to early ones, where melody is
        self.project = nn.Linear(2 * config.audio_mixes * config.audio_width, config.width)

    def forward(self, hidden: Tensor) -> Tensor:
        """[B, L, 2 A, F] -> [B, A, D]"""
        level = F.layer_norm(hidden.to(self.project.weight.dtype), (hidden.shape[-1],))
        mixed = torch.einsum("ml,bltf->btmf", self.layer_logits.softmax(dim=-1), level)
        return self.project(rearrange(mixed, "b (t two) m f -> b t (two m f)", two=2))


class EmotionInput(nn.Module):
    """The state asked for, or the learned tokens that mean "as the voice sounds". [B, E] -> [B, N, D]"""

    def __init__(self, emotions: int, tokens: int, width: int) -> None:
        super().__init__()
        self.project = nn.Linear(emotions, tokens * width)
        self.absent = nn.Parameter(0.02 * torch.randn(tokens, width))

    def forward(self, emotion: Tensor) -> Tensor:
        asked = read(self.project, emotion).unflatten(-1, self.absent.shape)
        return torch.where(emotion.any(-1)[:, None, None], asked, self.absent)


class MotionGenerator(nn.Module, ABC):
    """x_t, t and the conditions of a window -> the clean motion of that window. An architecture adds its blocks: how
    the person comes in (`person`), and what becomes of the tokens (`read_out`)."""

    stream_mark: nn.Parameter  # [S, D] tells the streams apart

    def __init__(self, config: WindowConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.motion_input = nn.Linear(SIZE, width)
        self.audio_input = AudioInput(config)
        self.no_audio = nn.Parameter(0.02 * torch.randn(width))
        self.no_prefix = nn.Parameter(0.02 * torch.randn(width))
        self.is_prefix = nn.Parameter(0.02 * torch.randn(width))
        self.time = TimestepEmbedding(width)
        self.final_modulation = Modulation(width, 2)
        self.final = nn.Linear(width, SIZE)
        nn.init.zeros_(self.final.weight)
        nn.init.zeros_(self.final.bias)
        self.keep = nn.Parameter(torch.ones(SIZE))  # how far each channel of x_t is believed, see `_data`
        self.register_buffer("motion_mean", torch.zeros(SIZE))
        self.register_buffer("motion_log_scale", torch.zeros(SIZE))

    @abstractmethod
    def person(self, conditions: Conditions) -> tuple[Tensor | None, Tensor | None]:
        """Who performs and how: tokens [B, N, D] without a place in time if they are a stream of their own, and the
        vector [B, D] if one modulates every block together with the flow time."""

    @abstractmethod
    def read_out(self, states: list[Tensor], modulated: Modulated, table: Tensor) -> Tensor:
        """Tokens [B, n, D] of all streams, motion first -> those of motion after the last block."""

    @property
    @abstractmethod
    def motion_readers(self) -> tuple[nn.Linear, ...]:
        """The layers that read normalised motion: what has to change when its units do."""

    def asked(self, emotion: Emotion | None) -> Tensor:
        """What `Conditions` say of a state. [E] Raises InputError where the weights know no states."""
        if emotion is None:
            return torch.zeros(len(EMOTIONS))
        if not self.config.emotions:
            raise InputError(
                f"these weights of VOCAL know no emotions, expected others that do for {emotion.state!r}; "
                "without an emotion they perform as the voice sounds"
            )
        return torch.tensor(emotion.weights)

    def require_encoder(self, name: str, layers: int, width: int) -> None:
        """Raise InputError unless this audio encoder is the one that the network was trained on."""
        config = self.config
        same = all(a == b for a, b in zip(name.split("/"), config.audio_encoder.split("/"), strict=False))
        if not same or (layers, width) != (config.audio_layers, config.audio_width):
            raise InputError(
                f"speech was heard by the audio encoder {name} ({layers} layers of {width} numbers), expected "
                f"{config.audio_encoder} ({config.audio_layers} of {config.audio_width}): VOCAL understands the one it "
                "was trained on"
            )

    def normalise(self, motion: Tensor) -> Tensor:
        """Motion in its own units -> about N(0, 1) per channel. [..., C]"""
        return (motion - self.motion_mean) * torch.exp(-self.motion_log_scale)

    def denormalise(self, motion: Tensor) -> Tensor:
        """The inverse of `normalise`. [..., C]"""
        return motion * torch.exp(self.motion_log_scale) + self.motion_mean

    def scene(self, conditions: Conditions, first_frame: int = 0) -> Scene:
        """What a window's steps have in common. Positions count from `first_frame`; their origin does not matter."""
        sound = torch.where(conditions.heard[..., None], self.audio_input(conditions.audio), self.no_audio)
        tokens, vector = self.person(conditions)
        timed = self._moments(first_frame, sound.device)
        table = torch.cat((timed[:, : self.config.prefix + self.config.window], timed), dim=1)
        peers = [sound]
        if tokens is not None:
            peers, table = [sound, tokens], torch.cat((table, no_place(tokens.shape[1], table)), dim=1)
        return Scene(self._prefix(conditions), peers, vector, self._base(conditions), table)

    def condition(self, t: Tensor, scene: Scene) -> Tensor:
        """The vector that modulates every block at flow time t: [B] -> [B, D]"""
        return self.time(t) if scene.person is None else self.time(t) + scene.person

    def modulations(self, condition: Tensor) -> Modulated:
        """What all modulations of the network say for it."""
        return {part: part(condition) for part in self.modules() if isinstance(part, Modulation)}

    def forward(
        self,
        x: Tensor,
        t: Tensor,
        conditions: Conditions,
        first_frame: int = 0,
        *,
        scene: Scene | None = None,
        modulated: Modulated | None = None,
    ) -> Tensor:
        """[B, W, C], [B] -> clean motion [B, W, C], all normalised. Whoever knows the `scene` of these conditions or
        what is `modulated` at this time already may say so."""
        scene = self.scene(conditions, first_frame) if scene is None else scene
        modulated = self.modulations(self.condition(t, scene)) if modulated is None else modulated
        motion = torch.cat((scene.prefix, read(self.motion_input, x)), dim=1)  # [B, P + W, D]
        streams = zip((motion, *scene.peers), self.stream_mark, strict=True)
        motion = self.read_out([tokens + mark.to(tokens.dtype) for tokens, mark in streams], modulated, scene.table)
        offset = self.final(modulate(motion[:, self.config.prefix :], *modulated[self.final_modulation]))
        return self._data(x, t[:, None, None], scene.base[:, None], offset.float())

    def _data(self, x: Tensor, t: Tensor, base: Tensor, offset: Tensor) -> Tensor:
        """Clean motion = what x_t itself says + the network's offset, mixed so that output and velocity error keep unit
        size at every t (the preconditioning of arXiv 2206.00364, table 1, on a straight path with unit data). Zero
        weights, `keep` among them, leave the base."""
        size = ((1 - t).square() + t.square()).sqrt()  # of x_t
        return base + self.keep * (1 - t) / size.square() * (x - (1 - t) * base) + t / size * offset

    def _base(self, conditions: Conditions) -> Tensor:
        """The motion that zero output means: the portrait's own, or rest where that is left out. [B, C]"""
        rest = self.normalise(torch.zeros_like(conditions.reference_motion))
        return torch.where(conditions.reference[:, None], conditions.reference_motion, rest)

    def _prefix(self, conditions: Conditions) -> Tensor:
        prefix = read(self.motion_input, conditions.prefix_motion)
        return torch.where(conditions.prefix[:, None, None], prefix, self.no_prefix) + self.is_prefix  # [B, P, D]

    def _moments(self, first_frame: int, device: torch.device) -> Tensor:
        """Rotary table of the frames that audio covers, the prefix first. [2, A, R / 2]"""
        start = first_frame - self.config.prefix
        moments = torch.arange(start, start + self.config.audio_tokens, device=device)
        return rotary_table(moments, self.config.rotary, self.config.rotary_base)
