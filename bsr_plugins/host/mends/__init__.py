"""Mends: one function for each defect of BasicSR, applied only where the defect is present, none by editing files."""

from __future__ import annotations

from typing import Any, Callable, Tuple

from bsr_plugins.host.lazy import lazy_call
from bsr_plugins.host.patches import WHEN_MISSING, Patch

_THREADS = 'https://github.com/XPixelGroup/BasicSR/'
_FILES = 'https://github.com/XPixelGroup/BasicSR/blob/master/basicsr/'
_ONE_RUN = 'one run a name'
_ONE_RUN_REASON = 'two runs of one name at the same time archive and overwrite each other'


def _lazy(target: str) -> Callable[..., Any]:
    return lazy_call(target.partition(':')[2], f'{__name__}.{target}')


MENDS: Tuple[Patch, ...] = (
    Patch(
        'functional tensor',
        'torchvision.transforms.functional_tensor',
        _lazy('functional_tensor:provide_functional_tensor'),
        'import basicsr fails with torchvision >= 0.17',
        f'{_THREADS}issues/533',
        WHEN_MISSING,
    ),
    Patch(
        'version file',
        'basicsr.version',
        _lazy('version_file:provide_version'),
        'a package fails to be imported in a fresh clone, before its setup.py has run',
        f'{_THREADS}issues/376',
        WHEN_MISSING,
    ),
    Patch(
        'version file',
        '*.version',
        _lazy('version_file:provide_version'),
        'a package fails to be imported in a fresh clone, before its setup.py has run',
        f'{_THREADS}issues/376',
        WHEN_MISSING,
    ),
    Patch(
        'losses module',
        'basicsr.losses.losses',
        _lazy('losses_module:provide_losses_module'),
        'projects of the time before BasicSR 1.4 import losses from a module that was split since (SwinFIR)',
        f'{_FILES}losses/basic_loss.py',
        WHEN_MISSING,
    ),
    Patch(
        'distutils',
        'distutils',
        _lazy('loose_version:provide_distutils'),
        'import basicsr fails on Python >= 3.12 without setuptools',
        f'{_FILES}archs/arch_util.py',
        WHEN_MISSING,
    ),
    Patch(
        'distutils',
        'distutils.version',
        _lazy('loose_version:provide_distutils_version'),
        'import basicsr fails on Python >= 3.12 without setuptools',
        f'{_FILES}archs/arch_util.py',
        WHEN_MISSING,
    ),
    Patch(
        'local rank',
        'basicsr.utils.options',
        _lazy('local_rank:mend_local_rank'),
        'torch.distributed.launch of torch >= 2 passes an argument that is not recognised',
        f'{_THREADS}issues/626',
    ),
    # In this order: the name may be an override, and a folder is this run's before anything in it is touched.
    Patch(
        'forced options',
        'basicsr.utils.options',
        _lazy('forced_options:mend_forced_options'),
        '--force_yml manual_seed=1 leaves the seed of the file in force',
        f'{_FILES}utils/options.py',
    ),
    Patch(
        _ONE_RUN,
        'basicsr.utils.options',
        _lazy('one_run_a_name:mend_one_run_a_name'),
        _ONE_RUN_REASON,
        f'{_FILES}utils/misc.py',
    ),
    Patch(
        _ONE_RUN,
        'basicsr.utils.misc',
        _lazy('one_run_a_name:mend_one_run_a_name_before_1_3'),
        _ONE_RUN_REASON,
        f'{_FILES}utils/misc.py',
    ),
    Patch(
        'auto_resume folder',
        'basicsr.utils.options',
        _lazy('auto_resume_folder:mend_auto_resume_folder'),
        '--auto_resume looks under the working directory and restarts from 0',
        f'{_THREADS}pull/408',
    ),
    # Before the next: both wrap torch.load, and that one looks at who called it.
    Patch(
        'weights only',
        'basicsr.utils.misc',
        _lazy('weights_only:mend_weights_only'),
        'with torch < 2.6, loading a .pth or .state can run code that is in it',
        f'{_FILES}models/base_model.py',
    ),
    Patch(
        'resume on CPU',
        'basicsr.utils.misc',
        _lazy('resume_on_cpu:mend_resume_on_cpu'),
        'resuming asks for a CUDA device, and keeps the state there, where each update waits for step counts',
        f'{_THREADS}issues/679',
    ),
    Patch(
        'frozen networks',
        'basicsr.utils.misc',
        _lazy('frozen_networks:mend_frozen_networks'),
        'a resumed run looks for the weights of a network that it does not train among those that it saved',
        f'{_FILES}utils/misc.py',
    ),
    Patch(
        'gloo on CPU',
        'basicsr.utils.dist_util',
        _lazy('gloo_on_cpu:mend_gloo_launch'),
        'a distributed launch divides by the number of GPUs and supports only NCCL',
        f'{_FILES}utils/dist_util.py',
    ),
    Patch(
        'DDP on CPU',
        'basicsr.models.base_model',
        _lazy('gloo_on_cpu:mend_ddp_without_devices'),
        'a network is wrapped with CUDA device ids',
        f'{_FILES}models/base_model.py',
    ),
    Patch(
        'prefetch race',
        'basicsr.data.prefetch_dataloader',
        _lazy('prefetch_race:mend_prefetch_race'),
        'prefetch_mode: cpu hangs with persistent_workers, or after an error',
        f'{_THREADS}pull/268',
    ),
    Patch(
        'CUDA prefetch',
        'basicsr.data.prefetch_dataloader',
        _lazy('cuda_prefetch:mend_cuda_prefetch'),
        'prefetch_mode: cuda may overwrite a batch that is still trained on',
        f'{_FILES}data/prefetch_dataloader.py',
    ),
    Patch(
        'LMDB backend',
        'basicsr.utils.file_client',
        _lazy('lmdb_backend:mend_lmdb_backend'),
        'two data sets of one process cannot read the same LMDB',
        f'{_FILES}utils/file_client.py',
    ),
    Patch(
        'filter2D',
        'basicsr.utils.img_process_util',
        _lazy('filter2d:mend_filter2d'),
        'blurring fails on images that are not contiguous in memory',
        f'{_FILES}utils/img_process_util.py',
    ),
    Patch(
        'JPEG quality',
        'basicsr.data.degradations',
        _lazy('jpeg_quality:mend_jpeg_quality'),
        'OpenCV >= 4.5.4 refuses a JPEG quality that is a float',
        f'{_THREADS}issues/578',
    ),
    Patch(
        'matlab colours',
        'basicsr.utils.matlab_functions',
        _lazy('matlab_color:mend_matlab_color'),
        'HAT imports colour conversions from a module that no longer has them',
        'https://github.com/XPixelGroup/HAT/issues/8',
    ),
    Patch(
        'cuda calls',
        'basicsr.utils.misc',
        _lazy('cuda_calls:mend_cuda_calls'),
        'code that insists on a GPU stops a run that is to use the CPU',
        'https://github.com/xinntao/Real-ESRGAN/blob/master/realesrgan/models/realesrnet_model.py',
    ),
    Patch(
        'state listing',
        'basicsr.utils.misc',
        _lazy('state_listing:mend_state_listing'),
        'a script that resumes by itself fails where another file lies beside its states',
        'https://github.com/swz30/Restormer/blob/main/basicsr/train.py',
    ),
    Patch(
        'network weights',
        'basicsr.models.base_model',
        _lazy('network_weights:mend_network_weights'),
        'weights under another key, or of another network, end in a traceback, or nothing of them is loaded',
        f'{_FILES}models/base_model.py',
    ),
    Patch(
        'stale batch',
        'basicsr.models.base_model',
        _lazy('stale_batch:mend_stale_batch'),
        'images of a set without HR images are compared with those of the last training batch',
        f'{_FILES}models/sr_model.py',
    ),
    Patch(
        'metric without GT',
        'basicsr.metrics',
        _lazy('stale_batch:mend_metric_without_gt'),
        'a metric ends the run at a set without HR images',
        f'{_FILES}metrics/__init__.py',
    ),
    Patch(
        'numpy scalars',
        'basicsr.models.base_model',
        _lazy('numpy_scalars:mend_numpy_scalars'),
        'torch >= 2.6 refuses states that hold a metric as a numpy number',
        'https://github.com/caiyuanhao1998/Retinexformer/blob/master/basicsr/models/base_model.py',
    ),
    Patch(
        'validation without a process group',
        'basicsr.models.image_restoration_model',
        _lazy('single_process_validation:mend_single_process_validation'),
        'a validation in a single process asks for a process group',
        'https://github.com/megvii-research/NAFNet/issues/63',
    ),
    Patch(
        'several validation sets',
        'basicsr.utils.logger',
        _lazy('several_validation_sets:answer_several_validation_sets'),
        'a warning at every validation doubts that several validation sets are supported',
        f'{_FILES}train.py',
    ),
    # Before the next, which goes around it.
    Patch(
        'pairing of folders',
        'basicsr.data.data_util',
        _lazy('pairing_of_folders:mend_pairing_of_folders'),
        'pairing the images of two folders takes time that grows with the square of their number',
        f'{_FILES}data/data_util.py',
    ),
    Patch(
        'named images',
        'basicsr.utils.file_client',
        _lazy('named_images:name_what_is_read'),
        'an image, a list or an LMDB that cannot be read is not named',
        f'{_FILES}utils/img_util.py',
    ),
    Patch(
        'named images',
        'basicsr.utils.img_util',
        _lazy('named_images:name_what_is_decoded'),
        'an image, a list or an LMDB that cannot be read is not named',
        f'{_FILES}utils/img_util.py',
    ),
    Patch(
        'named images',
        'basicsr.data.transforms',
        _lazy('named_images:name_what_is_cropped'),
        'an image, a list or an LMDB that cannot be read is not named',
        f'{_FILES}utils/img_util.py',
    ),
    Patch(
        'named images',
        'basicsr.data.data_util',
        _lazy('named_images:name_what_is_listed'),
        'an image, a list or an LMDB that cannot be read is not named',
        f'{_FILES}utils/img_util.py',
    ),
    Patch(
        'absent EMA',
        'basicsr.models.sr_model',
        _lazy('absent_ema:mend_absent_ema'),
        'a test or a save fails where there is no EMA',
        'https://github.com/sczhou/CodeFormer/blob/master/basicsr/models/sr_model.py',
    ),
)
