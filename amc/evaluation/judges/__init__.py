"""Classifiers trained on real clips that judge generated ones (section 4.1, appendix B.3)."""
