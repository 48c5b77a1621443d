"""What the machine offers a training step: precision, compilation, CUDA graphs, memory."""
