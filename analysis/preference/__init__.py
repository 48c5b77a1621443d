"""A human study of generated videos: pairwise preference and naming, as in Table 5 of the paper."""
