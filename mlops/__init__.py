"""The control plane: every decision of the pipeline; knows neither Airflow nor MCP nor torch."""
