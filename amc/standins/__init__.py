"""Stand-ins for data sets that a person has to obtain: rendered bodies whose joints are known exactly."""
