"""What a scene looks like: a contact sheet and a video of sharp | depth | focus | bokeh, with scales.

Made from published files only, one frame at a time, so it shows what a loader will get. Scenes that have not
been rendered yet show what they have: depth is worth a look before the calibration is approved.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from focusgen.base.errors import ConfigError
from focusgen.base.files import make_folder, publish, replacing
from focusgen.phases.coc_picture import REHEARSAL
from focusgen.tools.preview_charts import draw_focus_curve, draw_label_histogram, label_shares
from focusgen.tools.preview_scales import FAINT, INK, draw_bar, metres
from focusgen.tools.preview_view import RawReader, Rgb, SceneView, Strip, look_at

if TYPE_CHECKING:
    from PIL import ImageFont
    from PIL.Image import Image

PAPER, WARNING = (22, 24, 28), (255, 178, 66)
SHEET_PANEL_PX = (320, 240)  # panels fit into this: six columns stay below 2,250 pixels
VIDEO_PANEL_PX = (640, 480)
LEFT_PX, RIGHT_PX, HEADER_PX, GAP_PX = 136, 124, 92, 8
CHART_PX, CHART_WIDTH_PX = 120, 320
TITLE_BAND_PX, SCALE_BAND_PX = 26, 50
FPS_OF_IMAGES = 12.0  # a folder of images has no rate of its own
WATCHABLE_FPS = (2.0, 120.0)  # an hour's gap in the time stamps makes an average rate that nobody can watch
VIDEO_CODECS = ("libx264", "mpeg4")  # the second where FFmpeg was built without the first
COLUMNS_OF_CELLS = {1: 1, 2: 2, 3: 3, 4: 2, 5: 3}


def make_preview(
    scene_dir: Path,
    out_png: Path,
    out_mp4: Path | None,
    set_index: int = 0,
    n_columns: int = 6,
    raw_reader: RawReader | None = None,
) -> SceneView:
    """Write the contact sheet and the video of a scene, and return what they show.

    Args:
        scene_dir: the scene's folder in the data set.
        out_png: contact sheet, n_columns frames spread over the scene.
        out_mp4: every frame, side by side; None for none.
        n_columns: frames on the sheet.
        raw_reader: (start, stop) -> raw frames, uint8 RGB; adds them in front, to see before and after.

    Raises:
        MissingUpstreamError: no sharp frame is published.
        ConfigError: there is no such lens set.
        CorruptInputError: names the damaged file.
        StorageError: the disk is full, limited or read-only.
    """
    view = look_at(scene_dir, set_index, raw_reader)
    buffer = BytesIO()
    contact_sheet(view, n_columns).save(buffer, "PNG")
    for path in (out_png, out_mp4):
        if path is not None:
            make_folder(path.parent)
    publish(out_png, buffer.getvalue())
    if out_mp4 is not None:
        write_video(view, out_mp4)
    return view


def contact_sheet(view: SceneView, n_columns: int = 6) -> Image:
    """Return the sheet: one row per kind of picture, frames spread over the scene from left to right."""
    from PIL import Image, ImageDraw

    n_columns = max(1, min(n_columns, view.n_frames))
    frames = [round(i * (view.n_frames - 1) / max(1, n_columns - 1)) for i in range(n_columns)]
    panel_w, panel_h = view.panel_size(SHEET_PANEL_PX)
    row_px = panel_h + GAP_PX
    bars_left = LEFT_PX + n_columns * (panel_w + GAP_PX) + 20
    width = max(bars_left + RIGHT_PX - 20, _heading_width(view))
    charts_top = HEADER_PX + len(view.strips) * row_px + GAP_PX
    n_charts = int(view.read_label is not None) + int(bool(view.focus_distances_m))
    canvas = Image.new("RGB", (width, charts_top + CHART_PX * n_charts), PAPER)
    draw = ImageDraw.Draw(canvas)
    _heading(canvas, view)
    for column, frame in enumerate(frames):
        centre = LEFT_PX + column * (panel_w + GAP_PX) + panel_w / 2
        draw.text((centre, HEADER_PX - 6), f"frame {frame}", font=_font(13), fill=FAINT, anchor="mb")
    for row, strip in enumerate(view.strips):
        top = HEADER_PX + row * row_px
        draw.text((16, top + panel_h / 2 - 3), strip.title, font=_font(18, bold=True), fill=INK, anchor="lb")
        draw.text((16, top + panel_h / 2 + 3), strip.note, font=_font(11), fill=FAINT, anchor="lt")
        for column, frame in enumerate(frames):
            panel = _panel(strip, frame, (panel_w, panel_h))
            canvas.paste(panel, (LEFT_PX + column * (panel_w + GAP_PX), top))
        if strip.scale is not None:
            bar = (bars_left, top, bars_left + 16, top + panel_h)
            draw_bar(canvas, bar, strip.scale, _font(12), "up")
    _charts(canvas, view, frames, charts_top)
    return canvas


def _charts(canvas: Image, view: SceneView, frames: Sequence[int], top: int) -> None:
    """Paint the histogram of the labels of the frames that are shown, and S over time where it moves."""
    box = (LEFT_PX, top + 20, LEFT_PX + CHART_WIDTH_PX, top + CHART_PX - 24)
    if view.read_label is not None:
        shares = label_shares([view.read_label(frame) for frame in frames])
        draw_label_histogram(canvas, box, shares, _font(12))
        box = (box[0], box[1] + CHART_PX, box[2], box[3] + CHART_PX)
    if view.focus_distances_m:
        draw_focus_curve(canvas, box, view.focus_distances_m, _font(12))


def _heading(canvas: Image, view: SceneView) -> None:
    from PIL import ImageDraw

    draw = ImageDraw.Draw(canvas)
    draw.text((16, 12), view.scene_id, font=_font(24, bold=True), fill=INK, anchor="lt")
    draw.text((16, 46), _facts(view), font=_font(14), fill=FAINT, anchor="lt")
    if view.is_rehearsal:
        corner = (canvas.width - 16, 14)
        draw.text(corner, REHEARSAL, font=_font(15, bold=True), fill=WARNING, anchor="rt")


def _facts(view: SceneView) -> str:
    rate = f", {view.fps:.3g} fps" if view.fps else ""
    if rate_note(view):
        rate += f" on average (video: {video_fps(view):g} fps)"
    return f"{view.n_frames} frames of {view.width} x {view.height}{rate};  {view.lens_text}"


def video_fps(view: SceneView) -> float:
    """Return the rate of the preview video: the scene's own where it can be watched."""
    slowest, fastest = WATCHABLE_FPS
    return view.fps if view.fps and slowest <= view.fps <= fastest else FPS_OF_IMAGES


def rate_note(view: SceneView) -> str:
    """Say that the preview video has another rate than the scene; empty if it has the same."""
    if not view.fps or video_fps(view) == view.fps:
        return ""
    return (
        f"{view.scene_id}: its average rate is {view.fps:.3g} fps (gaps in the frame times?); "
        f"the preview video runs at {video_fps(view):g} fps"
    )


def _heading_width(view: SceneView) -> int:
    title = _font(24, bold=True).getlength(view.scene_id)
    if view.is_rehearsal:
        title += 24 + _font(15, bold=True).getlength(REHEARSAL)
    return int(32 + max(title, _font(14).getlength(_facts(view))))


def _panel(strip: Strip, frame: int, size: tuple[int, int]) -> Image:
    """Return one picture at the size of a panel; maps are averaged or repeated, never sharpened."""
    from PIL import Image

    resampling = Image.Resampling.LANCZOS if strip.scale is None else Image.Resampling.BOX
    return Image.fromarray(np.ascontiguousarray(strip.read(frame))).resize(size, resampling)


@lru_cache(maxsize=16)
def _font(size_px: int, *, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Return the font that comes with matplotlib: the same letters on every machine."""
    import matplotlib
    from PIL import ImageFont

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name), size_px)


class VideoPage:
    """The page that every video frame is painted on; everything that does not move is painted once."""

    def __init__(self, view: SceneView) -> None:
        from PIL import Image

        self.view = view
        self.panel = view.panel_size(VIDEO_PANEL_PX)
        is_portrait = view.height > view.width
        n_strips = len(view.strips)
        self.columns = n_strips if is_portrait else COLUMNS_OF_CELLS[n_strips]
        self.cell = (self.panel[0] + GAP_PX, TITLE_BAND_PX + self.panel[1] + SCALE_BAND_PX)
        rows = -(-n_strips // self.columns)
        self.size = (self.columns * self.cell[0] + GAP_PX, rows * self.cell[1])
        self.ground = Image.new("RGB", self.size, PAPER)
        for index, strip in enumerate(view.strips):
            self._paint_frame_of(index, strip)

    def corner(self, index: int) -> tuple[int, int]:
        """Return the left upper corner of a cell."""
        row, column = divmod(index, self.columns)
        return GAP_PX + column * self.cell[0], row * self.cell[1]

    def _paint_frame_of(self, index: int, strip: Strip) -> None:
        from PIL import ImageDraw

        draw = ImageDraw.Draw(self.ground)
        x, y = self.corner(index)
        draw.text((x, y + TITLE_BAND_PX - 5), strip.title, font=_font(16, bold=True), fill=INK, anchor="ls")
        right = x + self.panel[0]
        draw.text((right, y + TITLE_BAND_PX - 5), strip.note, font=_font(13), fill=FAINT, anchor="rs")
        if strip.scale is not None:
            top = y + TITLE_BAND_PX + self.panel[1] + 18
            draw_bar(self.ground, (x, top, right, top + 10), strip.scale, _font(12), "across")
        if index == 0 and self.view.is_rehearsal:
            below = (x, y + TITLE_BAND_PX + self.panel[1] + 26)
            draw.text(below, REHEARSAL, font=_font(13, bold=True), fill=WARNING, anchor="lt")

    def paint(self, frame: int) -> Rgb:
        """Return one video frame."""
        from PIL import ImageDraw

        page = self.ground.copy()
        for index, strip in enumerate(self.view.strips):
            x, y = self.corner(index)
            page.paste(_panel(strip, frame, self.panel), (x, y + TITLE_BAND_PX))
        below = TITLE_BAND_PX + self.panel[1] + 8
        text = f"{self.view.scene_id}   frame {frame}   ({self.view.n_frames} frames)"
        if self.view.focus_distances_m:
            text += f"   S {metres(self.view.focus_distances_m[frame])}"
        ImageDraw.Draw(page).text((GAP_PX, below), text, font=_font(13), fill=FAINT, anchor="lt")
        return np.asarray(page)


def write_video(view: SceneView, path: Path) -> None:
    """Write every frame of a scene as mp4, in the memory of one frame; the file appears when it is whole.

    Raises:
        StorageError: the disk is full, limited or read-only.
    """
    with replacing(path) as temporary:
        _encode(view, temporary)


def _encode(view: SceneView, path: Path) -> None:
    import av

    page = VideoPage(view)
    rate = Fraction(video_fps(view)).limit_denominator(1001)
    with av.open(str(path), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        stream: Any = container.add_stream(_codec(), rate=rate)
        stream.width, stream.height, stream.pix_fmt = page.size[0], page.size[1], "yuv420p"
        stream.options = {"crf": "20", "preset": "veryfast"}
        bt_709 = 1  # as players assume
        stream.codec_context.colorspace = stream.codec_context.color_primaries = bt_709
        for index in range(view.n_frames):
            picture = av.VideoFrame.from_ndarray(page.paint(index), format="rgb24")
            picture.pts = index
            container.mux(stream.encode(picture.reformat(format="yuv420p", dst_colorspace="ITU709")))
        container.mux(stream.encode(None))


def _codec() -> str:
    import av

    found = next((name for name in VIDEO_CODECS if name in av.codecs_available), None)
    if found is None:
        raise ConfigError(
            f"this build of FFmpeg has none of {', '.join(VIDEO_CODECS)}", "Reinstall av from PyPI."
        )
    return found
