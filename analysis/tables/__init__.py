"""Tables computed from a study record: content as data, then written as Markdown, LaTeX, CSV and JSON."""
