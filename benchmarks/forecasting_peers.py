"""PatchTST, DLinear and iTransformer of neuralforecast, as models for mmengine's runner.

Their networks alone are taken: data, training and test are those of our forecasters.
"""

from pathlib import Path

import torch.nn.functional as F
from mmengine.config import Config
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from torch import Tensor

PEERS = ('patchtst', 'dlinear', 'itransformer')
EPOCHS = 10


@MODELS.register_module()
class Peer(BaseModel):
    """A network of neuralforecast.

    PatchTST has the published sizes for ETTh (3 layers of width 16, 4 heads, feed-forward 128,
    dropout 0.3), iTransformer those of its ETT scripts (2 layers of width 128), DLinear has none.

    Shapes: windows (B, look_back, columns) to (B, horizon, columns).
    """

    def __init__(self, name: str, look_back: int, horizon: int, columns: int = 7) -> None:
        super().__init__()
        from neuralforecast.losses.pytorch import MSE
        from neuralforecast.models import DLinear, PatchTST, iTransformer

        lengths = dict(h=horizon, input_size=look_back, loss=MSE())
        self.columns_apart = name != 'itransformer'
        if name == 'patchtst':
            self.network = PatchTST(
                **lengths,
                encoder_layers=3,
                n_heads=4,
                hidden_size=16,
                linear_hidden_size=128,
                dropout=0.3,
                fc_dropout=0.3,
                patch_len=16,
                stride=8,
            )
        elif name == 'itransformer':
            self.network = iTransformer(
                **lengths, n_series=columns, hidden_size=128, n_heads=8, e_layers=2, d_ff=128
            )
        else:
            self.network = DLinear(**lengths)

    def forward(
        self, inputs: Tensor, targets: Tensor | None = None, mode: str = 'tensor'
    ) -> Tensor | dict[str, Tensor] | list[dict[str, Tensor]]:
        x = inputs
        if self.columns_apart:
            x = inputs.mT.flatten(0, 1)[..., None]  # (B columns, look_back, 1)
        forecast = self.network({'insample_y': x})
        if self.columns_apart:
            forecast = forecast[..., 0].unflatten(0, (len(inputs), -1)).mT
        if mode == 'loss':
            return dict(loss=F.mse_loss(forecast, targets))
        return [dict(forecast=one) for one in forecast] if mode == 'predict' else forecast


def write_peer_config(config: str, name: str, folder: Path) -> Path:
    """A config of ours with a peer in the place of the model: Adam 1e-3, ten epochs, MSE, for none
    of them has a linear map to begin with."""
    cfg = Config.fromfile(config)
    windows = cfg.train_dataloader.dataset
    cfg.model = dict(type='Peer', name=name, look_back=windows.look_back, horizon=windows.horizon)
    cfg.custom_imports.imports.append('forecasting_peers')
    cfg.custom_hooks = [hook for hook in cfg.custom_hooks if hook.type != 'LinearStartHook']
    cfg.train_cfg.max_epochs = cfg.param_scheduler[-1].end = EPOCHS
    path = folder / f'{name}.py'
    cfg.dump(path)
    return path
