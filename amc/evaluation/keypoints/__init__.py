"""Keypoints in generated clips: extractors, and the classifier that names the motion from keypoints (appendix B.4)."""
