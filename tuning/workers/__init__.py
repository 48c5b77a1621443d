"""The processes that trials run in, and how they are held, stopped and capped."""
