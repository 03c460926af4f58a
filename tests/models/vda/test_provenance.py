"""Metric or relative: by digest, origin and the file's own name, whatever a link is called."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest

from focusgen.base.errors import ConfigError
from focusgen.models import weights
from focusgen.models.vda import provenance
from focusgen.models.vda.provenance import kind_of_name, metric_doubts, real_name

pytestmark = pytest.mark.usefixtures("own_cache")

REPOSITORIES = (("Metric-Video-Depth-Anything-Small", True), ("Video-Depth-Anything-Small", False))


def file(folder, name):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"some weights")
    return path


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("metric_video_depth_anything_vitl.pth", "metric"),
        ("Metric-Video-Depth-Anything-Small", "metric"),
        ("my.metric.finetune-vits.safetensors", "metric"),
        ("video_depth_anything_vits.pth", "relative"),
        ("Video-Depth-Anything-Large", "relative"),
        ("VideoDepthAnything_vitb.pth", "relative"),
        ("metric_relative_vits.pth", "relative"),
        ("model_nonmetric_vits.pth", "unknown"),
        ("non_metric_video_depth_anything_vits.pth", "unknown"),
        ("not-metric.pth", "unknown"),
        ("asymmetric_vits.pth", "unknown"),
        ("metricdepth_vits.pth", "unknown"),
        ("vda.pth", "unknown"),
    ],
)
def test_a_name_says_metric_only_as_a_word_of_its_own(name, kind):
    assert kind_of_name(name) == kind


@pytest.mark.parametrize("name", ["vda.pth", "model_nonmetric_vits.pth", "non_metric_vits.pth"])
def test_where_nobody_knows_a_person_is_asked(tmp_path, name):
    path = file(tmp_path, name)
    with pytest.raises(ConfigError, match="not known to be metric") as caught:
        metric_doubts(path, None)
    assert "depth.metric: true" in caught.value.advice and "weights fetch vda" in caught.value.advice
    (doubt,) = metric_doubts(path, True)
    assert "depth.metric alone" in doubt and name in doubt


def test_a_link_called_metric_is_followed(tmp_path):
    target = file(tmp_path, "video_depth_anything_vits.pth")
    link = tmp_path / "metric_link_vits.pth"
    link.symlink_to(target)
    chain = tmp_path / "metric_again.pth"
    chain.symlink_to(link)
    for path in (link, chain):
        with pytest.raises(ConfigError, match=rf"{path.name} -> .*{target.name}: a relative checkpoint"):
            metric_doubts(path, None)
    back = tmp_path / "video_depth_anything_vitb.pth"
    back.symlink_to(file(tmp_path, "metric_video_depth_anything_vitb.pth"))
    assert metric_doubts(back, None) == ()


def test_a_file_of_the_hubs_cache_is_judged_by_its_repository(tmp_path):
    for repository, is_metric in REPOSITORIES:
        folder = tmp_path / f"models--depth-anything--{repository}"
        blob = file(folder / "blobs", "0123456789abcdef")
        link = folder / "snapshots" / "abc" / "weights.pth"
        link.parent.mkdir(parents=True)
        link.symlink_to(blob)
        assert real_name(link) == repository
        if is_metric:
            assert metric_doubts(link, None) == ()
        else:
            with pytest.raises(ConfigError, match="a relative checkpoint"):
                metric_doubts(link, None)


def test_the_recorded_origin_tells_a_renamed_checkpoint(tmp_path):
    for repository, is_metric in REPOSITORIES:
        path = file(tmp_path / repository, "renamed.pth")
        record = weights.verify(path)
        weights.write_record(path, dataclasses.replace(record, source=f"depth-anything/{repository}"))
        if is_metric:
            assert metric_doubts(path, None) == ()
        else:
            with pytest.raises(ConfigError, match="fetched from depth-anything/Video-Depth-Anything-Small"):
                metric_doubts(path, None)


def test_known_digests_outweigh_names_and_words(tmp_path, monkeypatch):
    digest = hashlib.sha256(b"some weights").hexdigest()
    monkeypatch.setattr(provenance, "PUBLISHED_RELATIVE", {digest: "vits"})
    path = file(tmp_path, "metric_video_depth_anything_vits.pth")
    for word in (None, True):
        with pytest.raises(ConfigError, match="by its SHA-256 the published relative checkpoint of vits"):
            metric_doubts(path, word)
    monkeypatch.setattr(provenance, "PUBLISHED_RELATIVE", {})
    monkeypatch.setattr(provenance, "PUBLISHED_METRIC", {digest: "vits"})
    assert metric_doubts(file(tmp_path, "video_depth_anything_vits.pth"), None) == ()


def test_false_refuses_whatever_the_name_says(tmp_path):
    with pytest.raises(ConfigError, match="depth.metric is false"):
        metric_doubts(file(tmp_path, "metric_video_depth_anything_vits.pth"), False)


def test_published_digests_are_six_and_of_each_size_one():
    both = [provenance.PUBLISHED_METRIC, provenance.PUBLISHED_RELATIVE]
    assert all(sorted(digests.values()) == ["vitb", "vitl", "vits"] for digests in both)
    assert len({digest for digests in both for digest in digests}) == 6
