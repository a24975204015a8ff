import os
from collections import OrderedDict

import torch
from torch.nn.parallel import DataParallel, DistributedDataParallel

from basicsr.utils import get_root_logger
from basicsr.utils.dist_util import master_only


class BaseModel:

    def __init__(self, opt):
        self.opt = opt
        self.device = torch.device('cuda' if opt['num_gpu'] != 0 else 'cpu')
        self.is_train = opt['is_train']
        self.schedulers, self.optimizers = [], []

    def model_to_device(self, net):
        net = net.to(self.device)
        if self.opt['dist']:
            net = DistributedDataParallel(net, device_ids=[torch.cuda.current_device()])
        return net

    def get_bare_model(self, net):
        return net.module if isinstance(net, (DataParallel, DistributedDataParallel)) else net

    @master_only
    def print_network(self, net):
        get_root_logger().info(f'Network: {type(self.get_bare_model(net)).__name__}')

    def setup_schedulers(self):
        milestones = self.opt['train']['scheduler']['milestones']
        for optimizer in self.optimizers:
            self.schedulers.append(torch.optim.lr_scheduler.MultiStepLR(optimizer, milestones))

    def update_learning_rate(self, current_iter, warmup_iter=-1):
        if current_iter > 1:
            for scheduler in self.schedulers:
                scheduler.step()

    def get_current_log(self):
        return self.log_dict

    def validation(self, dataloader, current_iter, tb_logger, save_img=False, *more):
        if self.opt['dist']:
            return self.dist_validation(dataloader, current_iter, tb_logger, save_img, *more)
        return self.nondist_validation(dataloader, current_iter, tb_logger, save_img, *more)

    @master_only
    def save_network(self, net, net_label, current_iter, param_key='params'):
        name = 'latest' if current_iter == -1 else current_iter
        nets, keys = (value if isinstance(value, list) else [value] for value in (net, param_key))
        torch.save({key: self.get_bare_model(one).state_dict() for one, key in zip(nets, keys)},
                   os.path.join(self.opt['path']['models'], f'{net_label}_{name}.pth'))

    @master_only
    def save_training_state(self, epoch, current_iter, **more):
        if current_iter != -1:
            state = {'epoch': epoch, 'iter': current_iter, 'optimizers': [], 'schedulers': [], **more}
            for kind in ('optimizers', 'schedulers'):
                state[kind] = [each.state_dict() for each in getattr(self, kind)]
            torch.save(state, os.path.join(self.opt['path']['training_states'], f'{current_iter}.state'))

    def resume_training(self, resume_state):
        for kind in ('optimizers', 'schedulers'):
            for each, state in zip(getattr(self, kind), resume_state[kind]):
                each.load_state_dict(state)

    def load_network(self, net, load_path, strict=True, param_key='params'):
        self.get_bare_model(net).load_state_dict(torch.load(load_path, map_location='cpu')[param_key], strict=strict)

    def reduce_loss_dict(self, loss_dict):
        with torch.no_grad():
            if self.opt['dist']:
                losses = torch.stack(list(loss_dict.values()), 0)
                torch.distributed.reduce(losses, dst=0)
                loss_dict = dict(zip(loss_dict, losses / self.opt['world_size']))
            return OrderedDict((name, value.mean().item()) for name, value in loss_dict.items())
