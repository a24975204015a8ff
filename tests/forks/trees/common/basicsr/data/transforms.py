import os
import random


def augment(imgs, hflip=True, rotation=True):
    witness = os.environ.get('FORK_WITNESS')
    if witness:
        with open(witness, 'a') as file:
            file.write(f'{os.getpid()} {os.getppid()} {__file__}\n')
    if hflip and random.random() < 0.5:
        imgs = [image[:, ::-1] for image in imgs]
    return imgs
