"""The inference server: SageMaker's container contract over a bare asyncio protocol, onnxruntime behind it."""
