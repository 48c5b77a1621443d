"""A parametric face: 68 landmarks moved by facial action units, a head that sways a little, and a drawing of it."""
