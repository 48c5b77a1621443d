"""AMC-GAN written as the paper states it: read this first. Tests and `amc selftest` compare production with it.

Appendix A, Eqs. 1 to 8, Tables 1 and 2 and Algorithm 1 with the readings R1 to R25 (docs/readings.md): plain
`torch.nn` layers, one frame at a time, every row of a table computed in full. Parameters have the same names as in
production, so that `literal.load_state_dict(production.state_dict())` works.

    layers.py, generator.py, discriminators.py    the networks (appendix A)
    paths.py                                      batch norm's statistics over frames and rows (R10, R21)
    losses.py                                     the loss terms (Eqs. 1 to 8)
    step.py                                       Tables 1 and 2, Algorithm 1
"""
