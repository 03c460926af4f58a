"""What training code imports: windows of a finished data set, from its files or from exported shards.

from focusgen.data import FocusDataset
clips = FocusDataset("output", split="train", window=8, crop=256)
sample = clips[0]       # sharp, bokeh, depth, focus, lens, K, ...
"""

from focusgen.data.crops import FocusRoi as FocusRoi
from focusgen.data.crops import MotionRoi as MotionRoi
from focusgen.data.crops import WindowMeta as WindowMeta
from focusgen.data.sampling import BalancedSampler as BalancedSampler
from focusgen.data.sampling import balanced_sampler as balanced_sampler
from focusgen.data.shards import FocusShards as FocusShards
from focusgen.data.views import flipped as flipped
from focusgen.data.views import resized as resized
from focusgen.data.windows import FocusDataset as FocusDataset
