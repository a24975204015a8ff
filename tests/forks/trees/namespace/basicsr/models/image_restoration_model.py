import importlib
from collections import OrderedDict
from copy import deepcopy

import torch

from basicsr.models.archs import define_network
from basicsr.models.base_model import BaseModel
from basicsr.utils import get_root_logger, tensor2img

loss_module = importlib.import_module('basicsr.models.losses')
metric_module = importlib.import_module('basicsr.metrics')


class ImageCleanModel(BaseModel):

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

    def feed_train_data(self, data):
        self.feed_data(data)

    def feed_data(self, data):
        self.lq, self.gt = data['lq'].to(self.device), data['gt'].to(self.device)

    def optimize_parameters(self, current_iter):
        self.optimizer_g.zero_grad()
        preds = [self.net_g(self.lq)]
        self.output = preds[-1]
        l_pix = sum(self.cri_pix(pred, self.gt) for pred in preds)
        l_pix.backward()
        torch.nn.utils.clip_grad_norm_(self.net_g.parameters(), 0.01)
        self.optimizer_g.step()
        self.log_dict = self.reduce_loss_dict(OrderedDict(l_pix=l_pix))

    def nonpad_test(self):
        with torch.no_grad():
            self.output = self.net_g(self.lq)

    def dist_validation(self, dataloader, current_iter, tb_logger, save_img, rgb2bgr=True, use_image=True):
        return self.nondist_validation(dataloader, current_iter, tb_logger, save_img, rgb2bgr, use_image)

    def nondist_validation(self, dataloader, current_iter, tb_logger, save_img, rgb2bgr=True, use_image=True):
        self.metric_results = dict.fromkeys(self.opt['val']['metrics'], 0)
        for val_data in dataloader:
            self.feed_data(val_data)
            self.nonpad_test()
            for name, opt_ in deepcopy(self.opt['val']['metrics']).items():
                calculate = getattr(metric_module, opt_.pop('type'))
                value = calculate(tensor2img(self.output.cpu()), tensor2img(self.gt.cpu()), **opt_)
                self.metric_results[name] += value / len(dataloader)
        get_root_logger().info(f'Validation {dataloader.dataset.opt["name"]} {self.metric_results}')
        return self.metric_results['psnr']

    def save(self, epoch, current_iter, **more):
        self.save_network(self.net_g, 'net_g', current_iter)
        self.save_training_state(epoch, current_iter, **more)
