"""Integrated gradients over a network's parameters: how much each weight contributes to a loss."""
