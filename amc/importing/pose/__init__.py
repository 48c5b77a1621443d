"""Pose estimation in an environment of its own."""
