from basicsr.models.sr_model import SRModel
from basicsr.utils import get_root_logger
from basicsr.utils.registry import MODEL_REGISTRY


@MODEL_REGISTRY.register()
class OwnModel(SRModel):

    def test(self):
        get_root_logger().info('test of OwnModel')
        super().test()
