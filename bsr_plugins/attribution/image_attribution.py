"""Which pixels of an LR image a network's SR image depends on: LAM, its diffusion index, and CAM.

LAM and the diffusion index (Gu and Dong, CVPR 2021) are exact: they are those of the authors' code. CAM (ADD,
CVPR 2025, supplement, Algorithm 1) is reconstructed: what the supplement leaves open is an option, see
:mod:`bsr_plugins.attribution.cam_options`.
"""

from __future__ import annotations

from typing import Optional

from torch import Tensor

from bsr_plugins.attribution.attributed_network import Network
from bsr_plugins.attribution.attribution_maps import diffusion_index, normalised_map
from bsr_plugins.attribution.calibration import Calibration
from bsr_plugins.attribution.cam_options import (
    CAM_CALIBRATE,
    CAM_DETECTOR,
    CAM_GRAD_GAIN,
    CAM_KERNEL,
    CAM_MASK,
    CAM_MASK_SHIFT,
    CAM_MAX_DIST,
    CAM_PF,
    CAM_RULE,
    CAM_SIGMA,
    CAM_STEPS,
    CHUNK,
)
from bsr_plugins.attribution.gradient_detector import Window, check_window_given
from bsr_plugins.attribution.path_gradients import Walk, attributed
from bsr_plugins.common.errors import OptionError

__all__ = ['calibrated_attribution_map', 'diffusion_index', 'local_attribution_map', 'normalised_map']


def local_attribution_map(
    net: Network,
    lq: Tensor,
    window: Window,
    sigma: float = 1.2,
    kernel: int = 9,
    steps: int = 50,
    *,
    chunk: int = CHUNK,
) -> Tensor:
    r"""Return LAM (CVPR 2021): integrated gradients of what is seen in a window, along the blur path (exact).

    .. math::

        LAM = \sum_{i=1}^{k} \frac{\partial D(F(\gamma(a_i)))}{\partial \gamma(a_i)}
              \odot (\gamma(a_i) - \gamma(a_{i-1})), \qquad a_i = i / k

    with gamma of :class:`~bsr_plugins.attribution.blur_path.BlurPath` and D, the sum of gradient magnitudes in the
    window, of :func:`~bsr_plugins.attribution.gradient_detector.gradient_detector`, which says what is done where a
    magnitude is 0. It is the mean over the steps of the gradient times the derivative of the path.

    The network is left as it was: its mode, parameters, their ``grad`` and ``requires_grad``, the random generators.
    Memory follows ``chunk``, not the number of images or steps; the result does not, but for rounding.

    Args:
        net: The network, or any differentiable callable, (N, C, h, w) -> (N, C', H, W). For attention windows see
            :class:`~bsr_plugins.attribution.attributed_network.WholeWindows`.
        lq: One image (C, h, w) or several (N, C, h, w), in [0, 1], of any floating type, on any device.
        window: (x, y, size): left column, top row and side of a square in **SR** pixels.
        sigma: Standard deviation of the blur where the path starts, in LR pixels.
        kernel: Side of the blur kernel, odd.
        steps: k, the steps of the path.
        chunk: LR pixels that go through the network at once, at least one image.

    Returns:
        The attribution of each value of ``lq``, with a sign, of its shape; detached, float32 (float64 for a network in
        float64), on the network's device. All zero for a constant image.

    Raises:
        OptionError: A window outside the SR image, an even kernel, fewer than one step, a network in half precision.
        DataError: ``lq`` is no image, or the network's output is none.
    """
    check_window_given(window)
    return attributed(net, lq, Walk(sigma, kernel, steps, 'right', window), chunk)


def calibrated_attribution_map(
    net: Network,
    lq: Tensor,
    sigma: float = CAM_SIGMA.default,
    kernel: int = CAM_KERNEL.default,
    steps: int = CAM_STEPS.default,
    detector: str = CAM_DETECTOR.default,
    window: Optional[Window] = None,
    calibrate: bool = CAM_CALIBRATE.default,
    *,
    pf: float = CAM_PF.default,
    max_dist: float = CAM_MAX_DIST.default,
    grad_gain: str = CAM_GRAD_GAIN.default,
    mask: str = CAM_MASK.default,
    mask_shift: bool = CAM_MASK_SHIFT.default,
    rule: str = CAM_RULE.default,
    chunk: int = CHUNK,
) -> Tensor:
    r"""Return CAM (ADD, CVPR 2025, supplement, Algorithm 1): LAM's path, a global detector, calibrated steps.

    Reconstructed, not verified: no code of it is public, and the supplement leaves open what the options of
    :mod:`bsr_plugins.attribution.cam_options` are for. With :math:`G_i = \partial D(F(\gamma(a_i))) / \partial
    \gamma(a_i)` (lines 2 to 4) and :math:`\phi_i = (\gamma(a_{i+1}) - \gamma(a_i)) \odot G_i` (lines 5 and 8, Eq. 4)

    .. math::

        \psi_i = \phi_i + (\gamma_c - \gamma(a_i)) \odot G_i \quad \text{(line 14)}, \qquad
        CAM = \sum_{i=0}^{k-1} \psi_i \quad \text{(line 16, Eq. 7)}

    where the calibrated image gamma_c (lines 9 to 13, Eq. 5 and 6) is that of
    :class:`~bsr_plugins.attribution.calibration.Calibration`. The sum is not divided by the number of steps, as the
    differences add up to the whole path. Without calibration, with a window and ``rule='right'``, it is
    :func:`local_attribution_map` with the same sigma, kernel and steps.

    Args:
        net, lq, sigma, kernel, steps, chunk: As of :func:`local_attribution_map`.
        detector: ``global`` sums the gradient magnitude of the whole SR image (line 3), ``window`` of ``window``.
        window: (x, y, size) in SR pixels, for ``detector='window'`` alone.
        calibrate: Whether the steps are shifted.
        pf: p_f, the fraction of pixels in the mask M_f, in [0, 1].
        max_dist: How far a point may be shifted along the path, in [0, 1].
        grad_gain: What the shift is multiplied by: ``grad``, G_i, or ``phi``, phi_i (as printed).
        mask: M_f holds the lowest absolute values of the ``gradient`` G_i, or of the ``image`` gamma(a_i).
        mask_shift: Whether only the pixels of M_f are shifted.
        rule: ``left`` takes the gradient at a_i, i = 0 .. k - 1 (as printed), ``right`` at i = 1 .. k (LAM).

    Returns, Raises: As :func:`local_attribution_map`.
    """
    CAM_DETECTOR.checked(detector, 'detector')
    CAM_CALIBRATE.checked(calibrate, 'calibrate')
    if (detector == 'window') != (window is not None):
        raise OptionError(
            'The detector and the window do not fit each other',
            where='detector',
            expected="detector='window' with a window, or detector='global' without",
            found=f'detector={detector!r}, window={window}',
        )

    calibration = Calibration(pf, max_dist, grad_gain, mask, mask_shift) if calibrate else None
    return attributed(net, lq, Walk(sigma, kernel, steps, rule, window, calibration), chunk)
