import random
import struct

import pytest

from focusgen.base.names import MediaError
from focusgen.media.containers import check_whole, demuxer_of
from tests.clips import moving_texture, sample_video, write_video

KINDS = {
    "a.mp4": ("libx264", "mov"),
    "a.mov": ("mpeg4", "mov"),
    "a.mkv": ("libx264", "matroska"),
    "a.webm": ("libvpx", "matroska"),
    "a.avi": ("mjpeg", "avi"),
}


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("videos")
    frames = moving_texture(12)
    for name, (codec, _) in KINDS.items():
        write_video(folder / name, frames, codec, "yuvj420p" if codec == "mjpeg" else "yuv420p")
    return folder


@pytest.mark.parametrize("name", KINDS)
def test_whole_containers_pass_and_their_content_tells_the_demuxer(videos, name, tmp_path):
    disguised = tmp_path / "clip.bin"
    disguised.write_bytes((videos / name).read_bytes())
    assert demuxer_of(disguised, "clip.bin") == KINDS[name][1]
    check_whole(disguised, "clip.bin", KINDS[name][1])


@pytest.mark.parametrize("name", KINDS)
def test_a_container_cut_inside_any_of_its_parts_is_found(videos, name, tmp_path):
    data = (videos / name).read_bytes()
    cut = tmp_path / name
    rng = random.Random(0)
    n_missed = 0
    for _ in range(60):
        cut.write_bytes(data[: rng.randrange(40, len(data))])
        try:
            check_whole(cut, name, KINDS[name][1])
        except MediaError as error:
            assert error.file == name
        else:
            n_missed += (
                1  # cut exactly between two parts: the declared length or the missing index tells later
            )
    assert n_missed <= 1


def test_a_damaged_length_inside_a_matroska_cluster_is_found(videos, tmp_path):
    data = bytearray((videos / "a.mkv").read_bytes())
    cluster = data.index(bytes.fromhex("1f43b675"))
    block = data.index(b"\xa3", cluster + 8)
    data[block + 1] ^= 0x20
    (tmp_path / "a.mkv").write_bytes(data)
    with pytest.raises(MediaError, match="at byte"):
        check_whole(tmp_path / "a.mkv", "a.mkv", "matroska")


@pytest.mark.parametrize("name", ["bikes", "bigbuckbunny", "carphone_pristine"])
def test_real_clips_are_whole(name):
    path = sample_video(name)
    check_whole(path, path.name, demuxer_of(path, path.name))


@pytest.mark.parametrize("trailer", [bytes(4096), b"\0\0\0\x10TRLR" + bytes(8), b"camera notes", b"x"])
def test_what_a_camera_adds_after_a_whole_mp4_is_no_damage(videos, trailer, tmp_path):
    padded = tmp_path / "a.mp4"
    padded.write_bytes((videos / "a.mp4").read_bytes() + trailer)
    check_whole(padded, "a.mp4", "mov")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"ffconcat version 1.0\nfile secret.mp4\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\nsecret.ts\n",
        b"<?xml version='1.0'?><MPD></MPD>",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\n",
        b"\x47" + bytes(187) * 4,
        b"FLV\x01\x05\x00\x00\x00\x09",
        b"RIFF\x24\x00\x00\x00WAVEfmt ",
        b"\x89PNG\r\n\x1a\n" + bytes(100),
    ],
)
def test_playlists_and_other_containers_are_no_videos(content, tmp_path):
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    with pytest.raises(MediaError, match="clip.mp4: is (empty|no mp4, mov, mkv, webm or avi video)"):
        demuxer_of(path, path.name)


@pytest.mark.parametrize("is_moov_first", [True, False])
def test_the_way_out_of_a_cut_mp4_is_one_that_is_there(tmp_path, is_moov_first):
    """Without its table of frames no program finds the frames; with it, the whole ones can be kept."""
    boxes = [struct.pack(">I4s", 8, b"moov"), struct.pack(">I4s", 400, b"mdat") + bytes(100)]
    path = tmp_path / "a.mp4"
    path.write_bytes(struct.pack(">I4s", 8, b"ftyp") + b"".join(boxes if is_moov_first else boxes[1:]))
    with pytest.raises(MediaError, match="truncated: box b'mdat'") as caught:
        check_whole(path, "a.mp4", "mov")
    assert ("-c copy" in caught.value.advice) is is_moov_first
    assert ("(moov) stood at the end" in caught.value.advice) is not is_moov_first


def test_what_is_whole_of_an_avi_is_decoded_since_its_packets_have_no_times_to_copy(tmp_path):
    path = tmp_path / "a.avi"
    path.write_bytes(struct.pack("<4sI4s", b"RIFF", 400, b"AVI ") + bytes(100))
    with pytest.raises(MediaError, match="truncated: chunk b'RIFF'") as caught:
        check_whole(path, "a.avi", "avi")
    assert "-c copy" not in caught.value.advice and "-c:v ffv1" in caught.value.advice
