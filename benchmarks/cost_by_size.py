"""Cost against resolution: one table and one figure of what two tools wrote into
benchmarks/results/cost_by_size.

    sizes='1x224 1x384 1x512 1x768 1x1024 1x1536 1x2048'
    models='heracles_s heracles_s:kv_grid=28 hamsa_s swin_t convnext_t deit_s'
    python tools/roofline.py --models $models --sizes $sizes --devices A100 \
        --json benchmarks/results/cost_by_size/paper.json
    for size in $sizes; do
        python tools/benchmark.py --models $models --sizes $size --what forward memory --rounds 3 \
            --json benchmarks/results/cost_by_size/measured_$size.json
    done
    python benchmarks/cost_by_size.py

The first needs no GPU and no idle machine, the second an idle one with 16 GB for an hour; what has
not been measured is left out. The table stands between two comments of docs/roofline.md.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common import options

from heracles_mm.visualization.costs import plot_costs

ROOT = Path(__file__).resolve().parents[1]
BEGIN, END = '<!-- made by benchmarks/cost_by_size.py -->', '<!-- end of the table -->'
NAMES = {
    'heracles_s': 'Heracles-S',
    'heracles_s:kv_grid=28': 'Heracles-S, `kv_grid=28`',
    'hamsa_s': 'HAMSA-S',
    'swin_t': 'Swin-T',
    'convnext_t': 'ConvNeXt-T',
    'deit_s': 'DeiT-S',
}
MEASURED = {'forward': ('CPU, ms', 1e3), 'memory': ('memory of training, GB', 1e-9)}

Costs = dict[str, dict[str, dict[int, float]]]  # quantity -> model -> side in px -> value


def read(folder: Path) -> Costs:
    """Of forward passes of one picture: operations and time on paper; and what was measured."""
    costs: Costs = defaultdict(lambda: defaultdict(dict))
    for row in rows(folder / 'paper.json'):
        model, side = row['model'], int(row['size'].removeprefix('1x'))
        costs['G operations'][model][side] = sum(row['operations'].values()) / 1e9
        for device, seconds in row['seconds'].items():
            costs[f'{device} on paper, ms'][model][side] = seconds * 1e3
    for file in folder.glob('measured_*.json'):
        for row in rows(file):
            label, factor = MEASURED[row['what']]
            costs[label][row['model']][row['size']['shape'][-1]] = row['value'][1] * factor
    return costs


def rows(file: Path) -> list[dict[str, Any]]:
    return json.loads(file.read_text())['rows'] if file.exists() else []


def table(costs: Costs) -> Iterator[str]:
    """A block for each quantity, a row for each model, a column for each side, and the growth."""
    sides = sorted({side for models in costs.values() for row in models.values() for side in row})
    yield f'| | | {" | ".join(f"{side} px" for side in sides)} | growth |'
    yield '|---' * (len(sides) + 3) + '|'
    for quantity, models in costs.items():
        for model, row in models.items():
            cells = [shown(row[side]) if side in row else '–' for side in sides]
            first, last = min(row), max(row)
            growth = f'{row[last] / row[first] / (last / first) ** 2:.2f}'
            yield f'| {quantity} | {NAMES[model]} | {" | ".join(cells)} | {growth} |'


def shown(value: float) -> str:
    return f'{value:,.0f}' if value >= 100 else f'{value:.3g}'


def with_table(page: str, costs: Costs) -> str:
    """The page with what stands between its two marks made anew."""
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return '\n'.join([f'{before}{BEGIN}', *table(costs), f'{END}{after}'])


def main() -> None:
    args = options(
        __doc__,
        results=ROOT / 'benchmarks/results/cost_by_size',
        page=ROOT / 'docs/roofline.md',
        picture=ROOT / 'docs/images/cost_by_size.png',
    )
    costs = read(args.results)
    args.page.write_text(with_table(args.page.read_text(), costs))
    panels = {
        quantity: (
            quantity,
            {
                NAMES[model].replace('`', ''): {
                    'batch 1': [(side * side, value) for side, value in sorted(row.items())]
                }
                for model, row in models.items()
            },
        )
        for quantity, models in costs.items()
    }
    plot_costs(panels, 'One picture, 224 to 2048 px').savefig(args.picture, dpi=90)
    print(args.page)


if __name__ == '__main__':
    main()
