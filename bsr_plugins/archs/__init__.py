"""Networks that option files name as ``network_g`` or ``network_sigma``, and parts that wrap another network."""
