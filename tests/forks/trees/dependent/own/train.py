import os.path as osp

import own.archs
import own.models  # noqa: F401
from basicsr.train import train_pipeline

if __name__ == '__main__':
    print(f'This is {__file__}', flush=True)
    train_pipeline(osp.abspath(osp.join(__file__, osp.pardir, osp.pardir)))
