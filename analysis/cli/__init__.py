"""The commands `python -m analysis tables` and `report`."""
