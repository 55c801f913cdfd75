"""Photos: what a person would see, from any file; damaged and oversized ones refused in one sentence."""

import contextlib
import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from neo_core.data_types import InputError
from neo_core.media.image import enlarged, read_photo, write_image

RED, BLUE = (200, 30, 40), (20, 40, 220)


@pytest.fixture
def picture() -> Image.Image:
    """Red left half, blue right half, 8 x 6."""
    image = Image.new("RGB", (8, 6), RED)
    image.paste(BLUE, (4, 0, 8, 6))
    return image


def test_png_round_trip_is_exact(tmp_path):
    image = torch.randint(0, 256, (7, 5, 3), dtype=torch.uint8)
    write_image(tmp_path / "a.png", image)
    assert torch.equal(read_photo(tmp_path / "a.png"), image)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "CMYK", "1"])
def test_every_mode_becomes_rgb(tmp_path, picture, mode):
    path = tmp_path / ("a.tif" if mode in ("CMYK",) else "a.png")
    picture.convert(mode).save(path)
    photo = read_photo(path)
    assert photo.shape == (6, 8, 3)
    assert photo.dtype == torch.uint8
    expected = picture.convert(mode).convert("RGB")
    assert np.abs(np.asarray(expected, int) - photo.numpy()).max() <= 1


def test_transparency_lies_on_white(tmp_path):
    Image.new("RGBA", (2, 2), (255, 0, 0, 0)).save(tmp_path / "a.png")
    assert (read_photo(tmp_path / "a.png") == 255).all()


def test_16_bit_keeps_its_tones(tmp_path):
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None].repeat(2, 0)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    assert torch.equal(read_photo(tmp_path / "a.png")[0, :, 0], torch.arange(256, dtype=torch.uint8))


def test_camera_orientation_is_applied(tmp_path, picture):
    exif = Image.Exif()
    exif[0x0112] = 6  # held upright, stored sideways: the left of the file is the top of the scene
    picture.save(tmp_path / "a.png", exif=exif)
    photo = read_photo(tmp_path / "a.png")
    assert photo.shape == (8, 6, 3)
    assert photo[0, 0].tolist() == list(RED)
    assert photo[-1, 0].tolist() == list(BLUE)


def test_first_frame_of_an_animation(tmp_path, picture):
    picture.save(tmp_path / "a.webp", save_all=True, append_images=[Image.new("RGB", (8, 6))], lossless=True)
    assert read_photo(tmp_path / "a.webp")[0, 0].tolist() == list(RED)


def test_srgb_profile_changes_no_value(tmp_path, picture):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    picture.save(tmp_path / "a.png", icc_profile=profile)
    assert read_photo(tmp_path / "a.png")[0, 0].tolist() == list(RED)
    picture.save(tmp_path / "b.png", icc_profile=b"not a profile")
    assert read_photo(tmp_path / "b.png")[0, 0].tolist() == list(RED)


def bomb(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds almost nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(8001, 8000), (13000, 13000), (100000, 100000)])
def test_oversized_picture_is_refused_before_decoding(tmp_path, size):
    (tmp_path / "a.png").write_bytes(bomb(*size))
    with pytest.raises(InputError, match="expected at most 64"):
        read_photo(tmp_path / "a.png")


def damaged_files() -> dict[str, bytes]:
    generator = np.random.default_rng(0)
    noise = Image.fromarray(generator.integers(0, 256, (64, 64, 3), np.uint8))
    files = {
        "text": b"hello",
        "zeros": bytes(1000),
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "png": bomb(64, 64),
    }
    for kind in ("PNG", "JPEG", "WEBP", "TIFF"):
        buffer = io.BytesIO()
        noise.save(buffer, kind)
        files[f"half {kind}"] = buffer.getvalue()[: len(buffer.getvalue()) // 2]
        files[f"head {kind}"] = buffer.getvalue()[:30]
    return files


@pytest.mark.parametrize("data", damaged_files().values(), ids=damaged_files().keys())
def test_damaged_file_is_refused(tmp_path, data):
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(InputError, match="expected"):
        read_photo(tmp_path / "a.jpg")


def test_random_damage_never_escapes_as_another_error(tmp_path, picture):
    generator = np.random.default_rng(1)
    for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        buffer = io.BytesIO()
        picture.resize((40, 30)).save(buffer, kind)
        for _ in range(40):
            data = bytearray(buffer.getvalue())
            for place in generator.integers(0, len(data), 4):
                data[place] = generator.integers(0, 256)
            (tmp_path / "a").write_bytes(data)
            with contextlib.suppress(InputError):
                assert read_photo(tmp_path / "a").shape[2] == 3


def test_empty_missing_and_folder(tmp_path):
    (tmp_path / "a.png").touch()
    with pytest.raises(InputError, match="empty"):
        read_photo(tmp_path / "a.png")
    with pytest.raises(InputError, match="does not exist"):
        read_photo(tmp_path / "b.png")
    with pytest.raises(InputError, match="is a folder"):
        read_photo(tmp_path)


def test_output_is_checked(tmp_path):
    image = torch.zeros(2, 2, 3, dtype=torch.uint8)
    with pytest.raises(InputError, match=r"expected \.png"):
        write_image(tmp_path / "a.txt", image)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="does not exist"):
        write_image(tmp_path / "file" / "a.png", image)


def test_enlarging_keeps_edges_in_place_and_adds_no_tone():
    """A dark and a bright half: every pixel has its block, and what lies far from the edge its tone."""
    picture = torch.zeros(6, 8, 3, dtype=torch.uint8)
    picture[:, 4:] = 200
    large = enlarged(picture, 3)
    assert (large.shape, large.dtype) == ((18, 24, 3), torch.uint8)
    assert large[:, :3].eq(0).all()
    assert large[:, -3:].eq(200).all()
    assert large[9, 11, 0] < 100 < large[9, 12, 0]
    assert torch.equal(enlarged(picture, 1), picture)
