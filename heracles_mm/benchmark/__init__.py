"""Time and memory of backbones and of filters, ours beside others', interleaved in one run.

What the figures mean and how they are taken: docs/benchmark.md.
"""
