"""Enrol From Footage: consent to the frame that Face In Footage shows, an avatar from the whole clip."""

from fractions import Fraction

import pytest
import torch


@pytest.fixture
def clip(pack, run_node, loaded, tmp_path):
    """A function: a VIDEO of the bundled portrait, two frames a second."""
    (photo,) = run_node("NEO_SamplePortrait", sample="portrait").result
    small = torch.nn.functional.interpolate(photo.movedim(3, 1), (160, 160), mode="area").movedim(1, 3)[0]

    def make(frames: int = 8):
        path = tmp_path / f"clip_{frames}.mp4"
        with pack("neo_core.media.video").VideoWriter(path, (160, 160), Fraction(2), None) as writer:
            for _ in range(frames):
                writer.write((small * 255).round().to(torch.uint8))
        return loaded.host("comfy_api.v0_0_2").InputImpl.VideoFromFile(str(path))

    return make


def test_an_avatar_from_footage(run_node, clip):
    footage = clip()
    (models,) = run_node("NEO_LoadModels").result
    photo, person = run_node("NEO_FaceInFootage", footage=footage).result
    assert photo.shape == (1, 160, 160, 3)
    assert person.shape == (1, 160, 160)
    face, corners = person[0, 60:90, 65:95], person[0, :12][:, [*range(12), *range(148, 160)]]
    assert face.min() > 0.8  # the face is there, the wall is not
    assert corners.max() < 0.1
    (consent,) = run_node("NEO_Consent", photo=photo).result
    identity, volume, portrait, report = run_node(
        "NEO_EnrolFromFootage", models=models, footage=footage, consent=consent, size=128
    ).result
    assert portrait.shape == (1, 128, 128, 3)
    assert report.startswith("the face is seen in 4 of 4 s")
    assert identity.style.shape == (16,)
    assert volume.grant.scope


def test_what_it_refuses(run_node, clip):
    (models,) = run_node("NEO_LoadModels").result
    with pytest.raises(Exception, match="no consent was given"):
        run_node("NEO_EnrolFromFootage", models=models, footage=clip(4))
    with pytest.raises(Exception, match="input video holds"):
        run_node("NEO_FaceInFootage", footage="clip.mp4")
