"""Statistics of arms, seeds and clips. docs/statistics.md explains the choices and the simulations that check them.

- `levels`: confidence of the intervals and alpha of the tests.
- `crossed`: mean over seeds and clips with its 95% confidence interval and p value (Table 4's interval).
- `intervals`: the interval formulas: two-way crossed, and Student's t over seeds.
- `mean_squares`: mean squares of a seeds-by-clips table.
- `sign_flip`: exact paired test over seeds.
- `holm`: correction for multiple comparisons.
- `effect_sizes`: Cohen's h and Hedges' g.
- `power`: power of the test and the smallest detectable difference.
- `rank_agreement`: Kendall's tau between two orders of the arms.
- `steps_to_target`: training steps until a validation curve reaches a target.
"""
