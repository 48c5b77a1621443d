"""Methods that the training loop can train: one package each, behind one protocol."""
