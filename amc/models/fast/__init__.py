"""Operations rewritten for speed, each equal to its plain form."""
