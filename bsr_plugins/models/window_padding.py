"""Networks with attention windows at any image size, as in BasicSR's SwinIRModel."""
from __future__ import annotations

from basicsr.models.sr_model import SRModel


class WindowPadding:
    """Mixin over SRModel: tests pad to whole windows where network_g, or its base, has a ``window_size`` (SwinIR).

    A model with a test of its own (``base_model_type``: HATModel, ...) keeps it.
    """

    def test(self) -> None:
        """Super-resolve ``lq``."""
        given, network = self.opt, self.opt['network_g']
        while isinstance(network.get('base'), dict):
            network = network['base']
        if not network.get('window_size') or super().test.__func__ is not SRModel.test:
            super().test()
            return
        from basicsr.models.swinir_model import SwinIRModel
        # It looks for the windows in network_g itself.
        self.opt = {**given, 'network_g': network}
        try:
            SwinIRModel.test(self)
        finally:
            self.opt = given
