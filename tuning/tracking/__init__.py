"""MLflow as a projection of the record: runs and curves, pictures, the registered model."""
