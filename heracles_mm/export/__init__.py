"""Models as files that other programs run. ``tools/export_onnx.py`` is the command line."""
