"""NATOPS as it is distributed: its segmentation file, its videos and archives, and the clips in them."""
