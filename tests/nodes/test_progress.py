"""The bar, the newest frame and the time left are shown about twice a second; Cancel is heard at every step."""

import pytest
import torch

FRAME = torch.full((8, 6, 3), 200, dtype=torch.uint8)


@pytest.fixture
def told(pack, loaded, reports):
    """A function: run a job of `total` steps that take `seconds` each, and see what was shown."""
    context = loaded.host("comfy_execution.utils").CurrentNodeContext

    def job(total, seconds, frame=FRAME):
        now = [0.0]
        with context("prompt", "7"):
            tell = pack("nodes.progress").NodeProgress("frame", clock=lambda: now[0])
            for done in range(total + 1):
                tell(done, total, frame if done else None)
                now[0] += seconds
        return reports

    return job


def test_pictures_come_twice_a_second_and_the_last_step_is_shown(told):
    shown = told(100, 0.04).progress
    assert 8 <= len(shown) <= 10
    assert shown[-1][:2] == (100, 100)
    assert all(picture.size == (6, 8) and picture.getpixel((0, 0)) == (200,) * 3 for _, _, picture in shown[1:])


def test_the_time_left_is_told_once_it_is_known(told):
    texts = told(300, 0.5).texts
    assert texts[1] == "frame 1 of 300"
    assert texts[120] == "frame 120 of 300, 1:30 left"
    assert texts[-1] == "frame 300 of 300"


@pytest.mark.parametrize(("seconds", "text"), [(3.6, "0:04"), (14, "0:14"), (725, "12:05"), (3729, "1:02:09")])
def test_time_is_written_as_on_a_clock(pack, seconds, text):
    assert pack("nodes.progress").minutes(seconds) == text


def test_cancel_is_heard_at_the_next_step(told, loaded, interrupt, reports):
    interrupt()
    with pytest.raises(loaded.host("comfy.model_management").InterruptProcessingException):
        told(100, 0.04)
    assert not reports.progress


def test_remarks_stay_all_of_them_below_what_is_told_next(pack, loaded, reports):
    with loaded.host("comfy_execution.utils").CurrentNodeContext("prompt", "7"):
        tell = pack("nodes.progress").NodeProgress("step")
        for remark in ("the edge is repeated", None, "the head is turned"):
            tell.warn(remark)
        tell(1, 1)
    assert reports.texts[:2] == ["the edge is repeated", "the edge is repeated\nthe head is turned"]
    assert reports.texts[-1] == "step 1 of 1\nthe edge is repeated\nthe head is turned"


def test_outside_of_a_host_nothing_is_shown(pack, reports):
    pack("nodes.progress").NodeProgress()(1, 2, FRAME)
    assert not reports.progress
    assert not reports.texts
