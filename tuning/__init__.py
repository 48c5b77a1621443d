"""The study engine: a source of trials, a durable record of them, and the adapters that run and track them."""
