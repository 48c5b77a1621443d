"""The web application that raters answer the questions of a study in.

- `command`: the options of `serve`; `address`: where it listens; `run`: starts it, and the lines for a reverse proxy.
- `app`: the addresses that it answers; `pages`: what raters see; `study`: what the addresses share.
- `links`: one unguessable link a rater; `security`: response headers and the limit on request bodies.
- `status`: how far each rater is.
"""
