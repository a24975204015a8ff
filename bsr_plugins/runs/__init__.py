"""What a running training needs besides its method: checkpoints, signals, random states, its position."""
