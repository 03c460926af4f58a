"""Settings files: one YAML file per experiment, built on others, checked, saved and replayed.

A file names what it builds on (`defaults: [base]`), later values win, a flag of the command line wins over
all. The fields themselves, with their defaults, stand in `settings`.
"""

from __future__ import annotations

import copy
import functools
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from focusgen.base.errors import ConfigError, reason_of
from focusgen.config.given_paths import paths_as_meant
from focusgen.config.origins import Origins
from focusgen.config.paths import find_paths
from focusgen.config.problems import problems_of, section_names
from focusgen.config.retired import without_retired
from focusgen.config.sections import Config
from focusgen.config.shipped import CONFIG_DIR, find

KEPT_IN = ((".focusgen", "config"), (".focusgen", "plans"))
"""Folders of a data set whose settings hold paths relative to the data set."""
_DUMPER = yaml.CSafeDumper if yaml.__with_libyaml__ else yaml.SafeDumper  # in C: ten times as fast
MAX_YAML_BYTES = 1 << 20
MAX_YAML_DEPTH = 12
MAX_DEFAULTS_DEPTH = 8


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses duplicate keys and aliases, and reads numbers as people write them."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(None, None, "aliases (*name) are not supported", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} is not text", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"key {key!r} stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


# PyYAML follows YAML 1.1, where 4:00:00 is 14,400 and 016 is 14, and 1e-3 without a dot is a string.
_INT = "tag:yaml.org,2002:int"
_Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in known if tag != _INT]
    for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    _INT, re.compile(r"^[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F]+)$"), list("-+0123456789")
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+(?:\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file, read safely.

    Raises:
        ConfigError: missing, too large, too deep, a duplicate key (with its line), not a mapping.
    """
    try:
        size = path.stat().st_size
        if size > MAX_YAML_BYTES:
            raise ConfigError(f"{path}: {size} bytes is no configuration (limit {MAX_YAML_BYTES})")
        document = copy.deepcopy(_parsed(path.read_text(encoding="utf-8")))
    except yaml.MarkedYAMLError as error:
        raise ConfigError(f"{path}{_place_of(error)}: {error.problem}{_how_to_write(error)}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no UTF-8 text", "Save it as UTF-8.") from error
    except (yaml.YAMLError, RecursionError, OSError) as error:
        raise ConfigError(f"{path}: {reason_of(error)}") from error
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: a configuration is a mapping, not a {type(document).__name__}")
    _check_depth(document, path)
    return document


@functools.lru_cache(maxsize=16)
def _parsed(text: str) -> object:
    """Return what a text says: all phases of a run keep the same one, and each reads those of the others."""
    return yaml.load(text, Loader=_Loader)


def _place_of(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    return f", line {mark.line + 1}" if mark is not None else ""


def _how_to_write(error: yaml.MarkedYAMLError) -> str:
    """Return the way out where the words of the YAML parser do not tell it."""
    if "'\\t'" in (error.problem or ""):
        return "; indent with spaces"
    if "alias" in (error.context or ""):
        return "; put quotes around what begins with *"
    return "; put quotes around what holds ': '" if "mapping values" in (error.problem or "") else ""


def parse_value(key: str, text: str) -> Any:
    """Return the value of one key that stands on a command line, by the same rules as in a file.

    Raises:
        ConfigError: the text is no value.
    """
    try:
        return yaml.load(text, Loader=_Loader)
    except (yaml.YAMLError, RecursionError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"--{key}: {text!r} is no value: {reason}", "Quote it as in a YAML file."
        ) from error


def _check_depth(node: object, path: Path, depth: int = 0) -> None:
    if depth > MAX_YAML_DEPTH:
        raise ConfigError(f"{path}: nested deeper than {MAX_YAML_DEPTH} levels")
    if isinstance(node, dict):
        for value in node.values():
            _check_depth(value, path, depth + 1)
    elif isinstance(node, list):
        for value in node:
            _check_depth(value, path, depth + 1)


def _resolve_defaults(path: Path, read: list[Path], chain: tuple[Path, ...] = ()) -> dict[str, Any]:
    """Return a file with what it builds on; `read` gains all of them, the ones that win last."""
    if path in chain or len(chain) > MAX_DEFAULTS_DEPTH:
        raise ConfigError(f"{path}: defaults form a loop: {' -> '.join(str(p) for p in (*chain, path))}")
    document = read_yaml(path)
    names = document.pop("defaults", [])
    if isinstance(names, str) or not isinstance(names, list):
        raise ConfigError(f"{path}: defaults must be a list, e.g. [base]")
    merged: dict[str, Any] = {}
    for name in names:
        merged = deep_merge(merged, _resolve_defaults(_find_default(str(name), path), read, (*chain, path)))
    read.append(path)
    return deep_merge(merged, document)


def _find_default(name: str, beside: Path) -> Path:
    file_name = name if name.endswith((".yaml", ".yml")) else f"{name}.yaml"
    for folder in (beside.parent, CONFIG_DIR):
        if (folder / file_name).is_file():
            return folder / file_name
    raise ConfigError(f"{beside}: default {name!r} found neither beside it nor in {CONFIG_DIR}")


def deep_merge(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `below` with the values of `above` on top; mappings are merged, anything else replaced.

    A section whose lines are all commented out reads as nothing and changes nothing.
    """
    merged = dict(below)
    for key, value in above.items():
        if isinstance(value, Mapping):
            merged[key] = deep_merge(_mapping(merged.get(key)), value)
        elif value is not None or key not in section_names():
            merged[key] = value
    return merged


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def load(path: Path | str | None = None, overrides: Mapping[str, Any] | None = None) -> Config:
    """Return the settings of a file with overrides on top.

    Args:
        path: YAML file; None for configs/base.yaml.
        overrides: dotted keys, e.g. {"depth.backend": "dryrun"}; None values are not set.

    Raises:
        ConfigError: names the flag or the file and line, the key and the nearest known key.
    """
    source = find(path) if path is not None else CONFIG_DIR / "base.yaml"
    files: list[Path] = []
    document = _resolve_defaults(source, files)
    origins = Origins(str(source), tuple(files), overrides)
    if source.parent.parts[-2:] in KEPT_IN:
        kept = find_paths(_checked(document, origins), source.parent.parent.parent)
        document = kept.model_dump(mode="json", by_alias=True)
    else:
        document = paths_as_meant(document, Config, origins.of)
    for dotted, value in (overrides or {}).items():
        if value is not None:
            document = deep_merge(document, _nest(dotted, value))
    return _checked(document, origins)


def _nest(dotted: str, value: object) -> dict[str, object]:
    first, _, rest = dotted.partition(".")
    return {first: _nest(rest, value)} if rest else {first: value}


def from_document(document: Mapping[str, Any], source: str) -> Config:
    """Return the checked settings of a merged mapping.

    Raises:
        ConfigError: names the source, the key and the nearest known key.
    """
    return _checked(document, Origins(source))


def _checked(document: Mapping[str, Any], origins: Origins) -> Config:
    try:
        return Config.model_validate(without_retired(document, origins.source))
    except ValidationError as error:
        told = "\n".join(f"{origins.of(key)}: {what}" for key, what in problems_of(error))
        raise ConfigError(told) from error


def dump(cfg: Config) -> str:
    """Return the resolved settings as YAML that `load` reads back to the same settings."""
    document = cfg.model_dump(mode="json", by_alias=True)
    return str(yaml.dump(document, Dumper=_DUMPER, sort_keys=False))
