"""Train a small video focus estimator on a finished data set, on a CPU, and compare it with two guesses.

From blurred video alone the net tells how sharp each pixel is: the label `focus`, 1 in focus, 0 at max_coc.
On the val split it is compared with the best constant and the best reading of the Laplacian (the median label
for each strength of local detail), both fitted on the train split. After `focusgen demo`:

    python examples/train_focus.py --data output_demo --picture train_focus.png
"""

import argparse
import itertools
import time
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader

from focusgen.data import FocusDataset
from focusgen.media.codecs import encode_png

WINDOW, BATCH, BINS = 3, 8, 64


def smooth(maps: torch.Tensor, size: int) -> torch.Tensor:
    """Return the mean of the pixels around each."""
    rows = F.avg_pool2d(maps, (size, 1), 1, (size // 2, 0), count_include_pad=False)
    return F.avg_pool2d(rows, (1, size), 1, (0, size // 2), count_include_pad=False)


class FocusNet(nn.Module):
    """A U of two scales over blocks of 2 x 2 pixels of single frames, joined in time where it is coarser."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()

        def block(n_in: int, stride: int = 1) -> nn.Sequential:
            first, second = nn.Conv2d(n_in, width, 3, stride, 1), nn.Conv2d(width, width, 3, 1, 1)
            return nn.Sequential(first, nn.GroupNorm(4, width), nn.GELU(), second, nn.GELU())

        self.fine, self.coarse, self.join = block(8), block(width, 2), block(2 * width)
        self.time, self.out = nn.Conv3d(width, width, 3, 1, 1), nn.Conv2d(width, 4, 3, 1, 1)

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        """Return labels (B, T, 1, h, w) of frames (B, T, 3, h, w) in 0..1."""
        grey = video.flatten(0, 1).mean(1, keepdim=True)
        contrast = smooth((grey - smooth(grey, 15)) ** 2, 15).sqrt() + 0.02
        seen = torch.cat([grey - smooth(grey, 15), 4.0 * (grey - smooth(grey, 3))], 1) / contrast
        fine = self.fine(F.pixel_unshuffle(seen, 2))
        coarse = self.coarse(fine).unflatten(0, video.shape[:2]).transpose(1, 2)
        coarse = (coarse + F.gelu(self.time(coarse))).transpose(1, 2).flatten(0, 1)
        joined = self.join(torch.cat([F.interpolate(coarse, fine.shape[-2:], mode="bilinear"), fine], 1))
        return torch.sigmoid(F.pixel_shuffle(self.out(joined), 2)).unflatten(0, video.shape[:2])


def train(net: FocusNet, clips: FocusDataset, steps: int) -> None:
    """Train for so many steps, on windows that are cut, mirrored and exposed at random."""
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    epochs = itertools.repeat(DataLoader(clips, BATCH, shuffle=True))
    for step, sample in enumerate(itertools.islice(itertools.chain.from_iterable(epochs), steps), 1):
        clips.set_epoch(step)  # other crops from the next batch on
        flips = [axis for axis in (-1, -2) if torch.rand(()) < 0.5]
        video, focus = sample["bokeh"].flip(flips) / 255.0, sample["focus"].flip(flips)
        optimizer.zero_grad()
        loss = F.l1_loss(net(video ** (0.6 + 0.8 * torch.rand(()))), focus)
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == steps:
            print(f"step {step:4d}  mean error {loss.item():.3f}", flush=True)


def detail(video: torch.Tensor) -> torch.Tensor:
    """Return the logarithm of the Laplacian's strength around each pixel, (B, T, 1, h, w)."""
    grey = video.flatten(0, 1).mean(1, keepdim=True)
    return (smooth((grey - smooth(grey, 3)).abs(), 9) + 1e-4).log().unflatten(0, video.shape[:2])


def fit_guesses(clips: FocusDataset) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return the median label, and (edges, medians) of the labels by strength of detail."""
    samples = list(DataLoader(clips, BATCH))
    strength = torch.cat([detail(sample["bokeh"] / 255.0).flatten() for sample in samples])
    label = torch.cat([sample["focus"].flatten() for sample in samples])
    parts = strength.argsort().tensor_split(BINS)
    edges = torch.stack([strength[part[0]] for part in parts[1:]])
    return label.median(), edges, torch.stack([label[part].median() for part in parts])


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", default="output_demo", help="a data set that phase 6 has passed")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--crop", type=int, default=96, help="side of the windows to train on, pixels")
    parser.add_argument("--picture", default="train_focus.png")
    given, started_s = parser.parse_args(), time.perf_counter()
    torch.manual_seed(0)
    clips = FocusDataset(given.data, "train", WINDOW, 1, crop=given.crop, modalities=("bokeh", "focus"))
    net, errors, rows = FocusNet(), [], []
    train(net, clips, given.steps)
    constant, edges, medians = fit_guesses(clips)
    for sample in DataLoader(FocusDataset(given.data, "val", WINDOW, modalities=("bokeh", "focus"))):
        video, focus = sample["bokeh"] / 255.0, sample["focus"]
        guesses = constant.expand_as(focus), medians[torch.bucketize(detail(video), edges)]
        maps = [*guesses, net(video).detach()]
        errors.append([(guess - focus).abs().mean() for guess in maps])
        rows.append(torch.cat([video[0, 1], *(m[0, 1].expand(3, -1, -1) for m in (*maps[1:], focus))], -1))
    picture = (torch.cat(rows[:4], -2) * 255).byte().permute(1, 2, 0)
    Path(given.picture).write_bytes(encode_png(picture.numpy()))
    by_constant, by_laplacian, by_net = torch.tensor(errors).mean(0).tolist()
    print(f"mean error on val: constant {by_constant:.3f}, Laplacian {by_laplacian:.3f}, net {by_net:.3f}")
    print(f"{time.perf_counter() - started_s:.0f} s; {given.picture}: video, Laplacian, net, label")
