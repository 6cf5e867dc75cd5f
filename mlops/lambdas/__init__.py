"""Small handlers that run in Lambda; each is packaged alone: `python -m mlops.lambdas package`."""
