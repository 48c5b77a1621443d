"""What studies found: the record's reader, statistics, tables. Trains nothing and needs neither Ray nor torch."""
