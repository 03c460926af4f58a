"""Rules of decoding are names in records of finished scenes: they outlive a release."""

from __future__ import annotations

from focusgen.media import rules


def test_recorded_names_do_not_change():
    # A name that changed would not be applied to a scene that was indexed with it: other pixels, half way.
    assert {"stream", "crop", "profile", "tiff", "exif", "deep"} == rules.ALL_RULES
    named = (rules.STREAM, rules.CROP, rules.PROFILE, rules.TIFF_LAYOUT, rules.EXIF_LONG, rules.DEEP_LEVELS)
    assert named == ("stream", "crop", "profile", "tiff", "exif", "deep")
