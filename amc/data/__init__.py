"""Clips: the file they live in, how they are divided, where they come from and how stand-ins are made."""
