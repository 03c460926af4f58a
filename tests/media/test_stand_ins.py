"""A pointer or a saved web page in the place of a picture, a video or a depth map is called what it is."""

from __future__ import annotations

import pytest

from focusgen.base.errors import CorruptInputError
from focusgen.media.containers import demuxer_of
from focusgen.media.depth_codecs import READERS, read_depth_file
from focusgen.media.depth_units import DepthOptions
from focusgen.media.images import examine_image, read_bytes
from focusgen.media.stand_ins import stand_in, unread_picture

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
PAGE = b"\r\n<!DOCTYPE html>\n<html><body>Sign in</body></html>"


@pytest.mark.parametrize(("content", "words"), [(POINTER, "git lfs pull"), (PAGE, "a web page")])
def test_every_reader_says_what_stands_in_for_its_file(tmp_path, content, words):
    for suffix in READERS:
        path = tmp_path / f"a{suffix}"
        path.write_bytes(content)
        with pytest.raises(CorruptInputError, match=rf"a{suffix}: .*{words}"):
            read_depth_file(path, DepthOptions(1000.0))
    with pytest.raises(CorruptInputError, match=rf"b: is .*{words}"):
        demuxer_of(path, "b")
    with pytest.raises(CorruptInputError, match=rf"c: is .*{words}"):
        examine_image(read_bytes(path, "c"), "c")


def test_what_begins_like_a_media_file_stands_in_for_nothing():
    assert not any(map(stand_in, (b"", b"\x89PNG\r\n\x1a\n", b"Pf\n1 1\n", b"\0\0\0\x18ftypmp42", b"II*\0")))


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC picture"),
        (b"\0\0\0\x1cftypavif", "an AVIF picture"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "a JPEG 2000 picture"),
        (b"GIF89a", "a GIF picture"),
        (b"BM6\x90\0\0", "a BMP picture"),
        (b"II+\0\x08\0", "a BigTIFF picture"),
    ],
)
def test_a_picture_that_was_only_renamed_is_called_what_it_is(head, kind):
    with pytest.raises(CorruptInputError, match=rf"a\.jpg: is no .*, but {kind}: convert it to"):
        examine_image(head + bytes(64), "a.jpg")
    assert not any(map(unread_picture, (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"hello", b"II*\0")))
