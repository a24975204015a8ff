"""Networks with attention windows at any image size, as in BasicSR's SwinIRModel."""

from __future__ import annotations

from bsr_plugins.models.stock_model import StockModel


class WindowPadding:
    """Mixin over SRModel: tests pad to whole windows where network_g, or its base, has a ``window_size`` (SwinIR).

    A model with a test of its own (``base_model_type``: HATModel, ..., and those of releases before 1.3) keeps it.
    """

    def test(self) -> None:
        """Super-resolve ``lq``."""
        given, network = self.opt, self.opt['network_g']
        while isinstance(network.get('base'), dict):
            network = network['base']
        upstreams = StockModel.__name__ == 'SRModel' and super().test.__func__ is StockModel.test
        if not (network.get('window_size') and upstreams):
            super().test()
            return
        from basicsr.models.swinir_model import SwinIRModel

        # It looks for the windows in network_g itself.
        self.opt = {**given, 'network_g': network}
        try:
            SwinIRModel.test(self)
        finally:
            self.opt = given
