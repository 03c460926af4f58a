"""Focus labels, bokeh renders and metric depth from raw video, at cluster scale."""

__version__ = "0.2.0"
