"""Stand-ins written in the file layouts of NATOPS and MUG, as input for the importers."""
