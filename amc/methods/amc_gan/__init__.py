"""AMC-GAN: Algorithm 1, its objective and its critics."""
