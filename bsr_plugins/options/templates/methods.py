"""The training methods that option files are made for: what each adds to plain training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable, Dict, Optional

from bsr_plugins.options.templates import augment_blocks, blocks
from bsr_plugins.options.templates.protocols import (
    BASELINE_UPDATES,
    BSPA,
    BSPA_UPDATES,
    BSR,
    EDSR,
    FPL,
    SCORER,
    Protocol,
)

#: Draws from windows what PairedImageDataset draws from whole images.
WINDOW_SET = 'UniformWindowsDataset'


@dataclass(frozen=True)
class Method:
    """One row of the table. A method's file differs from its twin's in what stands here alone.

    Attributes:
        about: What it is, for the file's head.
        protocol: How it is trained and measured, as its twin is.
        twin: The method of plain training that it is compared with; None for such a one itself.
        model_type: The model, None for BasicSR's own of the network.
        residual: Whether the network learns the residual on a bicubic image (``BicubicResidual``).
        train_set: Type of the training set, on the same images and with the same options as the twin's. Over windows
            UniformWindowsDataset stands for PairedImageDataset (:attr:`window_set`).
        train_set_options: Lines of what it has besides; all of its lines where it does not take the twin's images.
        dataset: Lines put under ``datasets.train``; ``{sub}``, ``{scale}`` and ``{crop}`` are put in.
        loss: Lines of the losses, under ``train``; '' where nothing but ``train`` has one.
        train: Further lines put under ``train``.
        train_of: What returns them for a network (``network_g.type``) and a scale, where papers have values for some.
        sigma: Lines of ``network_sigma``.
        path: Lines of ``path``; ``{first}`` is the folder of the experiment of the method that has to be trained first.
        first: That method.
        as_published: The twin's updates as a share of its own, where the paper compares at unequal ones.
    """

    about: str
    protocol: Protocol
    twin: Optional[str] = None
    model_type: Optional[str] = None
    residual: bool = False
    train_set: str = 'PairedImageDataset'
    train_set_options: str = ''
    dataset: str = ''
    loss: str = blocks.L1
    train: str = ''
    train_of: Optional[Callable[[str, int], str]] = None
    sigma: str = ''
    path: str = ''
    first: Optional[str] = None
    as_published: Optional[float] = None

    def train_lines(self, arch: str, scale: int) -> str:
        """Return the further lines of ``train`` for a network and a scale."""
        return self.train if self.train_of is None else self.train_of(arch, scale)

    @property
    def has_maps(self) -> bool:
        """Whether tests can draw sigma maps."""
        return self.sigma == blocks.NETWORK_SIGMA

    @property
    def needs_classes(self) -> bool:
        """Whether it trains on sub-images of scored difficulty."""
        return bool(self.dataset) or self.draws_by_class

    @property
    def has_real(self) -> bool:
        """Whether it trains at scale 1: on RealSR, of which nobody has scored sub-images."""
        return self.protocol.real is not None and not self.needs_classes

    @property
    def draws_by_class(self) -> bool:
        """Whether the whole training set is of sub-images drawn by their class."""
        return self.train_set == 'InverseSampledLMDBDataset'

    @property
    def is_uniform(self) -> bool:
        """Whether its training set draws images and positions alike."""
        return self.train_set == Method.train_set

    @property
    def window_set(self) -> str:
        """Type of the training set where the images are stored as windows."""
        return WINDOW_SET if self.is_uniform else self.train_set


METHODS: Dict[str, Method] = {
    'baseline': Method(
        about="Plain L1 training by BasicSR's own model: the twin of the same length that methods are compared with",
        protocol=BSPA,
    ),
    'bspa': Method(
        about='BSPA, bi-sampling and parameter attribution (NeurIPS 2023), by the schedule of the published code',
        protocol=BSPA,
        twin='baseline',
        model_type='BSPAModel',
        dataset=blocks.INVERSE,
        train=blocks.BSPA,
        as_published=BASELINE_UPDATES / BSPA_UPDATES,
    ),
    'inverse': Method(
        about='Plain L1 on inverse-sampled sub-images alone (BSPA, Table 1, "inverse sampling"): one half of BSPA',
        protocol=BSPA,
        twin='baseline',
        train_set='InverseSampledLMDBDataset',
        train_set_options=blocks.INVERSE_SET,
    ),
    'bi_sampling': Method(
        about='BSPA without its attribution (Table 1, "w/o IG"): uniform and inverse stages, no weight is frozen',
        protocol=BSPA,
        twin='baseline',
        model_type='BSPAModel',
        dataset=blocks.INVERSE,
        train=blocks.BI_SAMPLING,
        as_published=BASELINE_UPDATES / BSPA_UPDATES,
    ),
    'bspa_filter': Method(
        about='BSPA that freezes whole filters (Table 1, "FIG"); bspa freezes single weights ("WIG")',
        protocol=BSPA,
        twin='baseline',
        model_type='BSPAModel',
        dataset=blocks.INVERSE,
        train=blocks.BSPA_FILTER,
        as_published=BASELINE_UPDATES / BSPA_UPDATES,
    ),
    'l1_bicubic': Method(
        about="Plain L1 on the bicubic residual, by FPL's protocol: the twin of fpl, which shows what bicubic does "
        'by itself',
        protocol=FPL,
        residual=True,
    ),
    'fpl': Method(
        about='FPL, focal pixel learning (CVPR 2023): L1 on the bicubic residual, weighted towards hard pixels',
        protocol=FPL,
        twin='l1_bicubic',
        model_type='RebalancedSRModel',
        residual=True,
        loss=blocks.FPL,
    ),
    'l1': Method(about="Plain L1 training by EDSR's protocol: the twin of le, le_sigma, sigma and eq10", protocol=EDSR),
    'le': Method(
        about='l_E, the expectation of L1 over plausible images ("Revisiting L1 loss", arXiv 2201.10084, Eq. 8)',
        protocol=EDSR,
        twin='l1',
        model_type='RebalancedSRModel',
        loss=blocks.EXPECTATION,
    ),
    'le_sigma': Method(
        about='l_E and the sigma branch ("Revisiting L1 loss", arXiv 2201.10084, Eq. 8 and 10), as the paper trains',
        protocol=EDSR,
        twin='l1',
        model_type='RebalancedSRModel',
        loss=blocks.EXPECTATION,
        train=blocks.SIGMA_OPT,
        sigma=blocks.NETWORK_SIGMA,
    ),
    'sigma': Method(
        about='L1 and the sigma branch ("Revisiting L1 loss", arXiv 2201.10084, Table 1, row 4: L1 and Eq. 10)',
        protocol=EDSR,
        twin='l1',
        model_type='RebalancedSRModel',
        train=blocks.SIGMA_OPT,
        sigma=blocks.NETWORK_SIGMA,
    ),
    'eq10': Method(
        about='Eq. 10 alone, which trains the network too ("Revisiting L1 loss", arXiv 2201.10084, Table 1, row 3)',
        protocol=EDSR,
        twin='l1',
        model_type='RebalancedSRModel',
        loss='',
        train=blocks.EQ_10,
        sigma=blocks.NETWORK_SIGMA,
    ),
    'l1_bsr': Method(
        about="Plain L1 training by BSR's schedule and patches: the twin of bsr, rfs and hybrid_lp", protocol=BSR
    ),
    'hybrid_lp': Method(
        about='The hybrid L1 / L2 / Lp loss of BSR ("A Balanced Framework for Single Image Super Resolution", 2020)',
        protocol=BSR,
        twin='l1_bsr',
        loss=blocks.HYBRID_LP,
    ),
    'rfs': Method(
        about='Random filter sampling of BSR (2020), plain L1: every batch has as many patches of each interval of '
        'texture',
        protocol=BSR,
        twin='l1_bsr',
        train_set='RFSBalancedBatchDataset',
        train_set_options=blocks.RFS,
    ),
    'bsr': Method(
        about='BSR whole ("A Balanced Framework for Single Image Super Resolution", 2020): its sampling and its hybrid '
        'loss',
        protocol=BSR,
        twin='l1_bsr',
        train_set='RFSBalancedBatchDataset',
        train_set_options=blocks.RFS,
        loss=blocks.HYBRID_LP,
    ),
    'samplingaug': Method(
        about="SamplingAug (BMVC 2021): the patches of each image that are hard to restore; by BSPA's schedule, as in "
        'its tables',
        protocol=BSPA,
        twin='baseline',
        train_set='SamplingAugDataset',
        train_set_options=blocks.SAMPLING_AUG,
    ),
    'fpl_bspa': Method(
        about="Two at once: BSPA's sampling and frozen weights, FPL's loss on the bicubic residual",
        protocol=BSPA,
        twin='baseline',
        model_type='BSPAModel',
        residual=True,
        dataset=blocks.INVERSE,
        loss=blocks.FPL,
        train=blocks.BSPA,
    ),
    'udn': Method(
        about="UDN, the first step of UDL (NeurIPS 2021): network and uncertainty learn together; by BSPA's schedule",
        protocol=BSPA,
        twin='baseline',
        model_type='RebalancedSRModel',
        loss='',
        train=blocks.UNCERTAINTY_ESTIMATION + blocks.LOSS_JUMP,
        sigma=blocks.NETWORK_UNCERTAINTY,
    ),
    'udl': Method(
        about="UDL, uncertainty-driven loss (NeurIPS 2021), by BSPA's schedule: L1 weighted by the uncertainty of udn",
        protocol=BSPA,
        twin='baseline',
        model_type='RebalancedSRModel',
        loss=blocks.UNCERTAINTY_DRIVEN,
        train=blocks.LOSS_JUMP,
        sigma=blocks.NETWORK_UNCERTAINTY,
        path=blocks.FIRST_STEP,
        first='udn',
    ),
    'cutblur': Method(
        about="CutBlur (CVPR 2020), by BSPA's schedule: LR patches that are sharp in a box; exact at x1, adapted above",
        protocol=BSPA,
        twin='baseline',
        model_type='RebalancedSRModel',
        train=augment_blocks.CUTBLUR,
    ),
    'moa': Method(
        about="The mixture of augmentations of CutBlur's paper (CVPR 2020), by BSPA's schedule; exact at x1, adapted "
        'above',
        protocol=BSPA,
        twin='baseline',
        model_type='RebalancedSRModel',
        train=augment_blocks.MOA,
        train_of=augment_blocks.moa,
    ),
    'add': Method(
        about='ADD (CVPR 2025), experimental: the salient region of a patch is mixed into another; saliency by a proxy',
        protocol=BSPA,
        twin='baseline',
        model_type='RebalancedSRModel',
        train=augment_blocks.ADD,
    ),
    'add_plus': Method(
        about='ADD+ (CVPR 2025), experimental: the salient region is mixed, pasted or sharpened; saliency by a proxy',
        protocol=BSPA,
        twin='baseline',
        model_type='RebalancedSRModel',
        train=augment_blocks.ADD_PLUS,
    ),
    'add_cam': Method(
        about='ADD (CVPR 2025), experimental, by attribution maps (CAM, reconstructed) of the network of baseline',
        protocol=BSPA,
        twin='baseline',
        model_type='RebalancedSRModel',
        train=augment_blocks.ADD_CAM,
        path=augment_blocks.SALIENCY_NETWORK,
        first='baseline',
    ),
    'add_plus_cam': Method(
        about='ADD+ (CVPR 2025), experimental, by attribution maps (CAM, reconstructed) of the network of baseline',
        protocol=BSPA,
        twin='baseline',
        model_type='RebalancedSRModel',
        train=augment_blocks.ADD_PLUS_CAM,
        path=augment_blocks.SALIENCY_NETWORK,
        first='baseline',
    ),
    'fpl_bspa_sigma': Method(
        about="All at once: BSPA's sampling and frozen weights, FPL's loss on the bicubic residual, the sigma branch",
        protocol=BSPA,
        twin='baseline',
        model_type='BSPAModel',
        residual=True,
        dataset=blocks.INVERSE,
        loss=blocks.FPL,
        train=blocks.SIGMA_OPT + '\n' + blocks.BSPA,
        sigma=blocks.NETWORK_SIGMA,
    ),
    'scorer': Method(
        about="Plain training by BasicSR's own recipe for MSRResNet: the network whose error is a sub-image's "
        'difficulty',
        protocol=SCORER,
    ),
}
