"""``basicsr doctor``: what is installed, registered and mended here, and what is wrong with it, with a remedy each."""
