"""Linear light: lenses add up light, not display values."""

from __future__ import annotations

import torch

from focusgen.models.bokeh.light import decode_display, encode_display


def test_half_of_the_light_is_073_on_the_display():
    assert float(encode_display(torch.tensor(0.5))) == torch.tensor(0.5 ** (1 / 2.2)).item()
    assert abs(float(encode_display(torch.tensor(0.5))) - 0.7297) < 1e-4


def test_encoding_undoes_decoding_and_clips_what_no_display_shows():
    display = torch.linspace(0.0, 1.0, 256)
    assert torch.allclose(encode_display(decode_display(display)), display, atol=1e-6)
    assert encode_display(torch.tensor([-0.1, 1.7])).tolist() == [0.0, 1.0]
