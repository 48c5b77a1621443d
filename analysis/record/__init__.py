"""The study record: schema, reading, writing and locks."""
