"""Every way to read a data set and its exports gives the same arrays, for every sample and lens.

Three scenes of portrait frames, one to a split: doubtful depth in one, focus that moves in some sets, renders
kept from before the sensor.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import cv2
import numpy as np
import pytest

from focusgen import cli
from focusgen.config.data import SPLITS
from focusgen.data import FocusDataset, FocusShards
from tests.conftest import Rgbd

pytestmark = pytest.mark.slow

N_FRAMES, KINDS = 3, ("sharp", "bokeh", "depth", "focus", "valid", "clean")
Arrays: TypeAlias = "dict[str, np.ndarray]"
Samples: TypeAlias = "Iterator[tuple[tuple[str, int], Arrays]]"
"""((scene, frame), name -> array); "lenses" are [f, N, S_focus, max_coc] of each set."""


@pytest.fixture(scope="module")
def roots(tmp_path_factory) -> dict[str, Path]:
    """Return the data set and its exports; `offline` is what Hugging Face's loaders are told."""
    rgbd = Rgbd(tmp_path_factory.mktemp("same"))
    for seed, name in enumerate(("a: b", "é [1]", "c")):
        rgbd.add_scene(name, n_frames=N_FRAMES, seed=seed, width=32, height=48)
    path = rgbd.depth_root / "c" / "depth_0001.npy"
    depth_m = np.load(path)
    depth_m[0, 0] = np.inf
    np.save(path, depth_m)
    noisy = ["--render.sensor.noise_iso", "1600", "--render.keep_clean", "true"]
    assert rgbd.run("--lens.motion", "mixed", *noisy) == 0
    places = {"files": rgbd.out_root}
    say = ["--out_root", str(rgbd.out_root), "--source_license", "CC-BY-4.0"]
    for kind in ("webdataset", "parquet"):
        places[kind] = rgbd.root / kind
        assert cli.main(["export", kind, *say, "--dest", str(places[kind])]) == 0
    assert cli.main(["card", *say]) == 0
    places["hub"] = rgbd.root / "hub"
    return places


def png(data: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    return picture if picture.ndim == 2 else picture[..., ::-1]


def of_bytes(name: str, data: bytes) -> np.ndarray:
    """Return the array of a file, by the name of a member or column."""
    if name.startswith(("depth", "focus")):
        (array,) = np.load(io.BytesIO(data)).values()
        return array
    return png(data)


def of_document(document: dict[str, Any]) -> np.ndarray:
    return np.array([[lens[key] for key in ("f", "N", "S_focus", "max_coc")] for lens in document["lenses"]])


def expected(root: Path) -> Samples:
    """Read the published files as anybody would."""
    for scene, entry in json.loads((root / "scene_index.json").read_text()).items():
        sets = json.loads((root / scene / "metadata.json").read_text())["sets"]
        for t in range(entry["n_frames"]):
            files = {"sharp": f"frames_sharp/frame_{t:04d}.png", "depth": f"depth_maps/depth_{t:04d}.npz"}
            for k in range(len(sets)):
                files[f"bokeh_{k:02d}"] = f"bokeh_renders/set_{k:02d}/bokeh_{t:04d}.png"
                files[f"clean_{k:02d}"] = f"clean_renders/set_{k:02d}/clean_{t:04d}.png"
                files[f"focus_{k:02d}"] = f"focus_maps/set_{k:02d}/focus_{t:04d}.npz"
            arrays = {
                name: of_bytes(name, (root / scene / path).read_bytes()) for name, path in files.items()
            }
            flags = root / scene / f"depth_maps/valid_{t:04d}.png"
            arrays["valid"] = png(flags.read_bytes()) if flags.exists() else np.zeros((48, 32), np.uint8)
            distances_m = [lens.get("S_focus_per_frame", [lens["S_focus"]] * N_FRAMES)[t] for lens in sets]
            arrays["lenses"] = np.array(
                [
                    [lens["f"], lens["N"], s, lens["max_coc"]]
                    for lens, s in zip(sets, distances_m, strict=True)
                ]
            )
            yield (scene, t), arrays


def by_tarfile(roots: dict[str, Path]) -> Samples:
    found: dict[tuple[str, int], Arrays] = {}
    for path in roots["webdataset"].glob("*.tar"):
        with tarfile.open(path) as tar:
            for member in tar:
                scene, _, name = member.name.rpartition("/")
                frame, kind, *_ = name.split(".")
                data, arrays = tar.extractfile(member).read(), found.setdefault((scene, int(frame)), {})
                if kind == "json":
                    arrays["lenses"] = of_document(json.loads(data))
                else:
                    arrays[kind] = of_bytes(kind, data)
    yield from found.items()


def by_webdataset(roots: dict[str, Path]) -> Samples:
    import webdataset as wds

    paths = sorted(str(path) for path in roots["webdataset"].glob("*.tar"))
    for sample in wds.WebDataset(paths, shardshuffle=False):
        yield _of_row({key.partition(".")[0]: value for key, value in sample.items() if key[0] != "_"})


def _of_row(row: dict[str, Any]) -> tuple[tuple[str, int], Arrays]:
    """Return the sample of a row of bytes."""
    document = json.loads(row.pop("json"))
    data = {name: value for name, value in row.items() if isinstance(value, bytes)}
    arrays = {name: of_bytes(name, value) for name, value in data.items()}
    return (document["scene"], document["frame"]), {**arrays, "lenses": of_document(document)}


def by_pyarrow(roots: dict[str, Path]) -> Samples:
    import pyarrow.parquet as pq

    for path in roots["parquet"].glob("*.parquet"):
        yield from map(_of_row, pq.read_table(path, page_checksum_verification=True).to_pylist())


def _loaded(path: Path, roots: dict[str, Path]) -> Iterator[dict[str, Any]]:
    import datasets

    splits = datasets.load_dataset(str(path), cache_dir=str(roots["hub"]))
    assert set(splits) == {"train", "validation", "test"}
    for rows in splits.values():
        yield from rows


def by_load_dataset(roots: dict[str, Path]) -> Samples:
    """Read the data set itself by its card."""
    root = roots["files"]
    for row in _loaded(root, roots):
        arrays = {"sharp": np.asarray(row["image"]), "lenses": of_document(row)}
        arrays |= {name: np.asarray(row[name]) for name in row if name.startswith(("bokeh", "clean"))}
        for column in (name for name in row if name.endswith("_path") and row[name]):
            name = column.removesuffix("_path")
            arrays[name] = of_bytes(name, (root / row[column]).read_bytes())
        arrays.setdefault("valid", np.zeros((48, 32), np.uint8))
        yield (row["scene"], row["frame"]), arrays


def by_load_dataset_of_tars(roots: dict[str, Path]) -> Samples:
    for row in _loaded(roots["webdataset"], roots):
        names = {key.partition(".")[0]: value for key, value in row.items() if key[0] != "_"}
        document = names.pop("json")
        arrays = {
            name: np.asarray(next(iter(value.values())) if isinstance(value, dict) else value)
            for name, value in names.items()
        }
        for name in arrays:
            if name.startswith(("depth", "focus")):  # it hands floats on as Python's
                arrays[name] = arrays[name].astype(np.float16)
        yield (document["scene"], document["frame"]), {**arrays, "lenses": of_document(document)}


def by_load_dataset_of_tables(roots: dict[str, Path]) -> Samples:
    yield from map(_of_row, _loaded(roots["parquet"], roots))


def by_our_reader(roots: dict[str, Path]) -> Samples:
    for split in SPLITS:
        yield from _of_windows(list(FocusDataset(roots["files"], split, window=1, modalities=KINDS)))


def by_our_stream(roots: dict[str, Path]) -> Samples:
    for split in SPLITS:
        yield from _of_windows(list(FocusShards(roots["webdataset"], split, window=1, modalities=KINDS)))


def _of_windows(items: list[dict[str, Any]]) -> Samples:
    found: dict[tuple[str, int], Arrays] = {}
    lenses: dict[tuple[str, int], list[list[float]]] = {}
    for item in items:
        key = item["scene"], int(item["frames"][0])
        arrays = found.setdefault(key, {})
        arrays["sharp"] = item["sharp"][0].permute(1, 2, 0).numpy()
        arrays["depth"], arrays["valid"] = item["depth"][0, 0].numpy(), item["valid"][0, 0].numpy()
        for kind in ("bokeh", "clean"):
            arrays[f"{kind}_{item['set']:02d}"] = item[kind][0].permute(1, 2, 0).numpy()
        arrays[f"focus_{item['set']:02d}"] = item["focus"][0, 0].numpy()
        lens = item["lens"]
        lenses.setdefault(key, []).append([lens["f"], lens["N"], float(lens["S_focus"]), lens["max_coc"]])
    for key, arrays in found.items():
        yield key, {**arrays, "lenses": np.array(lenses[key])}


WAYS: tuple[Callable[[dict[str, Path]], Samples], ...] = (
    *(by_tarfile, by_webdataset, by_pyarrow, by_our_reader, by_our_stream),
    *(by_load_dataset, by_load_dataset_of_tars, by_load_dataset_of_tables),
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_arrays_are_those_of_the_files(roots, way, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    compare(dict(way(roots)), dict(expected(roots["files"])))


def compare(found: dict[tuple[str, int], Arrays], wanted: dict[tuple[str, int], Arrays]) -> None:
    assert found.keys() == wanted.keys() and len(wanted) == 3 * N_FRAMES
    for key, arrays in wanted.items():
        assert found[key].keys() == arrays.keys(), key
        for name, array in arrays.items():
            assert np.array_equal(found[key][name], array), (key, name)


def test_packed_scenes_give_the_same_arrays(roots):
    """Last of this file: it packs what the others read."""
    wanted = dict(expected(roots["files"]))
    assert any(arrays["valid"].any() for arrays in wanted.values())
    distances_m = {tuple(arrays["lenses"][:, 2]) for arrays in wanted.values()}
    assert len(distances_m) > 3, "focus moves"
    assert cli.main(["pack", "--out_root", str(roots["files"])]) == 0
    compare(dict(by_our_reader(roots)), wanted)
