"""The bridge: statements of the kernel, evaluated in torch and compared with the implementation."""
