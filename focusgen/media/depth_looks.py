"""Which known data set a depth file is named like, and the unit that it would then have."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Look:
    """What a name is known from.

    Attributes:
        data_set: its name.
        units_per_metre: of its 16-bit files.
        layout: value of --layout that reads its folders, "" if there is none.
    """

    data_set: str
    units_per_metre: float
    layout: str = ""


_LOOKS: tuple[tuple[str, tuple[Look, ...]], ...] = (
    (r"(.*/)?\d{9,10}\.\d{4,7}\.png", (Look("TUM RGB-D", 5000, "tum"),)),
    (r"(.*/)?depth_\d{5}\.png", (Look("Virtual KITTI 2", 100, "vkitti2"), Look("PointOdyssey", 65.535))),
    (r"(.*/)?\d{4}(_\d\d){2}_drive_\d{4}_sync_\w+_\d{10}_image_0\d\.png", (Look("KITTI", 256),)),
    (r"(.*/)?ibims[^/]*/(.*/)?depth/[^/]+\.png", (Look("iBims-1", 65535 / 50),)),
    (r"(.*/)?[0-9a-f]{32}_d\d_\d\.png", (Look("Matterport3D", 4000),)),
    (r"(.*/)?0000\d{6}\.png", (Look("KITTI", 256, "kitti"),)),
    (r"(.*/)?depth\d{6}\.png", (Look("Replica as NICE-SLAM has it", 6553.5, "replica"),)),
    (r"(.*/)?frame-\d{6}\.depth\.png", (Look("7-Scenes", 1000),)),
    (r"(.*/)?(0|[1-9]\d{0,4})\.png", (Look("ICL-NUIM", 5000, "tum"), Look("ScanNet", 1000, "scannet"))),
)


_TURNED = (
    "v = cv2.imread('NAME.png', -1); cv2.imwrite('NEW.png', v >> 3 | v << 13) has millimetres "
    "(--depth_scale 1000)."
)

_PACKED = (
    (
        r".*\.(geometric|photometric)\.png",
        "CO3D and Dynamic Replica name maps so whose 16 bits are a half-precision float, no whole number",
        "np.save('NAME.npy', cv2.imread('NAME.png', -1).view(np.float16)), times CO3D's scale_adjustment.",
    ),
    (
        r"(.*/)?depth/trajectory_\d{4}/\d{6}\.png",
        "Mid-Air keeps maps so whose 16 bits are a half-precision float, no whole number",
        "np.save('NAME.npy', cv2.imread('NAME.png', -1).view(np.float16)).",
    ),
    (
        r"(.*/)?\d{7}-\d{12}\.png",
        "SUN3D names maps so whose bits are turned by three",
        _TURNED,
    ),
    (
        r".*/depth_bfx/[^/]+\.png"
        r"|(.*/)?sun[-_]?rgb[-_]?d/(.*/)?depth/[^/]+\.png"
        r"|(.*/)?(kv1/(nyudata|b3dodata)|kv2/(kinect2data|align_kv2)|realsense/(lg|sa|sh|shr)"
        r"|xtion/(sun3ddata|xtion_align_data))/(.*/)?depth/[^/]+\.png",
        "SUN RGB-D keeps maps so whose bits are turned by three",
        f"{_TURNED} The folder of the new files must not be called as SUN RGB-D calls its own.",
    ),
)


def packed_bits(path: Path) -> tuple[str, str]:
    """Return (why the 16 bits of a file named so are no number of any unit, how to save depth from it)."""
    name = path.absolute().as_posix().lower()
    found = ((why, how) for pattern, why, how in _PACKED if re.fullmatch(pattern, name))
    return next(found, ("", ""))


def looks_of(path: Path) -> tuple[Look, ...]:
    """Return the data sets whose depth files are named like a file; several where the name fits several."""
    name = path.as_posix().lower()
    return next((looks for pattern, looks in _LOOKS if re.fullmatch(pattern, name)), ())


def unit_hint(path: Path) -> str:
    """Return what to say of a file of whole numbers in no stated unit; "" if its name tells nothing."""
    looks = looks_of(path)
    if not looks:
        return ""
    names = " or ".join(f"{look.data_set} ({look.units_per_metre:g} per metre)" for look in looks)
    flags = " or ".join(f"--depth_scale {look.units_per_metre:g}" for look in looks)
    layouts = " or ".join(f"phase 1 with --layout {look.layout}" for look in looks if look.layout)
    whole = f"; or run {layouts} on the data set's own folder" if layouts else ""
    return f"Named like {names}: say {flags} if it is{whole}."
