from focusgen.phases.shared_content import Content, first_shared


def content(*digests: str, first: int = 0, n_frames: int = 4) -> Content:
    manifest = {"files": {f"{number}.png": digest for number, digest in enumerate(digests)}}
    return Content.of(manifest | ({"part": {"first_frame": first}} if first else {}), n_frames)


def test_names_do_not_hide_equal_bytes_and_their_order_counts():
    renamed = Content.of({"files": {"x.png": "1", "y.png": "2"}}, 4)
    assert content("1", "2").overlaps(renamed)
    assert not content("1", "2").overlaps(content("2", "1"))


def test_two_parts_of_one_video_are_apart_until_they_share_a_frame():
    assert not content("v", first=0).overlaps(content("v", first=4))
    assert content("v", first=0).overlaps(content("v", first=3))


def test_the_later_of_two_is_named_with_the_one_that_stays():
    contents = {name: content(digest) for name, digest in zip("abcd", "1121", strict=True)}
    assert first_shared(contents, dict.fromkeys("abcd", "train")) == {}
    splits = {"a": "train", "b": "train", "c": "val", "d": "test"}
    assert first_shared(contents, splits) == {"d": "a"}
