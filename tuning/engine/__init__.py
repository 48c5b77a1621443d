"""The study engine: hands out trials, takes their reports, decides, resumes."""
