"""A minute of NEO 2 as its users make it: does the person drift, does memory grow?

The whole command runs in a process of its own, with a picture, a consent record and a sound, for a video of many chunks
and for one of few; what is measured is the written file and the largest memory of the process.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from ..media.image import enlarged, write_image
from ..neo2.latent_space import FRAMES, RATE
from .bad_input import STATED
from .bench import CouldNotRun
from .command import Finished, must, neo
from .continuity import video_report
from .full_body_actor import SYNC
from .sounds import first_part, looped
from .talking_head import SAMPLES

FEW, MANY = 2, 60  # chunks
ENLARGED = 4  # times, of a film's picture: so large that its face is found
PROMPT = "A person speaks."
log = logging.getLogger(__name__)


def bench(pictures: Sequence[Tensor], work: Path, dit: Path | None = None) -> dict[str, float]:
    """The first of some people u8 [H, W, 3] whom the command accepts speaks for a minute, by the embedded DiT or
    another."""
    for number, picture in enumerate(pictures):
        photo = work / f"person_{number}.png"
        write_image(photo, enlarged(picture, ENLARGED))
        refused = consented(photo, work)
        few = animated(photo, FEW, work, dit)
        if few.code == 0:
            break
        log.warning("%s cannot be animated: %s %s", photo.name, refused.strip(), few.error.strip())
    else:
        raise CouldNotRun(f"none of {len(pictures)} people could be animated; expected one whose face is found")
    many = must(animated(photo, MANY, work, dit))
    report = video_report(written(MANY, work), [join / RATE for join in many.json()["joins"]])
    log.info("%d chunks in %.0f s, %.2f GB; %d in %.2f GB", MANY, many.seconds, many.peak_gb, FEW, few.peak_gb)
    log.info("%s", report.table())
    return {
        "identity slope": report.identity_slope,
        "colour drift": 10 * report.colour_drift,
        "peak memory, 60 chunks over 2": many.peak_gb / few.peak_gb,
    }


def consented(photo: Path, work: Path) -> str:
    """Record consent to a full body in the bench's own ledger; says why it could not be."""
    return neo("consent", "add", photo, *STATED, "--scope", "full-body", home=work / "home").error


def animated(photo: Path, chunks: int, work: Path, dit: Path | None) -> Finished:
    """The command, for a sound that takes so many chunks. Nothing is raised when it fails."""
    seconds = frames_of(chunks) / RATE
    whole = looped(SAMPLES / "speech.flac", int(seconds) + 1, work / f"speech_{chunks}_chunks.wav")
    sound = first_part(whole, seconds, whole.with_stem(f"{whole.stem}_exactly"))
    options = ("--model", "neo2", "--scale", "1", "--prompt", PROMPT, "--json", *(("--dit", dit) if dit else ()))
    return neo("animate", photo, sound, "-o", written(chunks, work), *options, home=work / "home")


def frames_of(chunks: int) -> int:
    """Video frames that overlapping chunks cover."""
    return FRAMES * (SYNC.chunk + (chunks - 1) * SYNC.stride)


def written(chunks: int, work: Path) -> Path:
    """Where the video of so many chunks goes."""
    return work / f"{chunks}_chunks.mp4"
