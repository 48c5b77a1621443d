"""What a study measured: its scores read from the record, and the estimates that tables and figures show.

- `study_scores`: the types; `load_study` reads one study, `join_studies` puts several side by side.
- `estimates`: a mean over seeds and clips with its interval and p.
- `learning_speed`: training steps to a target accuracy.
- `confirming_runs`: test accuracy of the runs that confirm a search's best trial.
"""
