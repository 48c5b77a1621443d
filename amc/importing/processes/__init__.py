"""Child processes that importers and stand-ins work in."""
