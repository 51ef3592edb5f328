"""Where functions run: this process, sandbox processes, Ray; devices, and one writer an output."""
