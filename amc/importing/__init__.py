"""Importers that turn NATOPS, MUG or a folder of videos into a clip file, and the code they share."""
