"""What reading windows from files and from shards have in common: crops drawn by epoch, and the sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from focusgen.data.crops import Crop, ReadWhole, WindowMeta, crop_generator, draw_box, whole_argument
from focusgen.data.samples import Modality, Sample, build_sample, without_label_files
from focusgen.data.shared import SharedNumber
from focusgen.dataset.vetting import SceneInfo

Transform = Callable[[Sample], Any]


class WindowReader:
    """Draws crops and makes samples; an heir says where arrays come from, and which windows there are."""

    modalities: tuple[Modality, ...]
    crop: Crop
    transform: Transform | None
    recompute_labels: bool
    seed: int
    _epoch: SharedNumber

    def set_epoch(self, epoch: int) -> None:
        """Draw other crops from now on, and shards in another order, the same for every worker.

        Raises:
            ValueError: not a whole number.
        """
        self._epoch.set(whole_argument("epoch", epoch))

    def _sample_of(
        self, scene: SceneInfo, set_index: int, frames: tuple[int, ...], read: ReadWhole, *, by_frame: bool
    ) -> Any:
        """Return one window of a lens set, cut where the crop of this epoch lies.

        Args:
            scene: whose frames they are.
            set_index: lens set.
            frames: frame numbers.
            read: modality and frame -> that array, whole.
            by_frame: as `build_sample` has it.
        """
        shown = without_label_files(read, scene.lenses[set_index]) if self.recompute_labels else read
        meta = WindowMeta(scene.scene_id, set_index, frames, scene.width, scene.height, shown)
        rng = crop_generator(self.seed, int(self._epoch), scene.scene_id, frames[0], set_index)
        sample = build_sample(
            scene,
            set_index,
            frames,
            draw_box(self.crop, meta, rng),
            self.modalities,
            read,
            recompute_labels=self.recompute_labels,
            by_frame=by_frame,
        )
        return sample if self.transform is None else self.transform(sample)
