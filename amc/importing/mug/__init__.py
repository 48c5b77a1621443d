"""Importer of MUG facial expressions (Aifanti et al. 2010), with landmarks and action units from OpenFace."""
