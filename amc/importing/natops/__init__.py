"""Importer of NATOPS: its segmentation file, its videos and archives, and the clips cut from them."""
