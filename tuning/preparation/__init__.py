"""What searches and ablations share before a study runs: checked options, data, judges, and the study itself."""
