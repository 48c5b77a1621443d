"""Tables from a study's record alone: pure content first, then its written forms."""
