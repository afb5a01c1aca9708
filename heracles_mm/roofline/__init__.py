"""What a model costs a device on paper: every operator that eager mode would launch, without the
device.

What the figures mean: docs/roofline.md.
"""
