import argparse
import os
from os import path as osp

import torch
from torch.utils.data import DataLoader

import basicsr
from basicsr.data import create_dataset
from basicsr.data.data_sampler import EnlargedSampler
from basicsr.data.prefetch_dataloader import CPUPrefetcher
from basicsr.models import create_model
from basicsr.utils import get_root_logger, set_random_seed
from basicsr.utils.dist_util import get_dist_info, init_dist
from basicsr.utils.options import parse


def parse_options(is_train=True):
    parser = argparse.ArgumentParser()
    parser.add_argument('--opt', type=str, required=True)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm'], default='none')
    parser.add_argument('--local_rank', type=int, default=0)
    args = parser.parse_args()
    opt = parse(args.opt, osp.abspath(osp.join(__file__, osp.pardir, osp.pardir)), is_train)
    opt['dist'] = args.launcher != 'none'
    if opt['dist']:
        init_dist(args.launcher)
    opt['rank'], opt['world_size'] = get_dist_info()
    set_random_seed(opt['manual_seed'] + opt['rank'])
    return opt


def create_train_val_dataloader(opt, logger):
    train = opt['datasets']['train']
    train_set = create_dataset(train)
    sampler = EnlargedSampler(train_set, opt['world_size'], opt['rank'])
    loader = DataLoader(train_set, train['batch_size_per_gpu'], sampler=sampler, drop_last=True,
                        num_workers=train['num_worker_per_gpu'])
    val = opt['datasets'].get('val')
    return loader, sampler, DataLoader(create_dataset(val)) if val else None


def train_on(model, train_data, opt, current_iter):
    lq, gt = train_data['lq'], train_data['gt']
    size = opt['datasets']['train'].get('mini_batch_sizes', [len(lq)])[0]
    model.feed_train_data({'lq': lq[:size], 'gt': gt[:size]})
    model.optimize_parameters(current_iter)


def main():
    opt = parse_options(is_train=True)
    logger = get_root_logger()
    logger.info(f'This is {__file__} with {list(basicsr.__path__)}')
    folder = f'experiments/{opt["name"]}/training_states/'
    resume_state = None
    states = os.listdir(folder)
    if len(states) > 0:
        newest = max(int(name[0:-6]) for name in states)
        opt['path']['pretrain_network_g'] = osp.join(opt['path']['models'], f'net_g_{newest}.pth')
        device_id = torch.cuda.current_device()
        resume_state = torch.load(osp.join(folder, f'{newest}.state'),
                                  map_location=lambda storage, loc: storage.cuda(device_id))
    loader, sampler, val_loader = create_train_val_dataloader(opt, logger)
    model = create_model(opt)
    logger.info(f'Model [{type(model).__name__}] is created')
    epoch, current_iter, best_metric = 0, 0, {'iter': 0}
    if resume_state:
        model.resume_training(resume_state)
        epoch, current_iter = resume_state['epoch'], resume_state['iter']
        best_metric = resume_state['best_metric']
        logger.info(f'Resuming training from iter {current_iter}, the best one is {best_metric["iter"]}')
    prefetcher = CPUPrefetcher(loader)
    while current_iter <= opt['train']['total_iter']:
        sampler.set_epoch(epoch)
        prefetcher.reset()
        train_data = prefetcher.next()
        while train_data is not None:
            current_iter += 1
            if current_iter > opt['train']['total_iter']:
                break
            model.update_learning_rate(current_iter, warmup_iter=-1)
            train_on(model, train_data, opt, current_iter)
            best_metric['iter'] = current_iter
            logger.info(f'iter {current_iter} {dict(model.get_current_log())}')
            if current_iter % opt['logger']['save_checkpoint_freq'] == 0:
                model.save(epoch, current_iter, best_metric=best_metric)
            train_data = prefetcher.next()
        epoch += 1
    logger.info('End of training')
    model.save(epoch=-1, current_iter=-1)
    if val_loader is not None:
        model.validation(val_loader, current_iter, None, opt['val']['save_img'], True, True)


if __name__ == '__main__':
    main()
