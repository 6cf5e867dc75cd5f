"""The data plane: everything that runs inside a job or an endpoint container."""
