"""The recipe of the audio encoder: it learns, and its figures mean what they say."""

import torch

from neo_core.audio.embedded import AudioEncoderConfig, EmbeddedEncoder
from neo_core.training import audio_encoder
from neo_core.training.audio_encoder import Teacher, batch_loss, frame_scores
from neo_core.training.sound_batches import AugmentConfig, SpeechStore
from neo_core.training.synthetic.phones import INDEX
from neo_core.training.synthetic.utterance import RATE, Phone, Utterance, Word

TINY = AudioEncoderConfig(width=32, inner=16, dilations=(1, 2))


def utterance() -> Utterance:
    """A hum (M) and a hiss (S) by turns."""
    time = torch.arange(RATE) / RATE
    hum = 0.2 * torch.sin(2 * torch.pi * 140 * time)
    hiss = 0.1 * torch.randn(RATE, generator=torch.Generator().manual_seed(0)).diff(prepend=torch.zeros(1))
    phones = tuple(Phone("MS"[k % 2], float(k), k + 1.0) for k in range(4))
    words = tuple(Word("m", k + 0.1, k + 0.9) for k in range(4))
    return Utterance(torch.cat([hum, hiss, hum, hiss]), phones, words, "espeak/gmw/en", "m", "en", 0.5)


def test_a_few_steps_tell_a_hum_from_a_hiss():
    torch.manual_seed(0)
    spoken, net = utterance(), EmbeddedEncoder(TINY)
    store, config = SpeechStore([spoken]), AugmentConfig(frames=60, reverb=0, noise=0, empty=0)
    optimiser = torch.optim.Adam(net.parameters(), 5e-3)
    first = last = 0.0
    for step in range(25):
        loss = batch_loss(net, store.draw(4, config))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        first, last = (float(loss.detach()) if step == 0 else first), float(loss.detach())
    assert last < 0.6 * first
    scores = frame_scores(net, [spoken])
    assert scores.phone > 0.9
    assert scores.closures == 1.0
    assert scores.bilabial_precision > 0.9


def test_the_teacher_is_believed_gradually():
    net, batch = EmbeddedEncoder(TINY), SpeechStore([utterance()]).draw(2, AugmentConfig(frames=40))
    teacher = Teacher(net, deaf=2, ramp=4)
    said = [teacher.said(net, batch) for _ in range(8)]
    assert said[:2] == [None, None]
    belief = [float(s.sum(-1).mean()) for s in said[2:]]
    assert belief == sorted(belief)
    assert 0 < belief[0] < belief[-1] <= 1


def test_every_head_gets_a_gradient():
    net = EmbeddedEncoder(TINY)
    batch_loss(net, SpeechStore([utterance()]).draw(2, AugmentConfig(frames=40))).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_scores_count_frames(monkeypatch):
    m, s, p = INDEX["M"], INDEX["S"], INDEX["P"]
    heard, said = torch.tensor([m, p, s, s, 0, m]), torch.tensor([m, m, s, m, 0, s])
    monkeypatch.setattr(audio_encoder, "hear", lambda _net, _utterance: (heard, said))
    scores = frame_scores(EmbeddedEncoder(TINY), [utterance()])
    assert scores.phone == torch.tensor(3 / 6)
    assert scores.viseme == torch.tensor(4 / 6)
    assert scores.bilabial_precision == torch.tensor(2 / 3)
    assert scores.bilabial_recall == torch.tensor(2 / 3)
    assert scores.closures == 0.5
