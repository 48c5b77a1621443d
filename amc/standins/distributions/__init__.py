"""Stand-ins in the file layout of the original distributions, for testing the importers."""
