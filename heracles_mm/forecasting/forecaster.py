"""A forecaster: windows normalised, mixed, and put back."""

from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as F
from mmengine.model import BaseModel
from mmengine.registry import MODELS
from torch import Tensor, nn

from heracles_mm.errors import UsageError, checks_option_names
from heracles_mm.forecasting.series_dataset import check_lengths

HUBER_DELTA = 0.5
"""Chosen on validation data of ETTh1 and ETTh2."""

LOSSES: dict[str, Callable[..., Tensor]] = {
    'mse': F.mse_loss,
    'mae': F.l1_loss,
    'huber': partial(F.huber_loss, delta=HUBER_DELTA),
}


@MODELS.register_module()
class Forecaster(BaseModel):
    """Forecast every column of a window from its own past.

    Each column's window is taken less its mean and divided by its standard deviation, and the
    forecast is put back (PatchTST's instance normalisation). Its tokens, flattened, give the
    forecast by one linear layer, to which a linear map of the window itself is added (ours): what a
    linear map can say needs no tokens. Neither has a bias, and in training the sign of each window
    is drawn anew (ours), so that the drift of the training years is not learnt.

    Args:
        backbone: a :class:`~heracles_mm.forecasting.series_backbone.SeriesBackbone`.
        horizon: values of a forecast.
        loss: ``'mse'``, ``'mae'`` or ``'huber'``, of scaled values; Huber's turns from squares to
            absolute values at :data:`HUBER_DELTA`.
        linear: add the linear map of the window.
        drift: add a constant for each step, in scaled values: for series with a trend that goes on.
        data_preprocessor, init_cfg: mmengine's.

    Shapes: windows (B, look_back, columns) to (B, horizon, columns), scaled values, any number of
    columns.

    Raises:
        UsageError: an option or input is out of range; the message names what is allowed.
    """

    @checks_option_names
    def __init__(
        self,
        backbone: dict,
        horizon: int,
        *,
        loss: str = 'huber',
        linear: bool = True,
        drift: bool = False,
        data_preprocessor: dict | None = None,
        init_cfg: dict | list | None = None,
    ) -> None:
        super().__init__(data_preprocessor, init_cfg)
        check_lengths(horizon=horizon)
        if loss not in LOSSES:
            raise UsageError(f'unknown loss {loss!r}: choose one of {list(LOSSES)}')
        self.horizon, self.loss = horizon, loss
        self.backbone = MODELS.build(backbone)
        self.head = nn.Linear(self.backbone.tokens * self.backbone.dim, horizon, bias=False)
        self.linear = None
        if linear:
            self.linear = nn.Linear(self.backbone.look_back, horizon, bias=False)
            nn.init.zeros_(self.head.weight)
        self.drift = nn.Parameter(torch.zeros(horizon, 1)) if drift else None

    def forward(
        self, inputs: Tensor, targets: Tensor | None = None, mode: str = 'tensor'
    ) -> Tensor | dict[str, Tensor] | list[dict[str, Tensor]]:
        """Forecasts, as mmengine asks for them.

        Args:
            inputs: windows (B, look_back, columns).
            targets: what came, (B, horizon, columns), for ``mode='loss'``.
            mode: ``'tensor'`` for (B, horizon, columns), ``'loss'`` for a dict of the loss,
                ``'predict'`` for a dict with ``forecast`` (horizon, columns) of each window.
        """
        look_back = self.backbone.look_back
        if inputs.dim() != 3 or inputs.shape[1] != look_back:
            raise UsageError(
                f'expected windows (B, {look_back}, columns), got {tuple(inputs.shape)}: the '
                "look_back of model.backbone and of the data sets' windows must be one"
            )
        forecast = self._forecast(inputs)
        if mode == 'loss':
            assert targets is not None
            if targets.shape != forecast.shape:
                raise UsageError(
                    f'the forecast is {self.horizon} rows and the targets are {targets.shape[1]}: '
                    "the horizon of the model and of the data sets' windows must be one"
                )
            return dict(loss=LOSSES[self.loss](forecast, targets))
        return [dict(forecast=one) for one in forecast] if mode == 'predict' else forecast

    def _forecast(self, inputs: Tensor) -> Tensor:
        batch, _, columns = inputs.shape
        windows = inputs.mT.flatten(0, 1)  # (B columns, look_back)
        mean = windows.mean(1, keepdim=True)
        scale = (windows.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
        if self.training:
            scale = scale * (torch.randint_like(scale, 2) * 2 - 1)
        windows = (windows - mean) / scale
        tokens = self.backbone(windows)  # (B columns, tokens, dim)
        forecast = self.head(tokens.flatten(1))  # (B columns, horizon)
        if self.linear is not None:
            forecast = forecast + self.linear(windows)
        forecast = (forecast * scale + mean).unflatten(0, (batch, columns)).mT
        return forecast if self.drift is None else forecast + self.drift
