"""From colour pictures to training samples."""
