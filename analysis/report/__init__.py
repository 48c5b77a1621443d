"""The report of a study: one HTML file that embeds all it shows, opens offline and runs no script."""
