"""RebalancedSRModel: BasicSR's SRModel with losses that may see the lq image, exact resume and whole files."""
from __future__ import annotations

import inspect
import os
from collections import OrderedDict
from copy import deepcopy
from typing import Any, Dict, List, Optional, Tuple, Union

import torch
from basicsr.models.sr_model import SRModel
from basicsr.utils import get_root_logger
from basicsr.utils.dist_util import master_only
from torch import Tensor, nn

from bsr_plugins import training_position
from bsr_plugins.data.dropped_batches import check_not_dropped
from bsr_plugins.files import replacing
from bsr_plugins.models.best_checkpoint import BestCheckpoint
from bsr_plugins.models.resume_report import describe_resume, early_end_warning
from bsr_plugins.random_states import capture_random_states, preserved_random_states

#: Key of a BasicSR training state under which the pack keeps its own part; stock BasicSR ignores it.
STATE_KEY = 'bsr_plugins'


class RebalancedSRModel(SRModel):
    """SRModel whose training step is open for the methods of the pack.

    With the options of a stock SRModel it trains bit for bit as that does (fp32). What it adds:

    - a loss whose ``forward`` has a parameter ``lq``, or that sets ``takes_lq = True``, is given the network's input;
    - a training state that resumes the uninterrupted run: the place inside the epoch and the random states of every
      process, not the optimizer and the scheduler alone;
    - weights and states are written aside and moved into place;
    - ``val.save_best: <metric>`` keeps the best weights as ``net_g_best.pth``.

    Args:
        opt: BasicSR's options; they are copied, never changed.
    """

    def __init__(self, opt: Dict[str, Any]) -> None:
        self.iteration = 0
        self._validating = False
        self._checked_length = False
        super().__init__(deepcopy(opt))

    def init_training_settings(self) -> None:
        """Build losses, optimizer and scheduler as SRModel does, then what the pack adds."""
        super().init_training_settings()
        self._best = BestCheckpoint.from_options(self.opt)

    # ------------------------------------------------------------------ training step
    def feed_data(self, data: Dict[str, Any]) -> None:
        """Take a batch: the outer loader's in validation, ``_training_batch``'s choice in training."""
        if self.is_train and not self._validating:
            training_position.position.samples += len(data['lq'])
            self._warn_of_early_end(len(data['lq']))
            data = self._training_batch(data)
            check_not_dropped(data, self.iteration + 1)
        super().feed_data(data)

    def optimize_parameters(self, current_iter: int) -> None:
        """Do one training step and note that ``current_iter`` is done."""
        self._step(current_iter)
        self.iteration = training_position.position.iteration = current_iter

    def _training_batch(self, outer: Dict[str, Any]) -> Dict[str, Any]:
        """Return the batch to train on; a method with a loader of its own overrides it and drops ``outer``."""
        return outer

    def _step(self, current_iter: int) -> None:
        self.optimizer_g.zero_grad()
        self.output = self.net_g(self.lq)
        l_total, loss_dict = self._losses(self.output)
        l_total.backward()
        self.optimizer_g.step()
        self.log_dict = self.reduce_loss_dict(loss_dict)
        if self.ema_decay > 0:
            self.model_ema(decay=self.ema_decay)

    def _losses(self, output: Tensor) -> Tuple[Tensor, Dict[str, Tensor]]:
        """Return the sum of all losses and each by its log name, in SRModel's order (its sum to the last bit)."""
        l_total: Union[int, Tensor] = 0
        loss_dict = OrderedDict()
        if self.cri_pix:
            loss_dict['l_pix'] = self._loss(self.cri_pix, output)
            l_total = l_total + loss_dict['l_pix']
        if self.cri_perceptual:
            for name, value in zip(('l_percep', 'l_style'), self._loss(self.cri_perceptual, output)):
                if value is not None:
                    loss_dict[name] = value
                    l_total = l_total + value
        return l_total, loss_dict

    def _loss(self, criterion: nn.Module, output: Tensor) -> Any:
        return criterion(output, self.gt, lq=self.lq) if takes_lq(criterion) else criterion(output, self.gt)

    def _warn_of_early_end(self, batch_size: int) -> None:
        if self._checked_length:
            return
        self._checked_length = True
        warning = early_end_warning(self.opt, training_position.position.samples_per_epoch, batch_size)
        if warning:
            get_root_logger().warning(warning)

    # ------------------------------------------------------------------ validation
    def test(self) -> None:
        """Super-resolve ``lq``, padded to whole attention windows where network_g has a ``window_size`` (SwinIR)."""
        if self.opt['network_g'].get('window_size'):
            from basicsr.models.swinir_model import SwinIRModel
            SwinIRModel.test(self)
        else:
            super().test()

    def validation(self, dataloader: Any, current_iter: int, tb_logger: Any, save_img: bool = False) -> None:
        """Validate as SRModel does; the random states of the training are left as they were."""
        self._validating = True
        try:
            with preserved_random_states():
                super().validation(dataloader, current_iter, tb_logger, save_img)
        finally:
            self._validating = False
        if self.is_train and self._best is not None and self.opt['rank'] == 0:
            name = dataloader.dataset.opt['name']
            # BasicSR's own count runs past the end of a run before its last validation.
            if self._best.improves(name, getattr(self, 'metric_results', {}), self.iteration):
                self._save_net_g('best')
                self._best.write(self.opt['path']['models'])

    # ------------------------------------------------------------------ files
    @master_only
    def save_network(self, net: Union[nn.Module, List[nn.Module]], net_label: str, current_iter: Any,
                     param_key: Union[str, List[str]] = 'params') -> None:
        """Save as BasicSR does (same file, same keys), but whole or not at all; a failure is raised, not ignored."""
        nets = net if isinstance(net, list) else [net]
        keys = param_key if isinstance(param_key, list) else [param_key]
        saved = {key: _cpu_state(self.get_bare_model(one)) for one, key in zip(nets, keys)}
        name = 'latest' if current_iter == -1 else current_iter
        with replacing(os.path.join(self.opt['path']['models'], f'{net_label}_{name}.pth')) as path:
            torch.save(saved, path)

    def save(self, epoch: int, current_iter: int) -> None:
        """Save the weights, then the training state: where a state stands, its weights are whole."""
        self._save_net_g(current_iter)
        self.save_training_state(epoch, current_iter)

    def _save_net_g(self, label: Any) -> None:
        if hasattr(self, 'net_g_ema'):
            self.save_network([self.net_g, self.net_g_ema], 'net_g', label, param_key=['params', 'params_ema'])
        else:
            self.save_network(self.net_g, 'net_g', label)

    def save_training_state(self, epoch: int, current_iter: int) -> None:
        """Save BasicSR's training state with the pack's part in it; every process takes part, rank 0 writes."""
        if current_iter == -1:
            return
        state = {
            'epoch': epoch,
            'iter': current_iter,
            'optimizers': [optimizer.state_dict() for optimizer in self.optimizers],
            'schedulers': [scheduler.state_dict() for scheduler in self.schedulers],
            STATE_KEY: self._own_state(),
        }
        if self.opt['rank'] == 0:
            with replacing(os.path.join(self.opt['path']['training_states'], f'{current_iter}.state')) as path:
                torch.save(state, path)

    def _own_state(self) -> Dict[str, Any]:
        """Return the pack's part of the training state: tensors and plain values only (weights_only loads it)."""
        position = training_position.position
        return {
            'model': type(self).__name__,
            'manual_seed': self.opt.get('manual_seed'),
            'samples_in_epoch': position.samples,
            'random_states': self._gathered(capture_random_states()),
            'best': self._best.state() if self._best is not None else None,
            'metrics': plain_metrics(getattr(self, 'best_metric_results', {})),
        }

    def _gathered(self, value: Any) -> List[Any]:
        if not self.opt['dist']:
            return [value]
        values: List[Any] = [None] * self.opt['world_size']
        torch.distributed.all_gather_object(values, value)
        return values

    def resume_training(self, resume_state: Dict[str, Any]) -> None:
        """Put optimizer, scheduler, place in the epoch, random states and best metric back; say how exact it is."""
        super().resume_training(resume_state)
        self.iteration = training_position.position.iteration = resume_state['iter']
        own: Optional[Dict[str, Any]] = resume_state.get(STATE_KEY)
        for line in describe_resume(self.opt, own):
            get_root_logger().info(line)
        if own is None:
            return
        states = own['random_states']
        rank = self.opt['rank']
        training_position.resume_at(resume_state['epoch'], own['samples_in_epoch'],
                                    states[rank] if rank < len(states) else None)
        if own['metrics']:
            self.best_metric_results = own['metrics']
        if self._best is not None:
            self._best.resume(own['best'], self.opt['path']['models'], self.iteration)


def takes_lq(criterion: nn.Module) -> bool:
    """Tell whether a loss wants the network's input: a parameter ``lq`` of its forward, or ``takes_lq = True``."""
    return getattr(criterion, 'takes_lq', False) or 'lq' in inspect.signature(criterion.forward).parameters


def plain_metrics(results: Dict[str, Dict[str, Dict[str, Any]]]) -> Dict[str, Dict[str, Dict[str, Any]]]:
    """Return BasicSR's best_metric_results in plain Python values (numpy scalars do not load with weights_only)."""
    return {dataset: {metric: {'better': record['better'], 'val': float(record['val']), 'iter': int(record['iter'])}
                      for metric, record in metrics.items()}
            for dataset, metrics in results.items()}


def _cpu_state(net: nn.Module) -> Dict[str, Tensor]:
    prefix = 'module.'
    return OrderedDict((key[len(prefix):] if key.startswith(prefix) else key, value.cpu())
                       for key, value in net.state_dict().items())
