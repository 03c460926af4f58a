"""croissant.json: the data set in the words of machine-readable catalogues, responsible AI included."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from focusgen import __version__
from focusgen.base.checksums import file_sha256
from focusgen.base.errors import ConfigError
from focusgen.base.files import publish
from focusgen.dataset.records import read_record
from focusgen.tools.card_facts import Card, Source
from focusgen.tools.licences import strictest

if TYPE_CHECKING:
    from mlcroissant import FileObject, RecordSet

TEXT, INTEGER = "https://schema.org/Text", "https://schema.org/Integer"
COLUMNS: tuple[tuple[str, str, str], ...] = (
    ("file_name", TEXT, "sharp frame, 8-bit RGB PNG"),
    ("depth_path", TEXT, "NPZ, key depth: float16 metres"),
    ("scene", TEXT, "scene id"),
    ("frame", INTEGER, "frame number within the scene"),
    ("source", TEXT, "the footage's name"),
    ("ingest_digest", TEXT, "checksum of the footage"),
)


def write_croissant(root: Path, card: Card, source: Source, indices: Sequence[Path]) -> None:
    """Write croissant.json over the split indices."""
    import mlcroissant as mlc

    metadata = mlc.Metadata(
        name=card.name,
        description="Sharp frames, metric depth, focus labels and lens-true blur of the same frames.",
        conforms_to="http://mlcommons.org/croissant/1.0",
        license=[strictest(card.parts).licence],
        url=source.url or "https://example.org/not-published",
        version=__version__,
        date_published=_made_on(card),
        cite_as="See CITATION.cff of focusgen.",
        distribution=[_file(path) for path in indices],
        record_sets=[_record_set(path, card) for path in indices],
        data_collection=source.note or f"Video under {source.licence}, processed by focusgen.",
        data_collection_type=["Derived from existing video"],
        data_preprocessing_protocol=[card.made_by.sentence],
        data_annotation_protocol=["Labels are computed from depth and lens; no person annotated anything."],
        data_biases=["The lens law decides how often each depth is in focus; see metadata.json."],
        data_use_cases=["Training and evaluation of focus estimation and depth from focus."],
        data_limitations=["Blur is simulated; depth may be a network's."],
        personal_sensitive_information=["As in the footage: people may be visible."],
    )
    text = json.dumps(metadata.to_json(), indent=1, default=str)
    publish(root / "croissant.json", (text + "\n").encode())


def require_mlcroissant() -> None:
    """Refuse before any work if mlcroissant is not installed.

    Raises:
        ConfigError: says how to install it.
    """
    try:
        import mlcroissant  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "croissant.json is written by mlcroissant", "pip install 'focusgen[hub]'"
        ) from error


def _made_on(card: Card) -> datetime | None:
    """Return the day when the last scene was finished: of equal data always the same."""
    records = (read_record(scene.vetted.layout.done("render")) for scene in card.plan.scenes.values())
    days = {str(record.document["run"].get("started", ""))[:10] for record in records if record} - {""}
    return datetime.fromisoformat(max(days)) if days else None


def _file(path: Path) -> FileObject:
    import mlcroissant as mlc

    return mlc.FileObject(
        id=path.name,
        name=path.name,
        content_url=path.name,
        encoding_formats=["application/jsonlines"],
        sha256=file_sha256(path),
    )


def _record_set(path: Path, card: Card) -> RecordSet:
    import mlcroissant as mlc

    name = path.stem
    fields = [
        mlc.Field(
            id=f"{name}/{column}",
            name=column,
            description=what,
            data_types=[kind],
            source=mlc.Source(file_object=path.name, extract=mlc.Extract(column=column)),
        )
        for column, kind, what in _columns(card)
    ]
    return mlc.RecordSet(id=name, name=name, description=f"One record per frame of {name}.", fields=fields)


def _columns(card: Card) -> list[tuple[str, str, str]]:
    n_sets = max((scene.n_sets for scene in card.plan.scenes.values()), default=0)
    sets = [(f"bokeh_{k:02d}_file_name", TEXT, f"render through lens {k}, PNG") for k in range(n_sets)]
    if any(scene.vetted.has_clean for scene in card.plan.scenes.values()):
        sets += [
            (f"clean_{k:02d}_file_name", TEXT, f"the same before the sensor, {k}") for k in range(n_sets)
        ]
    if card.plan.has_flags:
        sets.append(("valid_path", TEXT, "PNG of flags of doubtful depth; empty where no pixel has any"))
    sets += [(f"focus_{k:02d}_path", TEXT, f"NPZ, key focus_map: label of lens {k}") for k in range(n_sets)]
    return [*COLUMNS, *sets]
