"""A minute of NEO 2 as its users make it: does the person drift, does memory grow?

The whole command runs in a process of its own, with a picture, a consent record and a sound, for a video of many chunks
and for one of few; what is measured is the written file and the largest memory of the process. Who it is, is read from
the face alone, against the picture that was encoded; a video that stands still for a while proves nothing about that.
"""

import logging
import statistics
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from ..media.image import enlarged, write_image
from ..media.video import read_frames
from ..neo2.latent_space import FRAMES, RATE, SIZE
from ..pictar.analysis import load_analyser
from ..pipelines.half_body import frame_half_body, square
from ..pipelines.portrait import open_portrait
from .bad_input import STATED
from .bench import CouldNotRun
from .command import Finished, must, neo
from .continuity import video_report
from .full_body import LEAST_MOTION
from .full_body_actor import SYNC
from .sounds import first_part, looped
from .talking_head import SAMPLES

FEW, MANY = 2, 60  # chunks
SHORT_RUNS = 3  # of few chunks, whose memory differs by a fifth from run to run; the middle one counts
ENLARGED = 4  # times, of a film's picture: so large that its face is found
SCALE = 4  # of the video, as the command has it unless it is told: frames so large that keeping them would show
STRETCHES = 6  # of the long video, each of which has to move
Weights = tuple[Path | None, Path | None]  # of the DiT and of the video autoencoder
EMBEDDED: Weights = (None, None)
PROMPT = "A person speaks."
log = logging.getLogger(__name__)


def bench(
    pictures: Sequence[Tensor], moves: float, work: Path, notes: dict[str, float], weights: Weights = EMBEDDED
) -> dict[str, float]:
    """The first of some people u8 [H, W, 3] whom the command accepts speaks for a minute, by the embedded
    weights or others. `moves`: the `motion` of films. What has no bar is noted."""
    for number, picture in enumerate(pictures):
        photo = work / f"person_{number}.png"
        write_image(photo, enlarged(picture, ENLARGED))
        refused = consented(photo, work)
        few = animated(photo, FEW, work, weights)
        if few.code == 0:
            break
        log.warning("%s cannot be animated: %s %s", photo.name, refused.strip(), few.error.strip())
    else:
        raise CouldNotRun(f"none of {len(pictures)} people could be animated; expected one whose face is found")
    short = [few.peak_gb, *(must(animated(photo, FEW, work, weights)).peak_gb for _ in range(SHORT_RUNS - 1))]
    many = must(animated(photo, MANY, work, weights))
    log.info("%d chunks in %.0f s, %.2f GB; %d in %s GB", MANY, many.seconds, many.peak_gb, FEW, short)
    notes |= {"60 chunks, seconds": many.seconds, "60 chunks, peak GB": many.peak_gb}
    notes |= {"2 chunks, least peak GB": min(short), "2 chunks, most peak GB": max(short)}
    joins = [join / RATE for join in many.json()["joins"]]
    return _steadiness(photo, joins, moves, work, notes) | {
        "peak memory, 60 chunks over 2": many.peak_gb / statistics.median(short)
    }


def _steadiness(
    photo: Path, joins: Sequence[float], moves: float, work: Path, notes: dict[str, float]
) -> dict[str, float]:
    """How identity and colours change, or nothing where the video does not move."""
    stillest = min(motions(written(MANY, work), STRETCHES)) / moves
    notes["60 chunks, motion of the stillest sixth over that of films"] = stillest
    if stillest < LEAST_MOTION:
        log.warning("a sixth moves %.2f times as much as films; expected %g: no steadiness", stillest, LEAST_MOTION)
        return {}
    picture, face = encoded(photo)
    report = video_report(written(MANY, work), joins, face=face, reference=picture)
    log.info("%s", report.table())
    likeness = report.curves.identity
    notes |= {
        "60 chunks, likeness of the first face to the picture": float(likeness[0]),
        "60 chunks, likeness of the last face to the picture": float(likeness[-1]),
    }
    return {"identity slope": report.identity_slope, "colour drift": 10 * report.colour_drift}


def encoded(photo: Path) -> tuple[Tensor, tuple[float, ...]]:
    """The picture of a photo that the command encodes u8 [H, W, 3], and where the face lies in it: left, top, right,
    bottom as shares."""
    portrait = open_portrait(load_analyser(), photo)
    landmarks, height = portrait.face.landmarks68, len(portrait.photo)
    left, top, side = square(landmarks, height)
    inside = (landmarks - torch.tensor([left, top])) / side
    return frame_half_body(portrait.photo, portrait.face, SIZE).picture, (
        *inside.amin(0).tolist(),
        *inside.amax(0).tolist(),
    )


def motions(path: Path, stretches: int) -> list[float]:
    """The `motion` of each of so many equal stretches of a video, as if its pictures were as large as the model's."""
    side = SIZE // 4
    coarse = [F.adaptive_avg_pool2d(frame.permute(2, 0, 1).float(), side) for _, frame in read_frames(path)]
    changes = torch.stack(coarse).diff(dim=0).abs().mean((1, 2, 3))
    return [float(part.mean()) for part in changes.tensor_split(stretches)]


def consented(photo: Path, work: Path) -> str:
    """Record consent to a full body in the bench's own ledger; says why it could not be."""
    return neo("consent", "add", photo, *STATED, "--scope", "full-body", home=work / "home").error


def animated(photo: Path, chunks: int, work: Path, weights: Weights) -> Finished:
    """The command, for a sound that takes so many chunks. Nothing is raised when it fails."""
    seconds = frames_of(chunks) / RATE
    whole = looped(SAMPLES / "speech.flac", int(seconds) + 1, work / f"speech_{chunks}_chunks.wav")
    sound = first_part(whole, seconds, whole.with_stem(f"{whole.stem}_exactly"))
    options = ("--model", "neo2", "--scale", SCALE, "--prompt", PROMPT, "--json")
    others = [word for name, path in zip(("--dit", "--vae"), weights, strict=True) if path for word in (name, path)]
    return neo("animate", photo, sound, "-o", written(chunks, work), *map(str, options), *others, home=work / "home")


def frames_of(chunks: int) -> int:
    """Video frames that overlapping chunks cover."""
    return FRAMES * (SYNC.chunk + (chunks - 1) * SYNC.stride)


def written(chunks: int, work: Path) -> Path:
    """Where the video of so many chunks goes."""
    return work / f"{chunks}_chunks.mp4"
