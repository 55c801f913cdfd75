"""Are the lips in time in languages that no training ever heard?

    python -m neo_core bench vocal --only languages --lipcheck "PYTHON lipcheck.py"

Three languages that are not among those of the training speech, spoken by espeak-ng with voices that are held out too.
The judge of `bench talking-head` scores the mouth's tracks directly, taken from the head model: its spectral score,
which knows no language, for the sound as heard and moved by 4 and 8 frames either way.
"""

import io
import json
import logging
import shlex
import subprocess
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..audio.encoder import AudioEncoder, encode
from ..audio.loading import load_audio_encoder
from ..data_types import Identity, Waveform
from ..evaluation.bench import CouldNotRun
from ..evaluation.lip_sync import in_time
from ..evaluation.motion import LEFT_EYE, RIGHT_EYE, lip_gap
from ..geometry.head_model import HeadModel, landmarks, load_head_model, shape
from ..motion_space import EXPRESSION, rest
from ..vocal.loading import load_vocal
from ..vocal.motion_generator import MotionGenerator
from ..vocal.sampler import generate_motion
from .synthetic.sentences import OTHER_LANGUAGES
from .synthetic.speakers import sample_speaker
from .synthetic.speech import HELD_OUT_VOICES
from .synthetic.synthesisers import Voice, synthesise
from .synthetic.utterance import RATE, Utterance, join

SPEAKER = 9_800_000  # the first; never drawn in training, see `identity_truth.SPEAKERS`
SHIFTS = (0, -8, -4, 4, 8)  # frames
CLIPS = 4  # of each language
UNHEARD = {
    "urj/hu": """
Jó reggelt kívánok, szeretnék mutatni valamit a barátaimnak.
A piros madár magasan repül a nagy folyó fölött, és messze énekel.
Múlt héten vettem egy könyvet, amely a régi városról szól.
Ha holnap esik az eső, otthon maradunk, és meleg levest főzünk.
Miért olyan boldog ma a kisfiú? Mert megjött a nagymamája.
Kérem, hozzon egy pohár vizet, kenyeret, vajat és egy kevés mézet.
A pályaudvar mellett nyílt egy új kávézó, ahol este zenélnek.
Nem tudom, hogy odaérünk-e időben, de mindent megpróbálunk.""",
    "aav/vi": """
Xin chào các bạn, hôm nay tôi muốn kể cho mọi người một câu chuyện.
Mùa xuân năm ngoái, gia đình tôi đã đi du lịch ở miền biển phía nam.
Buổi sáng, mẹ tôi thường mua bánh mì, cà phê và một ít hoa quả tươi.
Tại sao trời hôm nay lại mưa to như vậy? Chúng ta nên ở nhà.
Em bé cười vui vẻ khi nhìn thấy con mèo nhỏ trèo lên mái nhà.
Ông bà tôi sống trong một ngôi làng yên bình bên bờ sông rộng.
Nếu bạn có thời gian, hãy đến thăm chúng tôi vào cuối tuần này.
Tôi không biết chắc, nhưng có lẽ ngày mai mọi việc sẽ tốt hơn.""",
    "bnt/sw": """
Habari za asubuhi, jina langu ni Amina na ninapenda kusoma vitabu.
Mvua kubwa ilinyesha jana usiku, kwa hiyo barabara zote zimejaa maji.
Mama alipika wali, maharage na samaki kwa ajili ya wageni wetu.
Kwa nini watoto wanacheka? Kwa sababu paka mdogo amepanda juu ya meza.
Baba yangu anafanya kazi mjini, lakini kila wiki anarudi nyumbani.
Tafadhali nipe maji ya kunywa, mkate na ndizi mbili zilizoiva.
Ndege wengi huruka juu ya ziwa wakati jua linapozama jioni.
Sijui kama tutafika mapema, lakini tutajaribu kwa nguvu zetu zote.""",
}
JUDGE = """
import io, json, sys
sys.path.insert(0, sys.argv[1])
import numpy as np
from lipcheck import MAX_LAG, SPECTRAL_TABLE, WEIGHTS, lag_curve
from signals import STEP, log_mel, spectral_features
clip = np.load(io.BytesIO(sys.stdin.buffer.read()))
times = np.arange(len(clip["mouth"])) * STEP
heard = spectral_features(log_mel(clip["sound"]), times) @ np.array(SPECTRAL_TABLE)
curve = lag_curve(heard, clip["mouth"], np.array(WEIGHTS))
print(json.dumps({shift: float(curve[MAX_LAG + shift]) for shift in json.loads(sys.argv[2])}))
"""
log = logging.getLogger(__name__)


def bench(judge: str) -> dict[str, float]:
    """The share of clips whose lips fit the sound best as heard, with the shipped weights."""
    if not judge:
        raise CouldNotRun("no judge was named; expected --lipcheck CMD")
    vocal, encoder, head = load_vocal(), load_audio_encoder(), load_head_model()
    met = []
    for number, (language, spoken) in enumerate(unheard_clips()):
        motion, geometry = perform(vocal, encoder, spoken, SPEAKER + number)
        scores = spectral_scores(judge, mouth_tracks(head, geometry, motion), spoken.samples)
        met.append(in_time(scores))
        log.info("%s: %s", language, ", ".join(f"{shift:+d} {score:.2f}" for shift, score in scores.items()))
    return {"languages never heard": float(np.mean(met))}


def unheard_clips() -> list[tuple[str, Utterance]]:
    """`CLIPS` of each language, two sentences each, every one in another held-out voice."""
    if known := UNHEARD.keys() & OTHER_LANGUAGES.keys():
        raise ValueError(f"the training speech has {', '.join(sorted(known))}; expected languages it does not have")
    clips = []
    for language, text in UNHEARD.items():
        lines = text.strip().splitlines()
        for k in range(CLIPS):
            voice = Voice("espeak", f"{language}+{HELD_OUT_VOICES[k % len(HELD_OUT_VOICES)]}", rate=0.85)
            try:
                said = [synthesise(voice, line) for line in lines[2 * k : 2 * k + 2]]
            except RuntimeError as error:
                raise CouldNotRun(str(error)) from error
            clips.append((language, join(said, [0.2, 0.4, 0.3])))
    return clips


def perform(vocal: MotionGenerator, encoder: AudioEncoder, spoken: Utterance, seed: int) -> tuple[Tensor, Tensor]:
    """Motion [T, 63] of a synthetic speaker, and that speaker's geometry [60]."""
    speaker = sample_speaker(seed)
    features = encode(encoder, Waveform(spoken.samples[None], RATE))
    return generate_motion(vocal, features, Identity(speaker.geometry, speaker.style, rest())).motion, speaker.geometry


def mouth_tracks(head: HeadModel, geometry: Tensor, motion: Tensor) -> np.ndarray:
    """The judge's five tracks of a mouth on a head that stays still, over the distance of the eyes: lip gap, width,
    chin and both lips below the nose. [T, 5]"""
    points = landmarks(head, shape(head, geometry.expand(len(motion), -1), motion[:, EXPRESSION]))
    eyes = (points[0, RIGHT_EYE].mean(0) - points[0, LEFT_EYE].mean(0)).norm()
    width = (points[:, 54] - points[:, 48])[:, 0].abs() / eyes
    below = [(points[:, 33] - points[:, k])[:, 1] / eyes for k in (8, 51, 57)]
    return torch.stack((lip_gap(head, geometry, motion), width, *below), dim=1).double().numpy()


def spectral_scores(judge: str, mouth: np.ndarray, sound: Tensor) -> dict[int, float]:
    """The judge's spectral score of mouth tracks [T, 5] for a sound [N], moved by each of `SHIFTS`."""
    *interpreter, script = shlex.split(judge)
    clip = io.BytesIO()
    np.savez(clip, mouth=mouth, sound=(32767 * sound.clamp(-1, 1)).short().numpy())
    command = [*interpreter, "-c", JUDGE, str(Path(script).parent), json.dumps(SHIFTS)]
    done = subprocess.run(command, input=clip.getvalue(), capture_output=True, check=True, timeout=120)
    return {int(shift): score for shift, score in json.loads(done.stdout).items()}
