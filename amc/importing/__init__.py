"""What all importers of videos have in common: what was wrong, what came out, workers, places of a file."""
