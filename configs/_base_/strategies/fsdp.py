# FSDP: weights, gradients and AdamW's moments of a large model are divided among the processes
# (docs/distributed.md). Beside a model's own config: _base_ = ['./CONFIG.py', this file].
runner_type = 'ShardedRunner'
strategy = dict(type='ShardedStrategy')
