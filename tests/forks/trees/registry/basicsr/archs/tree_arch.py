from torch import nn

from basicsr.utils.registry import ARCH_REGISTRY


@ARCH_REGISTRY.register()
class TreeNet(nn.Module):

    def __init__(self, upscale=1, num_feat=4):
        super().__init__()
        self.body = nn.Conv2d(3, num_feat, 3, padding=1)
        self.up = nn.Sequential(nn.Conv2d(num_feat, 3 * upscale**2, 3, padding=1), nn.PixelShuffle(upscale))

    def forward(self, x):
        return self.up(self.body(x))
