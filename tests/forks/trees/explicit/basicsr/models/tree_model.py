from collections import OrderedDict

import torch

from basicsr.models.sr_model import SRModel
from basicsr.utils import get_root_logger
from basicsr.utils.registry import MODEL_REGISTRY


@MODEL_REGISTRY.register()
class TreeModel(SRModel):

    def optimize_parameters(self, current_iter):
        self.optimizer_g.zero_grad()
        self.output = self.net_g(self.lq)
        l_pix = self.cri_pix(self.output, self.gt)
        l_fft = 0.1 * (torch.fft.rfft2(self.output) - torch.fft.rfft2(self.gt)).abs().mean()
        (l_pix + l_fft).backward()
        self.optimizer_g.step()
        self.log_dict = self.reduce_loss_dict(OrderedDict(l_pix=l_pix, l_fft=l_fft))

    def test(self):
        get_root_logger().info('test of TreeModel')
        super().test()
