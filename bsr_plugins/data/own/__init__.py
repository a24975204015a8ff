"""A folder of one's own HR images, and nothing else, made ready for training: nothing of that folder is changed."""
