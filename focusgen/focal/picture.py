"""The all-in-focus picture that goes with a depth: veils taken off, slices fused, small blur undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from focusgen.focal.deblur import deblurred
from focusgen.focal.fusion import Fused, ReadSlice, fuse, fuse_slices
from focusgen.focal.stack import FocalStack
from focusgen.focal.veils import Veils

Floats = npt.NDArray[np.float32]


def sharp_picture(stack: FocalStack, diopters: Floats, sharpest: Floats) -> npt.NDArray[Any]:
    """Return the all-in-focus picture of a stack in memory.

    Args:
        stack: the slices; without a known lens they are fused, and that is all.
        diopters: (H, W) inverse depth.
        sharpest: (H, W) focus at which each pixel's own light is sharpest.
    """
    if stack.radius_px_m is None:
        return fuse(stack, sharpest).rgb
    radius_px = stack.nearest_radius_px(diopters)
    return deblurred(unveiled(stack, diopters, sharpest), radius_px, diopters, stack.span)


def unveiled(
    stack: FocalStack, diopters: Floats, sharpest: Floats, veiled: npt.NDArray[Any] | None = None
) -> npt.NDArray[Any]:
    """Return slices of a known lens fused, without the veils of near things over what is behind them.

    Args:
        stack: the slices.
        diopters: (H, W) inverse depth.
        sharpest: (H, W) focus at which each pixel's own light is sharpest.
        veiled: the same with its veils, fused by `sharpest`, where the caller has it.
    """
    veils = Veils(stack, diopters, fuse(stack, sharpest).rgb if veiled is None else veiled)
    return fuse_slices(
        lambda n: veils.taken_off(n, stack.slices[n]), stack.diopters, sharpest, stack.radius_px_m
    ).rgb


def reading_through(stack: FocalStack, diopters: Floats, sharpest: Floats, read: ReadSlice) -> ReadSlice:
    """Return what reads slices without their veils; `read` may give larger ones than those of the stack."""
    veils = Veils(stack, diopters, fuse(stack, sharpest).rgb)
    return lambda n: veils.taken_off(n, read(n))


def sharp_picture_from_files(
    stack: FocalStack,
    diopters: Floats,
    sharpest: Floats,
    read: ReadSlice,
    enlarged: Callable[[Floats], Floats],
    factor: int,
    progress: Callable[[int], object],
) -> Fused:
    """Return the all-in-focus picture at full size, one slice at a time in memory.

    Args:
        stack: the slices at working size.
        diopters: (H, W) inverse depth at working size.
        sharpest: the same for `sharp_picture`.
        read: gives slice n at full size, aligned.
        enlarged: brings a map to full size.
        factor: by which the working size is smaller.
        progress: told after each slice.
    """
    own_focus = enlarged(sharpest)
    if stack.radius_px_m is None:
        return fuse_slices(read, stack.diopters, own_focus, None, progress)
    clear = reading_through(stack, diopters, sharpest, read)
    fused = fuse_slices(clear, stack.diopters, own_focus, stack.radius_px_m * factor, progress)
    radius_px = enlarged(stack.nearest_radius_px(diopters)) * np.float32(factor)
    return fused._replace(rgb=deblurred(fused.rgb, radius_px, enlarged(diopters), stack.span))
