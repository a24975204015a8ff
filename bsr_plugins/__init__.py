"""Long-tail training methods for super-resolution, registered in BasicSR's registries by importing this package."""

from __future__ import annotations

from bsr_plugins.host.registration import install

__version__ = '0.1.0'

install()
