"""Shards: complete, reproducible, resumable, and never of held-out people."""

import argparse

import torch

from neo_core import motion_space
from neo_core.geometry.head_model import load_head_model
from neo_core.training.synthetic import frames
from neo_core.training.synthetic.people import HELD_OUT_FROM
from neo_core.weights import safetensors_io


def test_a_shard_has_every_label_and_is_reproducible():
    head = load_head_model()
    shard, again = (frames.make_shard(head, 3, 1, 48, 1, people=1, views=3) for _ in range(2))
    count = len(head.landmark_triangle)
    shapes = {name: tuple(tensor.shape[1:]) for name, tensor in shard.items()}
    assert shapes == {
        "image": (48, 48, 3), "landmarks": (count, 2), "mask": (48, 48), "pose": (3,),
        "expression": (len(motion_space.EXPRESSION_NAMES),), "gaze": (4,), "identity": (60,), "person": (),
    }  # fmt: skip
    assert all(torch.equal(shard[name], again[name]) for name in shard)
    assert shard["person"].unique().tolist() == [300_001]
    assert not torch.equal(shard["image"][0], shard["image"][1])


def test_a_run_goes_on_where_it_stopped(tmp_path, monkeypatch):
    made = []

    def fake(_head, _seed, shard, size, *_):
        made.append(shard)
        return {"image": torch.zeros(1, size, size, 3, dtype=torch.uint8)}

    monkeypatch.setattr(frames, "make_shard", fake)
    parser = argparse.ArgumentParser()
    frames.add_arguments(parser)
    for shards in ("2", "4"):
        frames.run(parser.parse_args(["--out", str(tmp_path), "--size", "8", "--shards", shards]))
    assert made == [0, 1, 2, 3]
    assert safetensors_io.load(tmp_path / "shard_00003.safetensors")[1]["shard"] == 3


def test_no_time_writes_nothing(tmp_path):
    parser = argparse.ArgumentParser()
    frames.add_arguments(parser)
    frames.run(parser.parse_args(["--out", str(tmp_path), "--minutes", "0", "--size", "16"]))
    assert not list(tmp_path.iterdir())


def test_held_out_people_are_never_drawn():
    for seed in (0, 7, 89, 90, 12345):
        for shard in (0, 4000, 9999):
            first = (seed * 100_000 + shard * frames.PEOPLE) % HELD_OUT_FROM
            assert 0 <= first < HELD_OUT_FROM
