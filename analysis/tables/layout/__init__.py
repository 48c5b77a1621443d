"""How tables look: captions, text cells, and the formats Markdown, LaTeX, CSV and JSON."""
