"""AMC-GAN, conditional video generation from one frame: data, models, training and evaluation, in PyTorch."""
