"""Reports and pictures of clip files: counts, duplicates, leaks between splits, contact sheets."""
