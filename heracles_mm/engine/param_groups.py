"""What an optimizer will do to which parameters, as a table to look at before training."""

from dataclasses import dataclass

from torch import nn
from torch.optim import Optimizer

HEADINGS = ('lr scale', 'weight decay', 'tensors', 'parameters', 'first and last tensor')


@dataclass(frozen=True)
class ParamGroup:
    """All trained parameters of one learning rate and weight decay.

    Attributes:
        lr_scale: learning rate over the optimizer's.
        weight_decay: None where the optimizer knows none.
        names: of the tensors in the model.
        parameters: numbers in these tensors.
    """

    lr_scale: float
    weight_decay: float | None
    names: tuple[str, ...]
    parameters: int


def param_groups(model: nn.Module, optimizer: Optimizer) -> list[ParamGroup]:
    """Sort what ``optimizer`` trains by learning rate, then weight decay, smallest first.

    Args:
        model: whose parameters they are.
        optimizer: any with a learning rate above 0, before its schedule has begun.
    """
    names = {param: name for name, param in model.named_parameters()}
    base_lr = optimizer.defaults['lr']
    found: dict[tuple[float, float | None], list] = {}
    for group in optimizer.param_groups:
        rates = (group['lr'] / base_lr, group.get('weight_decay'))
        if trained := [param for param in group['params'] if param.requires_grad]:
            found.setdefault(rates, []).extend(trained)
    return [
        ParamGroup(*rates, tuple(names[p] for p in params), sum(p.numel() for p in params))
        for rates, params in sorted(found.items(), key=lambda item: (item[0][0], item[0][1] or 0))
    ]


def format_param_groups(groups: list[ParamGroup]) -> str:
    """A line of headings, a line for each group, a line of sums, in columns."""
    rows = [
        (
            f'{group.lr_scale:.4g}',
            '' if group.weight_decay is None else f'{group.weight_decay:g}',
            f'{len(group.names)}',
            f'{group.parameters:,}',
            ' ... '.join(dict.fromkeys([group.names[0], group.names[-1]])),
        )
        for group in groups
    ]
    tensors, parameters = (sum(x) for x in zip(*((len(g.names), g.parameters) for g in groups)))
    rows = [HEADINGS, *rows, ('all', '', f'{tensors}', f'{parameters:,}', '')]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return '\n'.join(
        '  '.join([*(cell.rjust(width) for cell, width in zip(row, widths)), row[-1]]).rstrip()
        for row in rows
    )
