"""Focus distances of XMP packets, as Camera Raw and Lightroom write them; and what is none."""

from __future__ import annotations

import math

import pytest

from focusgen.media.xmp import metres_of, xmp_focus_distance_m

AUX, EXIF = "http://ns.adobe.com/exif/1.0/aux/", "http://ns.adobe.com/exif/1.0/"


def packet(attributes: str = "", elements: str = "") -> bytes:
    """Return a packet with padding, as writers leave it to be changed in place."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:aux="{AUX}" xmlns:exif="{EXIF}" {attributes}>{elements}'
        f"</rdf:Description></rdf:RDF></x:xmpmeta>{' ' * 100}<?xpacket end='w'?>\0\0"
    ).encode()


@pytest.mark.parametrize(
    ("attributes", "elements"),
    [
        ('aux:ApproximateFocusDistance="72/100"', ""),
        ('aux:ApproximateFocusDistance="0.72"', ""),
        ("", "<aux:ApproximateFocusDistance> 72/100\n</aux:ApproximateFocusDistance>"),
        ('exif:SubjectDistance="72/100"', ""),
        ('aux:ApproximateFocusDistance="5/1" exif:SubjectDistance="18/25"', ""),
        ('aux:ApproximateFocusDistance="72/100" exif:SubjectDistance="0/1"', ""),
    ],
)
def test_any_way_of_writing_gives_the_same_metres(attributes, elements):
    assert xmp_focus_distance_m(packet(attributes, elements)) == pytest.approx(0.72)


def test_names_count_by_their_namespace_and_not_by_their_prefix():
    other = packet('aux:ApproximateFocusDistance="72/100"').replace(b"aux:", b"a:").replace(b":aux=", b":a=")
    assert xmp_focus_distance_m(other) == pytest.approx(0.72)
    assert (
        xmp_focus_distance_m(packet('aux:ApproximateFocusDistance="1"').replace(AUX.encode(), b"x")) is None
    )


@pytest.mark.parametrize("text", ["4294967295/1", "4294967295", "4294967295/0", "4294967295/1000"])
def test_the_largest_number_is_infinity(text):
    assert metres_of(text) == math.inf


@pytest.mark.parametrize("text", ["0/1", "0", "", "1/0", "-1/2", "nan", "near", "1/x", "0/0"])
def test_what_is_no_distance_is_unknown(text):
    assert metres_of(text) is None


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no xml",
        packet(),
        packet('aux:ApproximateFocusDistance="0/1"'),
        packet('aux:ApproximateFocusDistance="1"')[:200],
        b'<?xml version="1.0" encoding="x-unknown"?><a/>',
        b'<!DOCTYPE a [<!ENTITY b "1">]>' + packet('aux:ApproximateFocusDistance="1"'),
    ],
)
def test_a_packet_that_says_nothing_or_is_none_is_no_error(data):
    assert xmp_focus_distance_m(data) is None
