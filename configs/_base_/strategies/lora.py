# LoRA by peft: small matrices beside these layers of either family are trained, all else stays as
# it is in lora.base (docs/recipes.md). Beside a model's own config: _base_ = ['./CONFIG.py', this
# file], and lora = dict(base=CHECKPOINT, trained=['head']).
runner_type = 'LoRARunner'
lora = dict(rank=8, alpha=16, targets=['mixer.proj', 'fc1', 'fc2'])
