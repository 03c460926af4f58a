"""The approval of the one max_coc by a person: bound to the statistics that the person looked at."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from focusgen.base.checksums import checksum
from focusgen.base.errors import ApprovalError, ConfigError
from focusgen.base.files import publish_json
from focusgen.base.names import shell_word
from focusgen.base.shipped import script_command
from focusgen.base.user import user_name
from focusgen.config import GRAPH, Config
from focusgen.dataset.layout import DatasetLayout
from focusgen.dataset.records import canonical, parse_object

IMPLAUSIBLE_SHARE_OF_SENSOR = 0.1  # a typical blur wider than a tenth of the frame is an outlier's
MOST_PIXELS = 30_000  # across a frame: less than the width of one of them is a slip of the pen or of a unit
MOST_TIMES_RECOMMENDED = 10.0  # one's own choice lies within two or three; a digit too many does not
SAID_BESIDE = ("p95_error", "is_rehearsal")  # younger than approvals, and not what is approved


def implausible(blur_m: float, sensor_width_m: float, name: str = "p95") -> str | None:
    """Return why a p95, or what is called otherwise, is no typical blur, None if it may be one."""
    if blur_m == 0.0:
        return f"{name} is 0: nearly all depth is constant, and what is focused on it shows no blur"
    if not math.isfinite(blur_m) or blur_m < 0.0:
        return f"{name} is not a positive number"
    limit_m = sensor_width_m * IMPLAUSIBLE_SHARE_OF_SENSOR
    if blur_m > limit_m:
        return f"{name} is {1e3 * blur_m:.2f} mm, wider than a tenth of the sensor ({1e3 * limit_m:.2f} mm)"
    return None


def stats_digest(path: Path) -> str | None:
    """Return the digest of coc_stats.json that an approval is bound to, None if there is no such file."""
    read = _read_stats(path)
    return None if read is None else read[1]


def _read_stats(path: Path) -> tuple[dict[str, Any], str] | None:
    """Return the statistics and their digest, of one reading; None if there is no such file."""
    try:
        stats = parse_object(path.read_bytes())
        said = {key: stats[key] for key in stats if key not in SAID_BESIDE}
        return stats, checksum(canonical(said))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path}: not JSON: {error}", "Run phase 4 again.") from error


def approve(cfg: Config, max_coc_m: float | None, *, automatic: bool = False) -> float:
    """Write the approval of the present statistics and return the approved max_coc in metres.

    Args:
        max_coc_m: a value of the person's own; None takes the recommended one.
        automatic: no person looked (`--auto_approve`); recorded as such.

    Raises:
        ConfigError: there are no statistics, or max_coc is no length.
        ApprovalError: nothing is recommended and no value was given.
    """
    dataset = DatasetLayout.of(cfg)
    path = cfg.calibrate.output_stats or dataset.coc_stats_json
    read = _read_stats(path)
    if read is None:
        raise ConfigError(f"{path}: no such file", _way_to_stats(dataset))
    stats, digest = read
    if "recommended_max_coc" not in stats:
        raise ConfigError(f"{path}: holds no statistics", "Run phase 4 again.")
    recommended = stats["recommended_max_coc"]
    value = max_coc_m if max_coc_m is not None else recommended
    if value is None:
        way = f"focusgen approve --out_root {shell_word(dataset.root)} --max_coc 0.0012"
        raise ApprovalError(f"{path} recommends nothing", f"Give a value: {way}")
    if not _is_length(value):
        raise ConfigError(f"max_coc must be a positive length in metres, not {value}")
    _mark_approved(cfg, dataset, stats, float(value))
    replaced = [other for other in approvals_m(dataset) if other != value]
    publish_json(
        dataset.coc_approval_json,
        {
            "max_coc": float(value),
            "recommended_max_coc": recommended,
            "coc_stats_digest": digest,
            "who": "automatic" if automatic else user_name(),
            "automatic": automatic,
            "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            **({"replaces": replaced} if replaced else {}),
        },
    )
    return float(value)


def approvals_m(dataset: DatasetLayout) -> list[float]:
    """Return each value that was approved until now, metres; none if no approval can be read."""
    try:
        approval = parse_object(dataset.coc_approval_json.read_bytes())
        return list(dict.fromkeys(map(float, [*approval.get("replaces", ()), approval["max_coc"]])))
    except (OSError, ValueError, KeyError, TypeError):
        return []  # it is replaced, whatever it was


def is_replaced_m(dataset: DatasetLayout, max_coc_m: float | None) -> bool:
    """Say whether a max_coc, metres, was approved once and another one is since."""
    return max_coc_m in approvals_m(dataset)[:-1]


def _way_to_stats(dataset: DatasetLayout) -> str:
    how = f"{script_command(GRAPH['calibrate'].script)} --out_root {shell_word(dataset.root)}"
    return f"Run phase 4 first: {how}"


def _is_length(value: object) -> bool:
    return isinstance(value, (int, float)) and math.isfinite(value) and value > 0


def _mark_approved(cfg: Config, dataset: DatasetLayout, stats: Mapping[str, Any], max_coc_m: float) -> None:
    """Draw the histogram anew with the approved value; a calibration of an older release kept none."""
    from focusgen.phases.coc_picture import CocBins, draw_histogram

    bins = CocBins.load(dataset.coc_histogram_npz)
    if bins is not None:
        draw_histogram(bins, stats, cfg.calibrate.output_plot or dataset.coc_histogram_png, max_coc_m)


def approved_max_coc_m(cfg: Config) -> float:
    """Return the max_coc of a valid approval, metres.

    Raises:
        ApprovalError: there is none, or the statistics are others than those approved.
    """
    dataset = DatasetLayout.of(cfg)
    stats_path = cfg.calibrate.output_stats or dataset.coc_stats_json
    how = f"Look at {dataset.coc_histogram_png}, then: focusgen approve --out_root {shell_word(dataset.root)}"
    if not stats_path.exists():
        how = _way_to_stats(dataset)
    try:
        approval = parse_object(dataset.coc_approval_json.read_bytes())
        value, digest = float(approval["max_coc"]), approval["coc_stats_digest"]
    except FileNotFoundError as error:
        raise ApprovalError("the calibration is not approved", how + _way_to_keep(dataset)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ApprovalError(f"{dataset.coc_approval_json}: damaged: {error!r}", how) from error
    if not _is_length(value):
        raise ApprovalError(f"{dataset.coc_approval_json}: damaged: max_coc is {value}", how)
    if digest != stats_digest(stats_path):
        text = "the approval is void: the calibration was made anew since"
        raise ApprovalError(text, how + _way_to_keep(dataset))
    return value


def _way_to_keep(dataset: DatasetLayout) -> str:
    """Return how scenes that are finished stay complete; "" where there is none."""
    finished_m = None
    with contextlib.suppress(ConfigError):  # phase 5 names a damaged note
        finished_m = finished_max_coc_m(dataset)
    return (
        "" if finished_m is None else f"\n(--max_coc {finished_m} keeps the scenes that are finished with it)"
    )


def max_coc_to_keep_m(dataset: DatasetLayout) -> float | None:
    """Return the max_coc of finished scenes, metres; None if no scene is finished.

    Raises:
        ConfigError: the note of it is damaged.
    """
    noted_m = finished_max_coc_m(dataset)
    if noted_m is None:
        return None
    is_any_finished = any(dataset.scene(path.name).done("render").exists() for path in dataset.root.iterdir())
    return noted_m if is_any_finished else None


def finished_max_coc_m(dataset: DatasetLayout) -> float | None:
    """Return the max_coc that was noted when a scene was finished last, metres; None if none was.

    Raises:
        ConfigError: the note of it is damaged.
    """
    path = dataset.max_coc_json
    if not path.exists():
        return None
    try:
        value_m = float(parse_object(path.read_bytes())["max_coc"])
        if not 0.0 < value_m < math.inf:
            raise ValueError(f"max_coc {value_m}")
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: damaged: {error!r}", "Delete it to go on.") from error
    return value_m


def warning_about(max_coc_m: float, cfg: Config) -> str | None:
    """Return what to tell a person who gives an implausible max_coc of their own, None if it is plausible."""
    least_m = cfg.optics.sensor_width_m / MOST_PIXELS
    if max_coc_m < least_m:
        return f"max_coc is {1e6 * max_coc_m:.3g} um, less than a pixel of any sensor: labels are 0 or 1"
    found = implausible(max_coc_m, cfg.optics.sensor_width_m, "max_coc")
    if found is None:
        return _far_from_recommended(max_coc_m, cfg)
    is_slip = max_coc_m > cfg.optics.sensor_width_m
    hint = f"; in metres {1e-3 * max_coc_m:g}, if {max_coc_m:g} was in millimetres" if is_slip else ""
    return found + hint


def _far_from_recommended(max_coc_m: float, cfg: Config) -> str | None:
    """Return what to tell of a value that is many times the recommended one, or as small a part of it."""
    read = None
    with contextlib.suppress(ConfigError):  # damaged statistics are named where they are approved
        read = _read_stats(cfg.calibrate.output_stats or DatasetLayout.of(cfg).coc_stats_json)
    recommended_m: Any = read[0].get("recommended_max_coc") if read is not None else None
    if not _is_length(recommended_m):
        return None
    times = max_coc_m / recommended_m
    if 1.0 / MOST_TIMES_RECOMMENDED <= times <= MOST_TIMES_RECOMMENDED:
        return None
    what = "nearly every label is 1" if times > 1.0 else "nearly every label is 0"
    return f"max_coc is {times:.3g} times the recommended {1e3 * recommended_m:.4g} mm: {what}"
