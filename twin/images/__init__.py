"""`make images`: the images of docker/, built, measured, and held to what SageMaker and MCP clients ask of them."""
