"""Importer for a folder of labelled videos, one sub-folder per class."""
