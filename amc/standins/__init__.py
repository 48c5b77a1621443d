"""Procedural stand-ins for NATOPS and MUG: rendered bodies and faces whose keypoints are known exactly."""
