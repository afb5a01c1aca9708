"""Evaluate a checkpoint with any mmdet, mmseg or mmpretrain config.

``python -m heracles_mm.cli.test CONFIG CHECKPOINT``; the flags are mmdet's and mean the same in
all three libraries.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from mmengine.config import Config, ConfigDict
from mmengine.dist import is_main_process
from mmengine.registry import METRICS
from mmengine.runner import Runner

from heracles_mm.checkpoints.writing import check_output
from heracles_mm.cli import common
from heracles_mm.cli.arguments import OneLineParser, add_runner
from heracles_mm.cli.corruptions import add_corruptions, asked_conditions, run_corrupted
from heracles_mm.cli.running import CommandLine, print_line
from heracles_mm.engine.load_report_hook import unwrapped
from heracles_mm.errors import UserError
from heracles_mm.reports import ReportMetric, check_report_path, write_report

NAME = 'test'
STAGES = ('test',)
EXAMPLES = (
    'configs/heracles_s_imagenet.py epoch_310.pth --json',
    'configs/mask_rcnn_heracles_s_coco.py epoch_12.pth --out predictions.pkl --show-dir pictures',
    'configs/upernet_heracles_s_ade20k.py iter_160000.pth --tta',
    'configs/mask_rcnn_heracles_s_coco.py epoch_12.pth --report errors.html',
    'configs/heracles_s_imagenet.py epoch_310.pth --corruptions all --severities 1 3 5',
)

DRAWING_HOOKS = {
    'DetVisualizationHook': ('draw', 'test_out_dir'),  # mmdet
    'SegVisualizationHook': ('draw', None),  # mmseg: the visualizer has the folder
    'VisualizationHook': ('enable', 'out_dir'),  # mmpretrain
}
"""The options that make each library's hook draw, and where to."""


def test(args: argparse.Namespace) -> None:
    """Evaluate a checkpoint with an mmdet, mmseg or mmpretrain config."""
    cfg = common.load_config(args, 'test_dataloader', 'test_cfg', 'test_evaluator')
    common.check_checkpoint_path(args.checkpoint)
    cfg.load_from, cfg.resume = args.checkpoint, False
    if args.out and not args.out.endswith(('.pkl', '.pickle')):
        raise UserError(f'--out writes a pickle: its name must end in .pkl, not {args.out}')
    if args.tta and args.show_dir and cfg.get('default_scope') == 'mmpretrain':
        raise UserError("mmpretrain's hook cannot draw under --tta: give --tta or --show-dir")
    conditions = asked_conditions(args)
    for written in filter(None, (args.out, args.report)):
        check_output(written, args.config, args.checkpoint)
    if args.report:
        check_report_path(args.report)
        if args.tta:
            raise UserError('a report draws single predictions: give --tta or --report')
    if args.show_dir:
        _draw_into(cfg, args.show_dir)
    if args.tta:
        _use_tta(cfg, args.config)
    common.default_loader_settings(cfg, STAGES)
    common.check_data(NAME, cfg, STAGES)
    trusted = args.checkpoint if args.trust_checkpoint else None
    if conditions:
        run_corrupted(NAME, args, cfg, conditions, lambda: common.open_runner(NAME, cfg, trusted))
        return
    with common.open_runner(NAME, cfg, trusted) as runner:
        if args.out:
            is_det = cfg.get('default_scope') == 'mmdet'  # which packs masks as run lengths
            kind = 'mmdet.DumpDetResults' if is_det else 'DumpResults'
            metric = METRICS.build({'type': kind, 'out_file_path': args.out})
            runner.test_evaluator.metrics.append(metric)
        report = _add_report(runner, cfg) if args.report else None
        metrics = runner.test()
        if report and is_main_process():
            title = f'{Path(args.config).stem}, {Path(args.checkpoint).name}'
            model, dataset = unwrapped(runner.model), runner.test_dataloader.dataset
            write_report(args.report, title, metrics, report.findings(), cfg, model, dataset)
            print_line(NAME, f'the report is {args.report}')
    if args.json and is_main_process():
        print(json.dumps({name: common.plain(value) for name, value in metrics.items()}))


def _add_arguments(parser: OneLineParser) -> None:
    add_runner(parser)
    parser.add_argument('checkpoint', help='checkpoint file or URL')
    parser.add_argument('--out', metavar='FILE.pkl', help='save the predictions as a pickle')
    parser.add_argument('--show-dir', metavar='FOLDER', help='save pictures of the predictions')
    report = 'write one page: AP, IoU or accuracy by class, confusions, the worst pictures and why'
    parser.add_argument('--report', metavar='FILE.html', help=report)
    tta = "test-time augmentation, by the config's tta_model and tta_pipeline"
    parser.add_argument('--tta', action='store_true', help=tta)
    add_corruptions(parser)
    parser.add_argument('--json', action='store_true', help='print the metrics as JSON, last')


def _add_report(runner: Runner, cfg: Config) -> ReportMetric:
    loader = runner.test_dataloader
    names = loader.dataset.metainfo.get('classes')
    if not names:
        raise UserError('a report names classes, and the data set of test_dataloader has no names')
    if getattr(loader.sampler, 'shuffle', False):
        raise UserError('a report finds pictures by their order: test_dataloader.sampler shuffles')
    scope = cfg.get('default_scope', 'mmengine')
    if scope == 'mmdet' and _resizes_objects(loader.dataset):
        raise UserError(
            "a report compares objects in the picture's own pixels, where mmdet predicts: put "
            'LoadAnnotations behind Resize in the pipeline of test_dataloader'
        )
    metric = ReportMetric(scope, names)
    runner.test_evaluator.metrics.append(metric)
    return metric


def _resizes_objects(dataset: Any) -> bool:
    """Whether the pipeline loads the objects before it resizes, and so resizes them too."""
    steps = getattr(getattr(dataset, 'pipeline', None), 'transforms', [])
    names = [type(step).__name__ for step in steps]
    loading = [index for index, name in enumerate(names) if name.endswith('Annotations')]
    return any('Resize' in name for name in names[min(loading, default=len(names)) :])


def _draw_into(cfg: Config, folder: str) -> None:
    folder = os.path.abspath(folder)
    hook = (cfg.get('default_hooks') or {}).get('visualization') or {}
    name = common.type_name(hook)
    if name not in DRAWING_HOOKS:
        raise UserError(
            "--show-dir needs the library's visualization hook in default_hooks, such as "
            "visualization=dict(type='DetVisualizationHook') for mmdet"
        )
    switch, folder_option = DRAWING_HOOKS[name]
    hook[switch] = True
    hook.setdefault('interval', 1)  # the defaults differ: every picture, every 50th, every 5000th
    if folder_option:
        hook[folder_option] = folder
    else:
        cfg.visualizer.save_dir = folder


def _use_tta(cfg: Config, config_path: str) -> None:
    if not (cfg.get('tta_model') and cfg.get('tta_pipeline')):
        raise UserError(f'--tta needs tta_model and tta_pipeline, which {config_path} has not')
    cfg.model = ConfigDict(**cfg.tta_model, module=cfg.model)
    dataset = cfg.test_dataloader.dataset
    while 'dataset' in dataset:
        dataset = dataset.dataset
    dataset.pipeline = cfg.tta_pipeline


main = CommandLine(test, _add_arguments, EXAMPLES)

if __name__ == '__main__':
    sys.exit(main())
