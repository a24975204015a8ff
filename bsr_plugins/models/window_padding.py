"""Networks with attention windows at any image size, as in BasicSR's SwinIRModel."""
from __future__ import annotations


class WindowPadding:
    """Mixin over SRModel: tests pad to whole windows where network_g has a ``window_size`` (SwinIR)."""

    def test(self) -> None:
        """Super-resolve ``lq``."""
        if self.opt['network_g'].get('window_size'):
            from basicsr.models.swinir_model import SwinIRModel
            SwinIRModel.test(self)
        else:
            super().test()
