"""Video Depth Anything: our own implementation of the published function.

    variants    the three published sizes
    encoder     DINOv2, frame by frame
    motion      attention along time, at each pixel on its own
    head        the DPT head around it
    network     encode (per frame) -> mix (per window) -> decode (per wanted frame)
    frames      what the network sees of a picture
    schedule    windows of 32 frames, which of their slots are needed, how overlaps are blended
    stream      scenes of any length through the network, several at once, in constant memory
    provenance  metric or relative? by digest, origin and name
    loading     a checkpoint file -> a network, strictly
    backend     the `DepthModel` of phase 3

References:
    Chen et al. 2025, Video Depth Anything, arXiv:2501.12375.
"""
