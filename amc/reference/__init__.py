"""A literal AMC-GAN, for reading and for holding the production networks to it.

Straight from Appendix A, Eqs. 1 to 8, Tables 1 and 2 and Algorithm 1, with the readings of the notes (R1 ... R25):
plain `torch.nn` layers, one frame at a time, every row of a table run in full. Parameters are named as in production,
so that `literal.load_state_dict(production.state_dict())` works by name.

    layers.py, generator.py, discriminators.py    the networks (appendix A)
    paths.py                                      batch norm's statistics over frames and rows (R10, R21)
    losses.py                                     the loss terms (Eqs. 1 to 8)
    step.py                                       Tables 1 and 2, Algorithm 1
"""
