"""Mend: ``torchvision.transforms.functional_tensor``, which torchvision 0.17 removed and BasicSR 1.4.2 imports."""

from __future__ import annotations

from types import ModuleType


def provide_functional_tensor(module: ModuleType) -> bool:
    """Fill the missing module with the one function that BasicSR takes from it: ``rgb_to_grayscale``.

    Without it ``import basicsr`` fails. https://github.com/XPixelGroup/BasicSR/issues/533 and 663.
    """
    from torchvision.transforms.functional import rgb_to_grayscale

    module.rgb_to_grayscale = rgb_to_grayscale  # type: ignore[attr-defined]  # a name of upstream
    return True
