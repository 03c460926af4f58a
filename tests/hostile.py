"""Makers of hostile media: each case is a name and a function that writes it below a folder."""

from __future__ import annotations

import io
import pickle
import random
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image

from tests.clips import encoded, moving_texture, png_bomb, png_chunk, write_images, write_video

N_FRAMES = 6
Case = tuple[str, Callable[[Path], None]]
CONTAINERS = {
    "a.mp4": {"codec": "libx264"},
    "b.mkv": {"codec": "libx264"},
    "c.webm": {"codec": "libvpx"},
    "d.avi": {"codec": "mjpeg", "pixel_format": "yuvj420p"},
    "e.mov": {"codec": "mpeg4"},
}


def damaged(data: bytes, kind: str, seed: int) -> bytes:
    """Return bytes with one kind of damage at a place that the seed chooses."""
    rng = random.Random(f"{kind}{seed}")
    at, span = rng.randrange(len(data)), max(1, len(data) // 16)
    other = rng.randrange(max(1, len(data) - span))
    before, here, after = data[:at], data[at : at + span], data[at + span :]
    return {
        "flip": lambda: before + bytes([data[at] ^ (1 << rng.randrange(8))]) + data[at + 1 :],
        "byte": lambda: before + rng.randbytes(1) + data[at + 1 :],
        "cut": lambda: data[: max(1, at)],
        "cut front": lambda: data[at:],
        "zeros": lambda: before + bytes(len(here)) + after,
        "junk": lambda: before + rng.randbytes(span) + data[at:],
        "copied": lambda: before + data[other : other + span] + after,
        "twice": lambda: data + data,
        "big number": lambda: before + b"\x7f\xff\xff\xff" + data[at + 4 :],
    }[kind]()


DAMAGES = ("flip", "byte", "cut", "cut front", "zeros", "junk", "copied", "twice", "big number")


def file_case(name: str, data: bytes) -> Case:
    """Return a case that is one file."""
    return name, lambda folder: (folder / name).write_bytes(data) and None


def folder_case(name: str, files: dict[str, bytes]) -> Case:
    """Return a case that is a folder of files."""

    def write(folder: Path) -> None:
        (folder / name).mkdir()
        for file, data in files.items():
            (folder / name / file).write_bytes(data)

    return name, write


def videos(scratch: Path) -> dict[str, bytes]:
    """Return a small whole video of each container."""
    made = {}
    for name, options in CONTAINERS.items():
        path = write_video(scratch / name, moving_texture(N_FRAMES), **options)
        made[name] = path.read_bytes()
    return made


def damaged_videos(scratch: Path, n_seeds: int) -> Iterator[Case]:
    """Yield videos with every kind of damage."""
    for name, data in videos(scratch).items():
        stem, suffix = name.split(".")
        yield file_case(f"whole_{stem}.{suffix}", data)
        for kind in DAMAGES:
            for seed in range(n_seeds):
                label = f"{stem}_{kind.replace(' ', '_')}_{seed}.{suffix}"
                yield file_case(label, damaged(data, kind, seed))


def damaged_images(n_seeds: int) -> Iterator[Case]:
    """Yield folders of images, one of which is damaged."""
    picture = Image.fromarray(moving_texture(1)[0])
    for kind, suffix in (("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp"), ("TIFF", "tif")):
        whole = encoded(picture, kind)
        for damage in DAMAGES:
            for seed in range(n_seeds):
                files = {f"{index}.{suffix}": whole for index in range(3)}
                files[f"1.{suffix}"] = damaged(whole, damage, seed)
                yield folder_case(f"{suffix}_{damage.replace(' ', '_')}_{seed}", files)


def bombs() -> Iterator[Case]:
    """Yield images that claim, or inflate to, far more than they hold."""
    whole = encoded(Image.fromarray(moving_texture(1)[0]), "PNG")
    sizes = [(2**31 - 1, 2**31 - 1), (100_000, 100_000), (65_535, 65_535), (0, 9), (8001, 8001)]
    for number, size in enumerate(sizes):
        yield folder_case(f"png_bomb_{number}", {"0.png": whole, "1.png": png_bomb(*size)})
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0))
    flood = png_chunk(b"IDAT", zlib.compress(bytes(300 << 20), 9))
    text = png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(200 << 20), 9))
    tail = png_chunk(b"IDAT", zlib.compress(bytes(48 * 193))) + png_chunk(b"IEND", b"")
    yield folder_case("png_flood", {"0.png": b"\x89PNG\r\n\x1a\n" + header + flood + png_chunk(b"IEND", b"")})
    yield folder_case("png_text_flood", {"0.png": b"\x89PNG\r\n\x1a\n" + header + text + tail})
    jpeg = bytearray(encoded(Image.fromarray(moving_texture(1)[0]), "JPEG"))
    at = jpeg.index(b"\xff\xc0") + 5
    jpeg[at : at + 4] = struct.pack(">HH", 65_500, 65_500)
    yield folder_case("jpeg_bomb", {"0.jpg": bytes(jpeg)})
    tiff = encoded(Image.new("RGB", (12_000, 12_000)), "TIFF", compression="tiff_deflate")
    yield folder_case("tiff_bomb", {"0.tif": tiff})
    frames = [Image.fromarray(f) for f in moving_texture(3)]
    for kind in ("PNG", "WEBP", "TIFF"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        yield folder_case(f"animated_{kind.lower()}", {f"0.{kind.lower()}": data})
    yield folder_case("no_pictures", {"readme.txt": b"nothing"})
    yield folder_case("empty_pictures", {"0.png": b"", "1.png": b""})
    large, small = whole, encoded(Image.fromarray(moving_texture(1, 32, 24)[0]), "PNG")
    yield folder_case("changing_size", {"0.png": large, "1.png": large, "2.png": small})


def false_counts(scratch: Path) -> Iterator[Case]:
    """Yield videos whose header claims another number of frames than there are, or another size."""
    made = videos(scratch)
    for box in (b"stsz", b"stts", b"stsc", b"stco", b"mdhd", b"tkhd", b"mvhd", b"elst"):
        for number, claim in enumerate((0, 1, 1_000_000, 0x7FFFFFFF)):
            data = bytearray(made["a.mp4"])
            at = data.find(box)
            offset = {b"stsz": 12, b"mdhd": 20, b"tkhd": 24, b"mvhd": 20}.get(box, 8)
            data[at + offset : at + offset + 4] = claim.to_bytes(4, "big")
            yield file_case(f"claims_{box.decode()}_{number}.mp4", bytes(data))
    for number, claim in enumerate((0, 3, 1_000_000)):
        data = bytearray(made["d.avi"])
        at = data.index(b"avih") + 8 + 16
        data[at : at + 4] = claim.to_bytes(4, "little")
        yield file_case(f"claims_avih_{number}.avi", bytes(data))
    for suffix in ("mkv", "avi", "mov"):
        yield f"resized.{suffix}", _write_resized
    for suffix in ("mp4", "mkv", "avi"):
        yield f"no_frames.{suffix}", _write_no_frames


def _write_resized(folder: Path) -> None:
    for suffix in ("mkv", "avi", "mov"):
        with av.open(str(folder / f"resized.{suffix}"), "w") as output:
            stream: Any = output.add_stream("mjpeg", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
            for index in range(6):
                size = (64, 48) if index < 3 else (96, 80)
                packet = av.Packet(encoded(Image.fromarray(moving_texture(1, *size)[0]), "JPEG"))
                packet.stream, packet.pts, packet.dts = stream, index, index
                packet.time_base = Fraction(1, 25)
                output.mux(packet)


def _write_no_frames(folder: Path) -> None:
    for suffix in ("mp4", "mkv", "avi"):
        with av.open(str(folder / f"no_frames.{suffix}"), "w") as output:
            stream: Any = output.add_stream("mpeg4", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
            output.start_encoding()


def disguises(scratch: Path, secret: Path) -> Iterator[Case]:
    """Yield what is not what its name says; `secret` is a file that must never be opened."""
    made = videos(scratch)
    texts = {
        "ffconcat": f"ffconcat version 1.0\nfile '{secret}'\n",
        "m3u8": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n",
        "html": "<html><script>alert(1)</script></html>",
        "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "mpd": f"<?xml version='1.0'?><MPD><Period><BaseURL>file://{secret}</BaseURL></Period></MPD>",
        "svg": "<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
        "shell": "#!/bin/sh\ntouch /tmp/owned\n",
        "imf": "<?xml version='1.0'?><AssetMap/>",
        "sub": "1\n00:00:00,000 --> 00:00:01,000\nhello\n",
        "yaml": "a: &a [x]\n" + "".join(f"b{i}: [*a, *a]\n" for i in range(50)),
        "json": "[" * 100_000,
        "nothing": "",
    }
    binary = {name: text.encode() for name, text in texts.items()}
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("../../evil.png", bytes(1 << 20))
    binary |= {
        "zip": archive.getvalue(),
        "pickle": pickle.dumps({"a": 1}),
        "elf": b"\x7fELF" + bytes(4096),
        "zeros": bytes(1 << 16),
        "noise": random.Random(0).randbytes(1 << 16),
        "gif": encoded(Image.fromarray(moving_texture(1)[0]), "GIF"),
        "picture": encoded(Image.fromarray(moving_texture(1)[0]), "PNG"),
        "box": b"\0\0\0\x18ftypisom\0\0\x02\0isommp41" + b"\0\0\0\x08free",
    }
    for name, data in binary.items():
        for suffix in ("mp4", "mkv"):
            yield file_case(f"{name}_as.{suffix}", data)
        yield folder_case(f"{name}_as_png", {"0.png": data, "1.png": data})
    for name, data in made.items():
        stem, suffix = name.split(".")
        for other in ("mp4", "avi"):
            if other != suffix:
                yield file_case(f"{stem}_{suffix}_as.{other}", data)
    yield folder_case("video_as_png", {"0.png": made["a.mp4"]})
    yield "jpeg_as_png", lambda folder: _write_jpeg_as_png(folder)


def _write_jpeg_as_png(folder: Path) -> None:
    for path in write_images(folder / "jpeg_as_png", moving_texture(3), ".jpg"):
        path.rename(path.with_suffix(".png"))


# --- depth


def hostile_depths(n_seeds: int) -> Iterator[tuple[str, Callable[[Path], None]]]:
    """Yield (scene, writer into the depth root) for scenes of two frames of 16x16."""
    good = np.linspace(1, 4, 2 * 256, dtype=np.float32).reshape(2, 16, 16)
    yield "good", lambda root: np.save(root / "good.npy", good) and None
    for kind in ("npy", "npz", "npz_folder", "png_folder"):
        for damage in DAMAGES:
            for seed in range(n_seeds):
                name = f"{kind}_{damage.replace(' ', '_')}_{seed}"
                yield name, _damaged_depth(name, kind, damage, seed, good)
    for name, array in odd_arrays(good).items():
        yield name, lambda root, name=name, array=array: np.save(root / f"{name}.npy", array) and None
    for name, data in npy_bombs().items():
        yield name, lambda root, name=name, data=data: (root / f"{name}.npy").write_bytes(data) and None
        yield f"{name}_z", lambda root, name=name, data=data: _zip_bomb(root / f"{name}_z.npz", data)


def _damaged_depth(name: str, kind: str, damage: str, seed: int, good: Any) -> Callable[[Path], None]:
    def write(root: Path) -> None:
        buffer = io.BytesIO()
        if kind == "npy":
            np.save(buffer, good)
            (root / f"{name}.npy").write_bytes(damaged(buffer.getvalue(), damage, seed))
            return
        if kind == "png_folder":
            data = encoded(Image.fromarray((good[0] * 1000).astype(np.uint16)), "PNG")
        else:
            np.savez_compressed(buffer, depth=good if kind == "npz" else good[0])
            data = buffer.getvalue()
        if kind == "npz":
            (root / f"{name}.npz").write_bytes(damaged(data, damage, seed))
            return
        suffix = kind.removesuffix("_folder")
        (root / name).mkdir()
        (root / name / f"0.{suffix}").write_bytes(data)
        (root / name / f"1.{suffix}").write_bytes(damaged(data, damage, seed))

    return write


def odd_arrays(good: Any) -> dict[str, Any]:
    """Return arrays that are whole, and no usable depth of two frames."""
    return {
        "all_nan": np.full_like(good, np.nan),
        "all_inf": np.full_like(good, np.inf),
        "all_zero": np.zeros_like(good),
        "negative": -good,
        "too_far": good * 1e6,
        "tiny": good * 1e-30,
        "doubles": good.astype(np.float64) * 1e300,
        "complex": good.astype(np.complex64),
        "integers": good.astype(np.int64),
        "text": np.array([["a", "b"]]),
        "dates": np.zeros((2, 16, 16), "M8[s]"),
        "records": np.zeros((2, 16, 16), [("z", "f4")]),
        "one_frame": good[:1],
        "three_frames": np.concatenate([good, good[:1]]),
        "no_frames": good[:0],
        "flat": good.reshape(-1),
        "scalar": np.float32(1),
        "wide": np.ones((2, 16, 400), np.float32),
        "column_ordered": np.asfortranarray(good),
        "big_endian": good.astype(">f4"),
    }


def npy_bombs() -> dict[str, bytes]:
    """Return npy bytes whose header lies or is itself an attack."""

    def npy(header: str, body: bytes = b"") -> bytes:
        text = header.encode() + b"\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + body

    def header(descr: str, shape: str) -> str:
        return f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}"

    return {
        "claims_8_tb": npy(header("<f4", "(2, 1000000, 1000000)")),
        "claims_negative": npy(header("<f4", "(2, -16, 16)"), bytes(2048)),
        "objects": npy(header("|O", "(2,)"), pickle.dumps([1, 2])),
        "calls": npy("__import__('os').system('touch /tmp/owned')"),
        "deep": npy("(" * 9000),
        "no_header": b"\x93NUMPY\x01\x00\xff\xff",
        "other_version": b"\x93NUMPY\x09\x00" + bytes(100),
        "overflow": npy(header("<f4", "(4294967296, 4294967296, 4)")),
    }


def _zip_bomb(path: Path, data: bytes) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("depth.npy", data + bytes(64 << 20))
