import argparse
import math
import os
from os import path as osp

import torch
from torch.utils.data import DataLoader

import basicsr
from basicsr.data import build_dataset
from basicsr.data.data_sampler import EnlargedSampler
from basicsr.data.prefetch_dataloader import CPUPrefetcher
from basicsr.models import build_model
from basicsr.utils import get_root_logger, set_random_seed
from basicsr.utils.dist_util import get_dist_info, init_dist
from basicsr.utils.options import parse


def parse_options(root_path):
    parser = argparse.ArgumentParser()
    parser.add_argument('-opt', type=str, required=True)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm'], default='none')
    parser.add_argument('--auto_resume', action='store_true')
    parser.add_argument('--local_rank', type=int, default=0)
    args = parser.parse_args()
    opt = parse(args.opt, root_path)
    opt['dist'] = args.launcher != 'none'
    if opt['dist']:
        init_dist(args.launcher)
    opt['rank'], opt['world_size'] = get_dist_info()
    opt['auto_resume'] = args.auto_resume
    set_random_seed(opt['manual_seed'] + opt['rank'])
    return opt


def load_resume_state(opt):
    folder = osp.join('experiments', opt['name'], 'training_states')
    states = [float(name.split('.state')[0]) for name in os.listdir(folder)] if opt['auto_resume'] else []
    if not states:
        return None
    device_id = torch.cuda.current_device()
    opt['path']['pretrain_network_g'] = osp.join(opt['path']['models'], f'net_g_{max(states):.0f}.pth')
    return torch.load(osp.join(folder, f'{max(states):.0f}.state'),
                      map_location=lambda storage, loc: storage.cuda(device_id))


def train_pipeline(root_path):
    opt = parse_options(root_path)
    logger = get_root_logger()
    logger.info(f'This is {__file__} with {list(basicsr.__path__)}')
    resume_state = load_resume_state(opt)
    train = opt['datasets']['train']
    train_set = build_dataset(train)
    sampler = EnlargedSampler(train_set, opt['world_size'], opt['rank'])
    loader = DataLoader(train_set, train['batch_size_per_gpu'], sampler=sampler, drop_last=True,
                        num_workers=train['num_worker_per_gpu'])
    total_iters = int(opt['train']['total_iter'])
    total_epochs = math.ceil(total_iters / math.ceil(len(sampler) / train['batch_size_per_gpu']))
    val_loader = DataLoader(build_dataset(opt['datasets']['val'])) if opt['datasets'].get('val') else None
    model = build_model(opt)
    logger.info(f'Model [{type(model).__name__}] is created')
    start_epoch, current_iter = 0, 0
    if resume_state:
        model.resume_training(resume_state)
        start_epoch, current_iter = resume_state['epoch'], resume_state['iter']
        logger.info(f'Resuming training from iter {current_iter}')
    prefetcher = CPUPrefetcher(loader)
    for epoch in range(start_epoch, total_epochs + 1):
        sampler.set_epoch(epoch)
        prefetcher.reset()
        train_data = prefetcher.next()
        while train_data is not None:
            current_iter += 1
            if current_iter > total_iters:
                break
            model.update_learning_rate(current_iter)
            model.feed_data(train_data)
            model.optimize_parameters(current_iter)
            logger.info(f'iter {current_iter} {dict(model.get_current_log())}')
            if current_iter % opt['logger']['save_checkpoint_freq'] == 0:
                model.save(epoch, current_iter)
            train_data = prefetcher.next()
    logger.info('End of training')
    model.save(epoch=-1, current_iter=-1)
    if val_loader is not None:
        model.validation(val_loader, current_iter, None, False)


if __name__ == '__main__':
    train_pipeline(osp.abspath(osp.join(__file__, osp.pardir, osp.pardir)))
