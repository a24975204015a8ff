import os

import cv2
import numpy as np
from torch.utils.data import Dataset

from basicsr.data.transforms import augment
from basicsr.utils import img2tensor
from basicsr.utils.registry import DATASET_REGISTRY


@DATASET_REGISTRY.register()
class TreeDataset(Dataset):

    def __init__(self, opt):
        self.opt = opt
        self.names = sorted(os.listdir(opt['dataroot_gt']))

    def __len__(self):
        return len(self.names)

    def __getitem__(self, index):
        folders = (self.opt['dataroot_gt'], self.opt['dataroot_lq'])
        images = [cv2.imread(os.path.join(folder, self.names[index])).astype(np.float32) / 255. for folder in folders]
        gt, lq = img2tensor(augment(images, hflip=self.opt['phase'] == 'train'))
        return {'lq': lq, 'gt': gt, 'lq_path': self.names[index], 'gt_path': self.names[index]}
