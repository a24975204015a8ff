from collections import OrderedDict
from copy import deepcopy

import torch

from basicsr.archs import build_network
from basicsr.losses import build_loss
from basicsr.metrics import calculate_metric
from basicsr.models.base_model import BaseModel
from basicsr.utils import get_root_logger, tensor2img
from basicsr.utils.registry import MODEL_REGISTRY


@MODEL_REGISTRY.register()
class SRModel(BaseModel):

    def __init__(self, opt):
        super().__init__(opt)
        self.net_g = self.model_to_device(build_network(opt['network_g']))
        self.print_network(self.net_g)
        if opt['path'].get('pretrain_network_g'):
            self.load_network(self.net_g, opt['path']['pretrain_network_g'])
        if self.is_train:
            self.init_training_settings()

    def init_training_settings(self):
        self.net_g.train()
        train_opt = self.opt['train']
        self.ema_decay = train_opt.get('ema_decay', 0)
        self.cri_pix = build_loss(train_opt['pixel_opt']) if train_opt.get('pixel_opt') else None
        self.cri_perceptual = None
        self.setup_optimizers()
        self.setup_schedulers()

    def setup_optimizers(self):
        options = deepcopy(self.opt['train']['optim_g'])
        self.optimizer_g = getattr(torch.optim, options.pop('type'))(self.net_g.parameters(), **options)
        self.optimizers.append(self.optimizer_g)

    def feed_data(self, data):
        self.lq = data['lq'].to(self.device)
        if 'gt' in data:
            self.gt = data['gt'].to(self.device)

    def optimize_parameters(self, current_iter):
        self.optimizer_g.zero_grad()
        self.output = self.net_g(self.lq)
        l_pix = self.cri_pix(self.output, self.gt)
        l_pix.backward()
        self.optimizer_g.step()
        self.log_dict = self.reduce_loss_dict(OrderedDict(l_pix=l_pix))

    def test(self):
        self.net_g.eval()
        with torch.no_grad():
            self.output = self.net_g(self.lq)
        self.net_g.train()

    def dist_validation(self, dataloader, current_iter, tb_logger, save_img):
        if self.opt['rank'] == 0:
            self.nondist_validation(dataloader, current_iter, tb_logger, save_img)

    def nondist_validation(self, dataloader, current_iter, tb_logger, save_img):
        self.metric_results = dict.fromkeys(self.opt['val']['metrics'], 0)
        for val_data in dataloader:
            self.feed_data(val_data)
            self.test()
            data = {'img': tensor2img(self.output.cpu()), 'img2': tensor2img(self.gt.cpu())}
            for name, opt_ in self.opt['val']['metrics'].items():
                self.metric_results[name] += calculate_metric(data, opt_) / len(dataloader)
        self._log_validation_metric_values(current_iter, dataloader.dataset.opt['name'], tb_logger)

    def _log_validation_metric_values(self, current_iter, dataset_name, tb_logger):
        get_root_logger().info(f'Validation {dataset_name} {self.metric_results}')

    def save(self, epoch, current_iter):
        self.save_network(self.net_g, 'net_g', current_iter)
        self.save_training_state(epoch, current_iter)
