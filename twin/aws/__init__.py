"""The AWS half of the twin: moto in our own process, with SageMaker made true."""
