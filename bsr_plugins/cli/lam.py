"""``basicsr lam``: which pixels of an LR image trained networks use, by ``bsr_plugins.analysis.local_attribution``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any, Dict, List

from bsr_plugins.attribution.cam_options import CAM_OPTIONS
from bsr_plugins.cli.messages import say, say_error
from bsr_plugins.cli.option_arguments import add_option_arguments, given_options
from bsr_plugins.cli.unused_arguments import refuse_unused
from bsr_plugins.common.errors import DependencyError

HELP = 'show which pixels of an image trained networks use: LAM, and its diffusion index'
DESCRIPTION = """\
Attribute a window of the SR image to the pixels of the LR image, through one trained network or several side by side:
  OUT/lam.png                  a row a network: LR image and window; SR image, map, map over the image around it
  OUT/lam.json                 diffusion indices, window, options, networks
  OUT/<network>_lam.npy        the attribution (3, h, w), with its sign
  OUT/<network>_lam.png        the map in 8 bit, at LR size
  OUT/<network>_sr.png         the SR image

LAM and the diffusion index (CVPR 2021) are those of their authors' code: the higher the index, the more pixels matter.
--cam shows CAM instead (cam.png, cam.json, ...), which ADD augments by. It is reconstructed from ADD's supplement; the
--cam-* options are what that leaves open. Without --window CAM attributes the whole SR image, LAM the window of 16
pixels whose bicubic upscaling has the most gradient.
"""
EXAMPLES = """\
examples:
  %(prog)s -opt options/test_FSRCNN_x4.yml --lq datasets/Set14/LRbicx4/comic.png
  %(prog)s -opt options/test_FSRCNN_x4.yml -opt options/test_FSRCNN_fpl_x4.yml \\
      --lq datasets/Set14/LRbicx4/comic.png --window 60 120 16
"""
INTERRUPTED = 'interrupted: nothing was written'
# As of local_attribution_map, whose module imports torch.
_STEPS, _SIGMA, _KERNEL = 50, 1.2, 9
_LAM_TOO = ('cam_steps', 'cam_sigma', 'cam_kernel', 'cam_detector')
_CAM_ALONE = tuple(option for option in CAM_OPTIONS if option.name not in _LAM_TOO)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '-opt',
        required=True,
        action='append',
        metavar='YML',
        help='option file: network_g, and path.pretrain_network_g, its weights; may be repeated',
    )
    parser.add_argument('--lq', required=True, metavar='IMG', help='the LR image')
    parser.add_argument(
        '--window', nargs=3, type=int, metavar=('X', 'Y', 'SIZE'), help='left, top and side in pixels of the SR image'
    )
    parser.add_argument('--out', metavar='DIR', help='folder to write to (default: results/lam_<image>)')
    parser.add_argument('--steps', type=int, metavar='N', help=f'steps of the path ({_STEPS}; CAM: 20)')
    parser.add_argument('--sigma', type=float, metavar='S', help=f'blur where it starts, in LR pixels ({_SIGMA})')
    parser.add_argument('--kernel', type=int, metavar='PX', help=f'side of the blur kernel, odd ({_KERNEL})')
    parser.add_argument('--device', default='auto', help='cpu, cuda, cuda:1 (default: cuda where there is one)')
    parser.add_argument('--cam', action='store_true', help='CAM instead of LAM')
    add_option_arguments(parser, _CAM_ALONE)


def run(args: argparse.Namespace, argv: List[str], unknown: List[str]) -> int:
    """Attribute, write, and print the diffusion indices and where everything stands."""
    if not args.cam:
        refuse_unused(args, 'without --cam', *('--' + each.name.replace('_', '-') for each in _CAM_ALONE))
    given = given_options(args, _CAM_ALONE)
    from bsr_plugins.data.images.image_reading import read_image

    image = read_image(args.lq)
    from bsr_plugins.analysis import local_attribution
    from bsr_plugins.analysis.attribution_files import write_attributions
    from bsr_plugins.data.difficulty.scorers import choose_device
    from bsr_plugins.data.saliency.saliency_network import saliency_network

    names = local_attribution.named_networks(args.opt)
    networks = {name: saliency_network(opt) for name, opt in zip(names, args.opt)}
    scale = local_attribution.common_scale(networks)
    window = None if args.window is None else tuple(args.window)
    if window is None and not args.cam:
        window = local_attribution.strongest_window(image, scale)
    method = local_attribution.Method(args.cam, _keywords(args, given, window is not None))
    found = local_attribution.attribute_image(networks, image, window, method, choose_device(args.device))
    word = 'cam' if args.cam else 'lam'
    out = Path(args.out or Path('results') / f'{word}_{Path(args.lq).stem}')
    facts = {
        'method': word.upper(),
        'certainty': 'reconstructed' if args.cam else 'exact',
        'image': str(args.lq),
        'scale': scale,
        'window': window,
        'window_chosen': args.window is None and window is not None,
        'options': dict(method.keywords),
    }
    written = [write_attributions(found, facts, out, word)]
    try:
        from bsr_plugins.analysis.attribution_figure import draw_attributions
        from bsr_plugins.common.files import replacing

        with replacing(out / f'{word}.png') as path:
            path.write_bytes(draw_attributions(found, image, window, word.upper()))
        written.append(out / f'{word}.png')
    except DependencyError as error:
        say_error(f'figure skipped: {error}')
    what = 'the whole SR image' if window is None else 'window x {}, y {}, size {}'.format(*window)
    say(f'{word.upper()} of {args.lq}, {what}{", that of most gradient" if facts["window_chosen"] else ""}')
    for each in found:
        index = 'zero everywhere, no index' if each.diffusion_index is None else f'{each.diffusion_index:.2f}'
        say(f'  {each.name}: diffusion index {index}')
    say(*map(str, written))
    return 0


def _keywords(args: argparse.Namespace, given: Dict[str, Any], has_window: bool) -> Dict[str, Any]:
    from bsr_plugins.attribution.cam_options import cam_keywords

    values = {name: getattr(args, name) for name in ('steps', 'sigma', 'kernel')}
    values = {name: value for name, value in values.items() if value is not None}
    if not args.cam:
        return {'steps': _STEPS, 'sigma': _SIGMA, 'kernel': _KERNEL, 'reduction': 'abs_sum', **values}
    detector = 'window' if has_window else 'global'
    return {**cam_keywords(given), **values, 'detector': detector}
