"""A kinematic body that performs the 24 NATOPS gestures."""
