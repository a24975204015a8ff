from .losses import L1Loss

__all__ = ['L1Loss']
