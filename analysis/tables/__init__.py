"""Tables of a study: one module per table, which returns its content as data and as text.

- Ablation studies: `table4` (accuracy of each arm), `subjects` (by test subject), `metrics`, `recall`, `confusion`,
  `judges`, `cost`.
- Searches: `search`.
- `write_tables` writes all tables of a study; `layout` has captions, cells and the file formats.
"""
