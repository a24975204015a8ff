import importlib
from collections import OrderedDict
from copy import deepcopy

import torch

from basicsr.models.archs import define_network
from basicsr.models.base_model import BaseModel
from basicsr.utils import get_root_logger, tensor2img

loss_module = importlib.import_module('basicsr.models.losses')
metric_module = importlib.import_module('basicsr.metrics')


class ImageRestorationModel(BaseModel):

    def __init__(self, opt):
        super().__init__(opt)
        self.net_g = self.model_to_device(define_network(deepcopy(opt['network_g'])))
        if opt['path'].get('pretrain_network_g'):
            self.load_network(self.net_g, opt['path']['pretrain_network_g'])
        if self.is_train:
            self.init_training_settings()

    def init_training_settings(self):
        self.net_g.train()
        pixel_opt = self.opt['train']['pixel_opt']
        self.cri_pix = getattr(loss_module, pixel_opt.pop('type'))(**pixel_opt).to(self.device)
        optim_g = self.opt['train']['optim_g']
        self.optimizer_g = getattr(torch.optim, optim_g.pop('type'))(self.net_g.parameters(), **optim_g)
        self.optimizers.append(self.optimizer_g)
        self.setup_schedulers()

    def feed_data(self, data, is_val=False):
        self.lq, self.gt = data['lq'].to(self.device), data['gt'].to(self.device)

    def optimize_parameters(self, current_iter, tb_logger):
        self.optimizer_g.zero_grad()
        preds = [self.net_g(self.lq)]
        self.output = preds[-1]
        l_pix = sum(self.cri_pix(pred, self.gt) for pred in preds)
        l_pix.backward()
        torch.nn.utils.clip_grad_norm_(self.net_g.parameters(), 0.01)
        self.optimizer_g.step()
        self.log_dict = self.reduce_loss_dict(OrderedDict(l_pix=l_pix))

    def test(self):
        with torch.no_grad():
            self.output = torch.cat([self.net_g(part) for part in self.lq.split(1)])

    def dist_validation(self, dataloader, current_iter, tb_logger, save_img, rgb2bgr, use_image):
        self.metric_results, count = dict.fromkeys(self.opt['val']['metrics'], 0), 0
        for idx, val_data in enumerate(dataloader):
            if idx % self.opt['world_size'] == self.opt['rank']:
                self.feed_data(val_data, is_val=True)
                self.test()
                for name, opt_ in deepcopy(self.opt['val']['metrics']).items():
                    calculate = getattr(metric_module, opt_.pop('type'))
                    self.metric_results[name] += calculate(tensor2img(self.output.cpu()), tensor2img(self.gt.cpu()), **opt_)
                count += 1
        metrics = torch.tensor([*self.metric_results.values(), count], dtype=torch.float32)
        torch.distributed.reduce(metrics, dst=0)
        if self.opt['rank'] == 0:
            averages = {name: float(value / metrics[-1]) for name, value in zip(self.metric_results, metrics)}
            self._log_validation_metric_values(current_iter, dataloader.dataset.opt['name'], tb_logger, averages)
        return 0.

    def nondist_validation(self, *args, **kwargs):
        self.dist_validation(*args, **kwargs)

    def _log_validation_metric_values(self, current_iter, dataset_name, tb_logger, metric_dict):
        get_root_logger().info(f'Validation {dataset_name} {metric_dict}')

    def save(self, epoch, current_iter):
        self.save_network(self.net_g, 'net_g', current_iter)
        self.save_training_state(epoch, current_iter)
