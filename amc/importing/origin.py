"""How a folder says that the project itself made what is in it, so that no import of it passes for a recording."""

MADE = "PROCEDURAL.txt"  # in the top folder
