"""Reports and pictures of a clip file: counts, duplicates, leaks between splits, contact sheets."""
