"""The thin-lens renderer: exact defocus by occlusion-aware planes, without weights."""
