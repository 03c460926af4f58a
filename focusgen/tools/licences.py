"""Under which licence a data set may be passed on: the strictest of its footage and of every weight."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from focusgen.base.errors import ConfigError
from focusgen.config.graph import SCENE_PHASES
from focusgen.dataset.layout import SceneLayout
from focusgen.dataset.records import INPUTS, read_record

# What a licence asks of those who pass a work on, from nothing to everything; this only ranks.
_DEMANDS: Mapping[str, int] = {
    "cc0-1.0": 0,
    "public-domain": 0,
    "mit": 1,
    "bsd-3-clause": 1,
    "apache-2.0": 1,
    "cc-by-3.0": 2,
    "cc-by-4.0": 2,
    "cc-by-sa-3.0": 3,
    "cc-by-sa-4.0": 3,
    "odbl": 3,
    "cc-by-nc-4.0": 5,
    "cc-by-nc-sa-4.0": 6,
    "cc-by-nd-4.0": 7,
    "cc-by-nc-nd-4.0": 8,
}
_RESTRICTED = 5  # from here on trade or changes are forbidden
_UNKNOWN_NON_COMMERCIAL, _UNKNOWN = 9, 10  # nobody knows what it forbids, so it counts as the strictest


def _key(licence: str) -> str:
    """Return a licence as ids are written: `CC BY 4.0` is `cc-by-4.0`."""
    return re.sub(r"[\s_-]+", "-", licence.strip().casefold())


@dataclass(frozen=True)
class Part:
    """Something that the data set was made from, and its licence."""

    name: str
    licence: str

    @property
    def strictness(self) -> int:
        """How much it asks for."""
        key = _key(self.licence)
        if key in _DEMANDS:
            return _DEMANDS[key]
        return _UNKNOWN_NON_COMMERCIAL if "non-commercial" in key else _UNKNOWN

    @property
    def hub_id(self) -> str | None:
        """The licence's id in a card of Hugging Face, None where it has none."""
        key = _key(self.licence)
        return key if key in _DEMANDS and key != "public-domain" else None


def parts_of(scenes: Mapping[str, SceneLayout], source_licence: str) -> list[Part]:
    """Return the footage and every weight file that the records name, strictest first.

    Args:
        source_licence: of the footage, as its owner names it.
    """
    found = {("footage", source_licence)}
    for scene in scenes.values():
        for phase in SCENE_PHASES:
            record = read_record(scene.done(phase))
            notes = record.document["run"].get("weights", {}) if record is not None else {}
            names = record.document["weights"].keys() - INPUTS if record is not None else set()
            for name, note in notes.items():
                found.add(
                    (f"{name} ({note.get('source') or note.get('file')})", note.get("licence") or "unknown")
                )
                names.discard(name)
            found |= {(name, "unknown") for name in names}
    parts = [Part(name, licence) for name, licence in sorted(found)]
    return sorted(parts, key=lambda part: -part.strictness)


def strictest(parts: Sequence[Part]) -> Part:
    """Return the part whose licence holds for the whole.

    Nobody knows what an unknown licence forbids, nor whether it includes what another one does: then it is
    both.

    Args:
        parts: strictest first.
    """
    first = parts[0]
    others = [part for part in parts[1:] if part.strictness >= _RESTRICTED and part.licence != first.licence]
    if first.strictness < _UNKNOWN or not others:
        return first
    both = (first, others[0])
    return Part(" and ".join(part.name for part in both), " and ".join(part.licence for part in both))


def stricter_part(scenes: Mapping[str, SceneLayout], said: str) -> Part | None:
    """Return the weight whose licence asks for more than the one that a card says, None where none does.

    A card is older than a scene that was made anew since with another model.
    """
    strictest = parts_of(scenes, said)[0]
    return strictest if strictest.strictness > Part("card", said).strictness else None


def check_licence(source_licence: str) -> None:
    """Refuse a licence without a word.

    Raises:
        ConfigError: it is empty.
    """
    if not re.search(r"\w", source_licence):
        raise ConfigError(
            "--source_license is empty: nobody may pass the data set on", "Say an SPDX id or its name."
        )


def hub_licence(part: Part) -> dict[str, object]:
    """Return the keys of a card's front matter that say a licence; in words where it has no id there."""
    if part.hub_id is not None:
        return {"license": part.hub_id}
    plain = unicodedata.normalize("NFKD", part.licence.lower())
    name = re.sub(r"[^a-z0-9.]+", "-", "".join(c for c in plain if not unicodedata.combining(c))).strip("-")
    return {"license": "other", "license_name": name or "see-below"}
