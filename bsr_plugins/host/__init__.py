"""How the pack gets into a BasicSR, or a fork of it: registration, import hooks, patches of its functions."""
