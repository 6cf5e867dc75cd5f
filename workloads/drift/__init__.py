"""Has what an endpoint is asked become different from what its model was trained on? Tests, decision and report."""
