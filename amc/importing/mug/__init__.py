"""MUG facial expressions (Aifanti et al. 2010) as distributed, with OpenFace beside it: what becomes of them."""
